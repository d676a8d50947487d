"""Keeping totals: add what a posting changes, in the transaction that posts it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import TextClause, delete, text

from portal import db
from portal.domain.ledger import UNITS_OF_MICRO
from portal.domain.totals.record import NANO, By, UsageChange, UsageTotal

COLUMNS = (
    *("posting_id", "number", "account_id", "payer_id", "cloud_id", "service", "category", "unit"),
    *("month_on", "next_on", "is_correction", "micros", "rest", "quantity", "nanos"),
)
MONTH = timedelta(days=31)


class ChangeRow(NamedTuple):
    """By `units` of 10⁻¹⁵ and `nanos` of its quantity a total changes; `month_on` is ISO text.
    A correction is for usage of a month that was closed before."""

    account_id: str
    payer_id: str
    cloud_id: str
    service: str
    category: str
    unit: str
    month_on: str
    is_correction: bool
    units: int
    nanos: int


def add_changes(posting_id: str, first: int, rows: Iterable[ChangeRow]) -> None:
    """Stage changes whose numbers run from `first`."""
    db.insert_rows(
        UsageChange,
        COLUMNS,
        (
            (
                *(posting_id, number, *row[:7], _next(row.month_on), row.is_correction),
                *divmod(row.units, UNITS_OF_MICRO),
                *divmod(row.nanos, NANO),
            )
            for number, row in enumerate(rows, start=first)
        ),
    )


def _next(month_on: str) -> str:
    return (date.fromisoformat(month_on) + MONTH).replace(day=1).isoformat()


def keep(posting_id: str) -> None:
    """Add a posting's changes to the totals and sums. The caller has locked the accounts that
    pay."""
    for statement in STATEMENTS:
        db.session.execute(statement, {"posting": posting_id})
    done = delete(UsageChange).where(UsageChange.posting_id == posting_id)
    db.session.execute(done.execution_options(synchronize_session=False))


def _summed(whole: str, part: str, size: int) -> str:
    """The sums of both columns; the second stays below `size`."""
    total = f"CAST(SUM({part}) AS BIGINT)"
    return f"CAST(SUM({whole}) AS BIGINT) + {total} / {size}, {total} % {size}"


def _grown(table: str, whole: str, part: str, size: int) -> str:
    """Both columns of a row that is there, with those of the new one added."""
    parts = f"({table}.{part} + excluded.{part})"
    more = f"excluded.{whole} + {parts} / {size}"
    return f"{whole} = {table}.{whole} + {more}, {part} = {parts} % {size}"


AMOUNTS = (("micros", "rest", UNITS_OF_MICRO), ("quantity", "nanos", NANO))
SUMS = ", ".join(_summed(*names) for names in AMOUNTS)
TOTAL_KEY = ", ".join(column.name for column in UsageTotal.__table__.primary_key)
SUM_KEY = "account_id,grouped_by,month_on,key,unit"

MORE_MICROS = f"excluded.micros + (usage_sums.rest + excluded.rest) / {UNITS_OF_MICRO}"
GROUPINGS = (
    (By.TOTAL, "payer_id", "''", "''", "1 = 1"),
    (By.CUSTOMER, "payer_id", "account_id", "''", "1 = 1"),
    (By.CLOUD, "payer_id", "cloud_id", "''", "1 = 1"),
    (By.SERVICE, "payer_id", "service", "''", "1 = 1"),
    (By.QUANTITY, "payer_id", "service", "unit", "unit <> ''"),
    *(
        (by, "account_id", key, unit, f"account_id <> payer_id AND {which}")
        for by, key, unit, which in (
            (By.TOTAL, "''", "''", "1 = 1"),
            (By.CLOUD, "cloud_id", "''", "1 = 1"),
            (By.SERVICE, "service", "''", "1 = 1"),
            (By.QUANTITY, "service", "unit", "unit <> ''"),
        )
    ),
)
"""By what, whose sums, their key and unit, and which changes count."""


def _add_totals(table: str, which: str) -> TextClause:
    return text(f"""INSERT INTO {table}
        ({TOTAL_KEY}, payer_id, micros, rest, quantity, nanos)
        SELECT {TOTAL_KEY}, payer_id, {SUMS} FROM usage_changes
        WHERE posting_id = :posting AND {which}
        GROUP BY {TOTAL_KEY}, payer_id ON CONFLICT ({TOTAL_KEY})
        DO UPDATE SET {", ".join(_grown(table, *names) for names in AMOUNTS)}""")  # noqa: S608


def _add_sums(by: By, whose: str, key: str, unit: str, which: str) -> TextClause:
    values = ", ".join(dict.fromkeys((whose, key, unit, "month_on")))
    grouped = values.replace("'', ", "")
    return text(f"""INSERT INTO usage_sums ({SUM_KEY}, micros, rest, quantity, nanos, change)
        SELECT {whose}, '{by}', month_on, {key}, {unit}, {SUMS},
            CAST(SUM(micros) AS BIGINT) + CAST(SUM(rest) AS BIGINT) / {UNITS_OF_MICRO}
        FROM usage_changes WHERE posting_id = :posting AND {which} GROUP BY {grouped}
        ON CONFLICT ({SUM_KEY}) DO UPDATE SET change = usage_sums.change + {MORE_MICROS},
            {", ".join(_grown("usage_sums", *names) for names in AMOUNTS)}""")  # noqa: S608


def _compare_next(by: By, whose: str, key: str, unit: str, which: str) -> TextClause:
    """The change of the months after those that the posting changes."""
    return text(f"""INSERT INTO usage_sums ({SUM_KEY}, micros, rest, quantity, nanos, change)
        SELECT sums.account_id, sums.grouped_by, months.next_on, sums.key, sums.unit,
            0, 0, 0, 0, -sums.micros
        FROM (SELECT DISTINCT {whose} AS whose, {key} AS its_key, {unit} AS its_unit, month_on,
            next_on FROM usage_changes WHERE posting_id = :posting AND {which}) AS months
        JOIN usage_sums AS sums ON sums.account_id = months.whose AND sums.grouped_by = '{by}'
            AND sums.month_on = months.month_on AND sums.key = months.its_key
            AND sums.unit = months.its_unit
        WHERE 1 = 1 ON CONFLICT ({SUM_KEY})
        DO UPDATE SET change = usage_sums.micros + excluded.change""")  # noqa: S608


STATEMENTS = (
    _add_totals("usage_totals", "1 = 1"),
    _add_totals("corrected_totals", "is_correction"),
    *(_add_sums(*grouping) for grouping in GROUPINGS),
    *(_compare_next(*it) for it in GROUPINGS if it[0] not in (By.TOTAL, By.QUANTITY)),
)
