"""Attribution: what the rows of deliveries cost by link of their cloud, summed exactly.

The shares of a row are those of `domain.charges.splitting`: differences of ⌊cost·t/T⌋ in 10⁻¹⁵,
toward zero.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from portal.usage_files import engine
from portal.usage_files.expressions import name_of, text_of
from portal.usage_files.pieces import MICRO, REST, sums_of
from portal.usage_files.reading import BATCH

UNITS_OF_MICRO = REST // MICRO


class Span(NamedTuple):
    """A link of the cloud that a key names, from `since_us` to `until_us` in microseconds since
    1970; `first_us` is when the cloud's first link began, `since_on` the usage day of `since_us`.
    The first link takes all that it overlaps. `sign` is −1 to take charges back."""

    key: str
    sign: int
    since_us: int
    until_us: int
    first_us: int
    since_on: date


class Term(NamedTuple):
    """The kept rows of a delivery in some of its periods, to be added or taken back by `sign`."""

    contents: Iterable[bytes]
    sign: int
    periods: Sequence[date]


class Share(NamedTuple):
    """What span number `span` costs: `units` of 10⁻¹⁵. Days are ISO text."""

    span: int
    service: str
    category: str
    usage_on: str
    period_on: str
    units: int


class Total(NamedTuple):
    """What span number `span` costs and uses in a billing period: `units` of 10⁻¹⁵, and of its
    quantity `nanos` of 10⁻⁹; `unit` is empty for rows without quantity."""

    span: int
    service: str
    category: str
    unit: str
    period_on: str
    units: int
    nanos: int


class LateRow(NamedTuple):
    """A row that ends after a moment, and is not *before the portal*; `term` is its number."""

    term: int
    key: str
    service: str
    category: str
    usage_on: str
    period_on: str
    start_us: int
    end_us: int
    units: int
    unit: str
    nanos: int


IS_SPLIT = "(category = 'Usage' AND end_us > start_us)"
IS_BORNE = f"""CASE WHEN {IS_SPLIT} THEN start_us < until_us AND end_us > since_us
    ELSE start_us >= since_us AND start_us < until_us END"""
IS_AFTER = "CASE WHEN end_us > start_us THEN end_us > first_us ELSE start_us >= first_us END"
IS_WHOLE = f"(NOT {IS_SPLIT} OR (start_us >= since_us AND end_us <= until_us))"
UNITS = "replace(amount::DECIMAL(38,15)::VARCHAR, '.', '')::HUGEINT"


def _elapsed(moment: str, units: str) -> str:
    """The units of a row until the moment, toward zero; the product with a time would not fit."""
    time, length = f"({moment} - start_us)::HUGEINT", "(end_us - start_us)::HUGEINT"
    whole, rest = f"(abs({units}) // {length})", f"(abs({units}) % {length})"
    return f"sign({units})::HUGEINT * ({whole} * {time} + {rest} * {time} // {length})"


def _part(units: str) -> str:
    """The units of the part of a row that a span bears."""
    until, since = "least(until_us, end_us)", "greatest(since_us, start_us)"
    return f"({_elapsed(until, units)} - {_elapsed(since, units)})"


SIGN = "row_sign * span_sign"
SHARES = f"""(SELECT *, CASE WHEN {SIGN} < 0 THEN -amount ELSE amount END AS signed
    FROM rows JOIN spans USING (key)) WHERE {IS_AFTER} AND {IS_BORNE}"""  # noqa: S608
COST = f"""{sums_of(f"CASE WHEN {IS_WHOLE} THEN signed END")},
    coalesce(sum(CASE WHEN NOT {IS_WHOLE} THEN {_part(UNITS)} * {SIGN} END), 0)"""
QUANTITY = f"coalesce(sum(CASE WHEN {IS_WHOLE} THEN nanos ELSE {_part('nanos')} END * {SIGN}), 0)"


ATTRIBUTED = f"""CREATE TABLE attributed AS SELECT * EXCLUDE (micros, rest, parts),
    micros::HUGEINT * {UNITS_OF_MICRO} + rest + parts AS units FROM (
        SELECT span, service, category, unit, period_on,
            CASE WHEN since_us > start_us THEN since_on ELSE usage_on END AS day,
            {COST}, {QUANTITY} FROM {SHARES} GROUP BY ALL
    ) AS summed (span, service, category, unit, period_on, day, micros, rest, parts, nanos)"""  # noqa: S608


class Attribution:
    """Rows of deliveries, joined with spans; their sums are the table `attributed`. Use it in
    `with attribute(…)`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection, self.folder = connection, folder
        connection.execute(ATTRIBUTED)

    def shares(self) -> Iterator[Share]:
        """What each span costs, without zeros."""
        yield from map(
            Share._make,
            self.stream(
                """SELECT span, service, category, day::VARCHAR, period_on::VARCHAR,
                sum(units)::HUGEINT AS units FROM attributed GROUP BY ALL HAVING units <> 0"""
            ),
        )

    def totals(self) -> Iterator[Total]:
        """What each span costs and uses by billing period, without zeros."""
        yield from map(
            Total._make,
            self.stream(
                """SELECT span, service, category, unit, period_on::VARCHAR,
                sum(units)::HUGEINT AS units, sum(nanos)::HUGEINT AS nanos FROM attributed
                GROUP BY ALL HAVING units <> 0 OR nanos <> 0 ORDER BY span"""
            ),
        )

    def late_rows(self, after_us: int) -> Iterator[LateRow]:
        """The added rows that end after the moment."""
        query = f"""SELECT term, key, service, category, usage_on::VARCHAR, period_on::VARCHAR,
            start_us, end_us, {UNITS}, unit, nanos FROM rows
            JOIN (SELECT DISTINCT key, first_us FROM spans WHERE span_sign > 0) USING (key)
            WHERE row_sign > 0 AND greatest(start_us, end_us) > {after_us} AND {IS_AFTER}"""  # noqa: S608
        yield from map(LateRow._make, self.stream(query))

    def batches(self, query: str) -> Iterator[list[Any]]:
        """The rows of a query, BATCH of them at a time."""
        result = self.connection.execute(query)
        while rows := result.fetchmany(BATCH):
            yield rows

    def stream(self, query: str) -> Iterator[Any]:
        """The rows of a query."""
        return chain.from_iterable(self.batches(query))


@contextmanager
def attribute(terms: Sequence[Term], spans: Sequence[Span]) -> Iterator[Attribution]:
    """Join the rows of the terms with the spans. Raises duckdb.Error for rows that can't be
    read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = [_write(folder, number, term) for number, term in enumerate(terms)]
        connection = engine.connect(folder)
        try:
            selects = [
                _select(connection, number, term, paths)
                for number, (term, paths) in enumerate(zip(terms, listed, strict=True))
                if paths
            ]
            rows = " UNION ALL ".join(selects) or NO_ROWS
            connection.execute(f"CREATE VIEW rows AS {rows}")
            _insert_spans(connection, spans)
            yield Attribution(connection, folder)
        finally:
            connection.close()


COLUMNS = """portal_key AS key, portal_service AS service, portal_category AS category,
    portal_usage_on AS usage_on, portal_period_on AS period_on, portal_amount AS amount,
    epoch_us(portal_start_at) AS start_us, epoch_us(portal_end_at) AS end_us"""
NO_ROWS = """SELECT 0 AS term, '' AS key, '' AS service, '' AS category, DATE '2000-01-01' AS
    usage_on, DATE '2000-01-01' AS period_on, 0::DECIMAL(38,15) AS amount, 0::BIGINT AS start_us,
    0::BIGINT AS end_us, '' AS unit, 0::HUGEINT AS nanos, 1 AS row_sign WHERE false"""
QUANTITIES = (
    ("ConsumedQuantity", "ConsumedUnit"),
    ("PricingQuantity", "PricingUnit"),
    ("quantity", "unit"),
)
"""Columns of quantities with their units; the first that has both counts."""
QUANTITY_PATTERN = r"[+-]?(\d{1,18}(\.\d*)?|\.\d+)"
MAX_UNIT = 100


def _write(folder: Path, number: int, term: Term) -> str:
    """Write the pieces of the term into the folder; their paths as SQL, empty without any."""
    paths = []
    for piece, content in enumerate(term.contents):
        path = folder / f"{number}-{piece}.parquet"
        path.write_bytes(content)
        paths.append(text_of(str(path)))
    return ", ".join(paths)


def _select(connection: duckdb.DuckDBPyConnection, number: int, term: Term, paths: str) -> str:
    """The SELECT of the rows of the term."""
    source = f"read_parquet([{paths}], union_by_name=true)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    days = ", ".join(text_of(day.isoformat()) for day in term.periods) or "NULL"
    return f"""SELECT {number} AS term, {COLUMNS}, {_quantity({row[0] for row in described})},
        {term.sign} AS row_sign FROM {source} WHERE portal_period_on IN ({days})"""  # noqa: S608


def _quantity(names: Collection[str]) -> str:
    """Columns with unit and quantity of a row, rounded to 10⁻⁹. Only usage has quantities."""
    found = {name.casefold(): name_of(name) for name in names}
    units, nanos = [], []
    for columns in QUANTITIES:
        if not all(name.casefold() in found for name in columns):
            continue
        quantity, unit = (f"trim({found[name.casefold()]}::VARCHAR)" for name in columns)
        is_good = f"regexp_full_match({quantity}, {text_of(QUANTITY_PATTERN)}) AND {unit} <> ''"
        when = f"WHEN portal_category = 'Usage' AND {is_good} THEN"
        number = f"try_cast({quantity} AS DECIMAL(38,9))::VARCHAR"
        units.append(f"{when} left({unit}, {MAX_UNIT})")
        nanos.append(f"{when} replace({number}, '.', '')::HUGEINT")
    if not units:
        return "'' AS unit, 0::HUGEINT AS nanos"
    return f"CASE {' '.join(units)} ELSE '' END AS unit, CASE {' '.join(nanos)} ELSE 0 END AS nanos"


def _insert_spans(connection: duckdb.DuckDBPyConnection, spans: Sequence[Span]) -> None:
    connection.execute(
        """CREATE TABLE spans (span INTEGER, key VARCHAR, span_sign INTEGER, since_us BIGINT,
        until_us BIGINT, first_us BIGINT, since_on DATE)"""
    )
    marks = ", ".join(f"unnest(?::{kind}[])" for kind in SPAN_TYPES)
    for begin in range(0, len(spans), BATCH):
        batch = spans[begin : begin + BATCH]
        numbers = list(range(begin, begin + len(batch)))
        columns = [numbers, *map(list, zip(*batch, strict=True))]
        connection.execute(f"INSERT INTO spans SELECT {marks}", columns)


SPAN_TYPES = ("INTEGER", "VARCHAR", "INTEGER", "BIGINT", "BIGINT", "BIGINT", "DATE")
