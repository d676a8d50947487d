"""What is kept of a reading: pieces of 50,000 rows as Parquet, and exact sums of groups."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb

from portal.usage_files import engine
from portal.usage_files.columns import OURS, is_apart
from portal.usage_files.expressions import AMOUNT, name_of, text_of
from portal.usage_files.reading import BATCH, UsageReading

PIECE_ROWS = 50_000
AMOUNTS, EXTRAS = "amounts", "extras"
MICRO, REST = 1_000_000, 1_000_000_000_000_000


class Piece(NamedTuple):
    """Rows of one file as Parquet, compressed by zstd. The kind `extras` has tags, names and
    unknown columns of the same rows."""

    number: int
    file: int
    kind: str
    rows: int
    content: bytes


class Owned(NamedTuple):
    """Whose rows: those of a key that overlap the time from `since_at` until `until_at`."""

    key: str
    since_at: datetime
    until_at: datetime | None


Group = tuple[str, int, str, str, str, str, str, int, int, int, str]
"""The exact sum of rows with equal values: head, number, ID of the key, service, category, usage
day, first day of the period, number of rows, `micros`·10⁻⁶ + `rest`·10⁻¹⁵, the period
again as scope. Days are ISO text."""


class KeySum(NamedTuple):
    """The sums of a key in a period; those *before the portal* are part of them."""

    key: str
    period_on: str
    first_on: str
    last_on: str
    rows: int
    micros: int
    rest: int
    before_rows: int
    before_micros: int
    before_rest: int


class ScopeSum(NamedTuple):
    """The sums of a billing period, which begins on the day `period_on` as written."""

    period_on: date
    rows: int
    micros: int
    rest: int


def sums_of(amount: str) -> str:
    """Two columns, integers whose sum is exactly that of the amounts. The first is rounded half
    away from zero, as DuckDB's cast does."""
    total = f"coalesce(sum({amount}), 0)::{AMOUNT}"
    micros = f"{total}::DECIMAL(38,6)"
    return (
        f"({micros} * {MICRO})::BIGINT, (({total} - {micros})::{AMOUNT} * {REST}::HUGEINT)::BIGINT"
    )


CHECKED = ("key", "service", "category", "usage_on", "period_on", "amount", "start_at", "end_at")
TYPED = tuple(f"{name} AS {OURS}{name}" for name in CHECKED)
"""The checked values that are kept beside what was delivered."""
IS_BEFORE = """coalesce(CASE WHEN end_at > start_at THEN end_at <= since_at
    ELSE start_at < since_at END, false)"""
"""A row wholly before the first link of its cloud; one without length is a point."""


def keys(reading: UsageReading) -> Iterator[str]:
    """The distinct keys of the rows."""
    for (key,) in reading.stream("SELECT DISTINCT key FROM checked ORDER BY key"):
        yield key


def scopes(reading: UsageReading) -> list[ScopeSum]:
    """The billing periods in the rows."""
    query = f"SELECT period_on, count(*), {sums_of('amount')} FROM checked GROUP BY 1 ORDER BY 1"  # noqa: S608
    return [ScopeSum(*row) for row in reading.select(query)]


def identify_keys(
    reading: UsageReading, ids: Mapping[str, str], since: Mapping[str, datetime]
) -> None:
    """Give keys their IDs, and the start of the first link of their cloud, if one is known."""
    reading.connection.execute(
        "CREATE OR REPLACE TABLE keys (key VARCHAR, id VARCHAR, since_at TIMESTAMPTZ)"
    )
    listed = list(ids)
    for begin in range(0, len(listed), BATCH):
        batch = listed[begin : begin + BATCH]
        columns = [batch, [ids[key] for key in batch], [since.get(key) for key in batch]]
        reading.connection.execute(
            "INSERT INTO keys SELECT unnest(?), unnest(?), unnest(?::TIMESTAMPTZ[])", columns
        )


def groups(reading: UsageReading, head: str) -> Iterator[list[Group]]:
    """The groups in batches, each with `head` and its number. Call `identify_keys` first."""
    query = f"""SELECT {text_of(head)}, row_number() OVER () - 1, id, service, category,
            usage_on::VARCHAR, period_on::VARCHAR AS period, rows, micros, rest, period FROM (
            SELECT id, service, category, usage_on, period_on, count(*), {sums_of("amount")}
            FROM checked JOIN keys USING (key) GROUP BY ALL
        ) AS g (id, service, category, usage_on, period_on, rows, micros, rest)"""  # noqa: S608
    return reading.batches(query)


def key_sums(reading: UsageReading) -> Iterator[KeySum]:
    """The sums by key and period. Call `identify_keys` first."""
    before = f"CASE WHEN {IS_BEFORE} THEN amount END"
    query = f"""SELECT id, period_on::VARCHAR, min(usage_on)::VARCHAR, max(usage_on)::VARCHAR,
        count(*), {sums_of("amount")}, count({before}), {sums_of(before)}
        FROM checked JOIN keys USING (key) GROUP BY id, period_on ORDER BY id"""  # noqa: S608
    yield from map(KeySum._make, reading.stream(query))


def pieces(reading: UsageReading) -> Iterator[Piece]:
    """The rows in pieces of PIECE_ROWS, file by file, each row with its number."""
    number = 0
    for file, layout in enumerate(reading.layouts):
        columns = {name: f"c{place}" for place, name in enumerate(layout.names)}
        amounts = {name: column for name, column in columns.items() if not is_apart(name)}
        extras = {name: column for name, column in columns.items() if is_apart(name)}
        (((last,),)) = reading.select("SELECT max(n) FROM checked WHERE file = ?", file)
        for begin in range(0, last or 0, PIECE_ROWS):
            where = f"n > {begin} AND n <= {begin + PIECE_ROWS}"
            good = f"(SELECT * FROM checked WHERE file = {file} AND {where})"  # noqa: S608
            count = reading.select(f"SELECT count(*) FROM {good}")[0][0]  # noqa: S608
            if not count:
                continue
            number += 1
            for kind, chosen, ours in ((AMOUNTS, amounts, TYPED), (EXTRAS, extras, ())):
                if chosen:
                    raw = f"(SELECT * FROM raw{file} WHERE {where})"  # noqa: S608
                    named = [f"{column} AS {name_of(name)}" for name, column in chosen.items()]
                    query = f"""SELECT n AS {OURS}row, {", ".join([*ours, *named])}
                        FROM {raw} JOIN {good} USING (n)"""  # noqa: S608
                    yield Piece(number, file, kind, count, _write(reading, query))


def _write(reading: UsageReading, query: str) -> bytes:
    """The rows of the query as Parquet."""
    target = reading.folder / "piece.parquet"
    reading.connection.execute(
        f"COPY ({query}) TO {text_of(str(target))} (FORMAT parquet, COMPRESSION zstd)"
    )
    content = target.read_bytes()
    target.unlink()
    return content


@contextmanager
def _opened(contents: Iterable[bytes]) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection, and the FROM of the rows in kept pieces."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, content in enumerate(contents):
            (folder / f"{number}.parquet").write_bytes(content)
        connection = engine.connect(folder)
        try:
            listed = ", ".join(text_of(str(path)) for path in folder.glob("*.parquet"))
            yield connection, f"read_parquet([{listed}], union_by_name=true)"
        finally:
            connection.close()


def group_pieces(contents: Iterable[bytes]) -> dict[tuple[str, ...], tuple[int, Decimal]]:
    """Rows and exact sum by key, service, category, usage day and period of the kept pieces. Raises
    duckdb.Error for a piece that can't be read."""
    columns = ", ".join(f"{OURS}{name}::VARCHAR" for name in CHECKED[:5])
    with _opened(contents) as (connection, source):
        query = f"SELECT {columns}, count(*), sum(portal_amount) FROM {source} GROUP BY ALL"  # noqa: S608
        rows = connection.execute(query).fetchall()
        return {tuple(row[:5]): (row[5], row[6]) for row in rows}


def sum_before(
    contents: Iterable[bytes], key: str, since_at: datetime
) -> dict[date, tuple[int, int, int]]:
    """Rows, micros and rest by period of the kept rows of a key wholly before the instant."""
    test = IS_BEFORE.replace("start_at", "portal_start_at").replace("end_at", "portal_end_at")
    test = test.replace("since_at", "$since::TIMESTAMPTZ")
    with _opened(contents) as (connection, source):
        query = f"""SELECT portal_period_on, count(*), {sums_of("portal_amount")} FROM {source}
            WHERE portal_key = $key AND {test} GROUP BY 1"""  # noqa: S608
        rows = connection.execute(query, {"key": key, "since": since_at}).fetchall()
        return {row[0]: (row[1], row[2], row[3]) for row in rows}


def without_rows(amounts: bytes, extras: bytes, owned: Sequence[Owned]) -> bytes | None:
    """The extras of a piece without those of these rows, which its amounts tell; None if it has
    none of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {kind: folder / f"{kind}.parquet" for kind in (AMOUNTS, EXTRAS, "left")}
        paths[AMOUNTS].write_bytes(amounts)
        paths[EXTRAS].write_bytes(extras)
        kept, theirs, left = (text_of(str(path)) for path in paths.values())
        connection = engine.connect(folder)
        try:
            connection.execute("CREATE TABLE owned (k VARCHAR, s TIMESTAMPTZ, u TIMESTAMPTZ)")
            connection.executemany("INSERT INTO owned VALUES (?, ?, ?)", [list(it) for it in owned])
            connection.execute(
                f"""CREATE TABLE gone AS SELECT DISTINCT {OURS}row AS n FROM read_parquet({kept})
                JOIN owned ON k = {OURS}key WHERE greatest({OURS}start_at, {OURS}end_at) >= s
                AND (u IS NULL OR {OURS}start_at < u)"""  # noqa: S608 - our own names
            )
            if not connection.execute("SELECT count(*) FROM gone").fetchall()[0][0]:
                return None
            query = f"SELECT * FROM read_parquet({theirs}) WHERE {OURS}row NOT IN (FROM gone)"  # noqa: S608
            connection.execute(f"COPY ({query}) TO {left} (FORMAT parquet, COMPRESSION zstd)")
        finally:
            connection.close()
        return paths["left"].read_bytes()
