"""Charging: what attributed rows add to charges, months and days, and to the prices of customers.

Rows come as they are inserted: days are ISO text, amounts two integers of which the second is never
negative.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from portal.usage_files.attribution import UNITS_OF_MICRO, Attribution
from portal.usage_files.expressions import text_of
from portal.usage_files.reading import BATCH

Row = tuple[Any, ...]
Batches = Iterator[list[Row]]
MICROS_OF_ONE = 10**6
IS_PURCHASE = "category IN ('Purchase', 'Tax')"
GROUP = "payer_id, account_id, cloud_id, service, category, usage_on"
"""What has one price."""
TEXTS = "cloud_id VARCHAR, account_id VARCHAR, payer_id VARCHAR"
CHARGED = """CREATE TABLE charged AS
    SELECT cloud_id, account_id, payer_id, is_waivable, service, category, day AS usage_on,
        period_on, greatest(date_trunc('month', period_on), $1::DATE)::DATE AS month_on, units
    FROM (SELECT span, service, category, day, period_on, sum(units)::HUGEINT AS units
        FROM attributed GROUP BY ALL HAVING units <> 0) JOIN bearers USING (span)
    ORDER BY cloud_id, usage_on"""
POSTED = (
    *((name, "VARCHAR") for name in ("payer_id", "account_id", "cloud_id", "service", "category")),
    *((name, "DATE") for name in ("usage_on", "month_on")),
    *((name, "BIGINT") for name in ("micros", "rest", "whole", "millionths", "missing")),
)
"""The columns of posted prices."""


def _price(units: str) -> str:
    """As `domain.prices.price_of`."""
    half, one = UNITS_OF_MICRO * MICROS_OF_ONE // 2, UNITS_OF_MICRO * MICROS_OF_ONE
    return f"sign({units})::HUGEINT * ((abs({units}) * factor + {half}) // {one})"


BEFORE = "rows BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
PRICED = f"""CREATE TABLE priced AS
    WITH months AS (
        SELECT {GROUP}, month_on, sum(more)::HUGEINT AS more, sum(units)::HUGEINT AS units,
            sum(price)::HUGEINT AS price, sum(missing)::HUGEINT AS missing
        FROM (
            SELECT {GROUP}, month_on, units AS more, 0::HUGEINT AS units, 0::HUGEINT AS price,
                0 AS missing FROM charged WHERE account_id <> payer_id
            UNION ALL SELECT {GROUP}, month_on, 0, micros::HUGEINT * {UNITS_OF_MICRO} + rest,
                whole::HUGEINT * {MICROS_OF_ONE} + millionths, missing
            FROM posted SEMI JOIN charged USING ({GROUP})
        ) GROUP BY ALL
    ), running AS (
        SELECT *, units + more AS cost, month_on >= $1::DATE AS is_open,
            coalesce(sum(units + more) OVER before, 0)::HUGEINT AS earlier,
            coalesce(sum(price) OVER before, 0)::HUGEINT AS frozen,
            coalesce(lag(month_on) OVER by_month >= $1::DATE, false) AS follows_open
        FROM months
        WINDOW by_month AS (PARTITION BY {GROUP} ORDER BY month_on),
            before AS (PARTITION BY {GROUP} ORDER BY month_on {BEFORE})
    )
    SELECT running.* EXCLUDE (more, units, price, missing, cost, is_open, earlier, frozen,
        follows_open), more AS units,
        CASE WHEN NOT is_open THEN 0 WHEN factor IS NULL THEN -price ELSE
            {_price("(earlier + cost)")} - price
            - CASE WHEN follows_open THEN {_price("earlier")} ELSE frozen END END AS price,
        CASE WHEN is_open THEN (factor IS NULL AND cost <> 0)::INT - missing ELSE 0 END AS missing
    FROM running LEFT JOIN factors ON factors.account_id = running.account_id
        AND factors.payer_id = running.payer_id AND factors.service = running.service
        AND usage_on >= first_on AND usage_on < until_on
    ORDER BY cloud_id, usage_on"""  # noqa: S608 - our own names
CHANGES = "FROM priced WHERE units <> 0 OR price <> 0 OR missing <> 0"


def _divided(whole: str, size: int) -> str:
    """Two columns: the integer by `size`, rounded down, and what is left, which is not negative."""
    rest = f"(({whole} % {size} + {size}) % {size})"
    return f"(({whole} - {rest}) // {size})::BIGINT, {rest}::BIGINT"


UNITS, PRICE = _divided("units", UNITS_OF_MICRO), _divided("price", MICROS_OF_ONE)
SUMMED = ", ".join(f"sum({name})::HUGEINT AS {name}" for name in ("units", "price", "missing"))


class Charging:
    """What a posting adds. `bearers` has cloud, account, payer and whether it is waivable for each
    span; charges of months before `open_on` go to the one that begins on it."""

    def __init__(
        self,
        attribution: Attribution,
        posting_id: str,
        bearers: Sequence[tuple[str, str, str, bool]],
        open_on: date,
    ) -> None:
        self.attribution, self.execute = attribution, attribution.connection.execute
        self.path = attribution.folder / "posted.csv"
        self.open_on, self.posting = open_on, text_of(posting_id)
        self.execute(f"CREATE TABLE bearers (span INTEGER, {TEXTS}, is_waivable BOOLEAN)")
        numbered = [(number, *bearer) for number, bearer in enumerate(bearers)]
        self._insert("bearers", numbered, ("INTEGER", "VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"))
        self.execute(CHARGED, [open_on])
        columns = ", ".join(f"{name} {kind}" for name, kind in POSTED)
        self.execute(f"CREATE TABLE posted ({columns})")
        self.execute(
            "CREATE TABLE factors (payer_id VARCHAR, account_id VARCHAR, service VARCHAR,"
            " first_on DATE, until_on DATE, factor HUGEINT)"
        )

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]], kinds: Sequence[str]) -> None:
        marks = ", ".join(f"unnest(?::{kind}[])" for kind in kinds)
        for begin in range(0, len(rows), BATCH):
            columns = [list(column) for column in zip(*rows[begin : begin + BATCH], strict=True)]
            self.execute(f"INSERT INTO {table} SELECT {marks}", columns)

    def charges(self, source_id: str) -> Batches:
        """The charges, by cloud and usage day."""
        return self.attribution.batches(
            f"""SELECT {self.posting}, rowid, {text_of(source_id)}, period_on::VARCHAR, account_id,
                payer_id, cloud_id, service, category, usage_on::VARCHAR, month_on::VARCHAR,
                {IS_PURCHASE}, is_waivable, {UNITS} FROM charged"""  # noqa: S608
        )

    def sums(self) -> Batches:
        """What charges change of statement months."""
        return self.attribution.batches(
            f"""SELECT {self.posting}, row_number() OVER () - 1, month_on::VARCHAR, payer_id,
                account_id, cloud_id, service, category, is_correction, {UNITS} FROM (
                SELECT month_on, payer_id, account_id, cloud_id, service, category,
                    date_trunc('month', period_on) < month_on AS is_correction,
                    sum(units)::HUGEINT AS units FROM charged GROUP BY ALL)"""  # noqa: S608
        )

    def days(self) -> Iterator[tuple[str, date, bool, bool, int]]:
        """By account that pays, day and kind of charges, what they come to, in 10⁻¹⁵."""
        return self.attribution.stream(
            f"""SELECT payer_id, usage_on, {IS_PURCHASE} AS is_purchase, is_waivable,
                sum(units)::HUGEINT FROM charged GROUP BY ALL"""  # noqa: S608
        )

    def priced(self) -> tuple[list[str], date]:
        """The clouds of customers, and the first usage day of their charges, if there are any."""
        query = """SELECT list(DISTINCT cloud_id ORDER BY cloud_id), min(usage_on) FROM charged
            WHERE account_id <> payer_id"""
        ((cloud_ids, first_on),) = self.attribution.stream(query)
        return cloud_ids or [], first_on

    def services(self) -> Iterator[Row]:
        """Each payer, account and service of the customers' charges."""
        return self.attribution.stream(
            """SELECT DISTINCT payer_id, account_id, service FROM charged
            WHERE account_id <> payer_id"""
        )

    def add_posted(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add prices that are posted, with the columns POSTED."""
        with self.path.open("w", newline="") as target:
            csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in POSTED)
        self.execute(
            f"""INSERT INTO posted SELECT * FROM read_csv({text_of(str(self.path))}, delim=',',
                quote='"', escape='"', auto_detect=false, header=false, new_line='\\n',
                allow_quoted_nulls=false, columns={{{columns}}})"""  # noqa: S608
        )

    def price(self, factors: Sequence[tuple[str, str, str, date, date, int]]) -> None:
        """Work out the prices by what rates make of a cost of 10⁶: payer, account, service, from
        which usage day until before which, and the factor."""
        kinds = ("VARCHAR", "VARCHAR", "VARCHAR", "DATE", "DATE", "HUGEINT")
        self._insert("factors", factors, kinds)
        self.execute(PRICED, [self.open_on])

    def prices(self) -> Batches:
        """By how much costs and prices change, by cloud and usage day."""
        return self.attribution.batches(
            f"""SELECT {self.posting}, row_number() OVER () - 1, payer_id, account_id, cloud_id,
                service, category, usage_on::VARCHAR, month_on::VARCHAR, {UNITS}, {PRICE}, missing
                {CHANGES}"""
        )

    def price_totals(self) -> Batches:
        """By how much costs and prices of clouds change in statement months."""
        return self.attribution.batches(
            f"""SELECT {self.posting}, row_number() OVER () - 1, payer_id, account_id, cloud_id,
                service, category, month_on::VARCHAR, {UNITS}, {PRICE}, missing FROM (
                SELECT payer_id, account_id, cloud_id, service, category, month_on, {SUMMED}
                FROM priced GROUP BY ALL)"""  # noqa: S608
        )
