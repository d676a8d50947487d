"""Checks of totals: they are what charges sum to, and sums are what totals do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, literal, select, union_all

from portal.domain.charges import Charge, ChargeSum
from portal.domain.doctor.check import Query, raw, select_check
from portal.domain.doctor.money import is_not_zero
from portal.domain.ledger import Posting
from portal.domain.totals import By, CorrectedTotal, UsageSum, UsageTotal

BY_CLOUD = ("account_id", "payer_id", "cloud_id", "service", "month_on")
AMOUNTS = ("micros", "rest", "quantity", "nanos")


def _columns(model: Any, names: tuple[str, ...]) -> list[Any]:
    return [getattr(model, name) for name in names]


@select_check("I9", "The account's total of {1} in the month of {2} is not that of its charges.")
def total_differs_from_charges() -> Query:
    charged = (
        select(*_columns(Charge, BY_CLOUD), raw(Charge.category), Charge.micros, Charge.rest)
        .join(Posting, Posting.id == Charge.posting_id)
        .where(Posting.posted_at.is_not(None))
    )
    kept = _columns(UsageTotal, (*BY_CLOUD, "category"))
    rows = union_all(charged, select(*kept, -UsageTotal.micros, -UsageTotal.rest)).subquery().c
    query = select(rows.account_id, rows.cloud_id, rows.month_on)
    query = query.group_by(*list(rows)[: len(kept)])
    return query.having(is_not_zero(rows.micros, rows.rest))


@select_check(
    "I9", "The account's correction of {1} in the month of {2} is not that of its charges."
)
def correction_differs_from_charges() -> Query:
    """Its cost is part of a total, whose quantity has a part, too."""
    columns = (*BY_CLOUD, "category", "micros", "rest")
    charged = (
        select(*_columns(ChargeSum, BY_CLOUD), raw(ChargeSum.category))
        .add_columns(ChargeSum.micros, ChargeSum.rest)
        .join(Posting, Posting.id == ChargeSum.posting_id)
        .where(Posting.posted_at.is_not(None), ChargeSum.is_correction)
    )
    *key, micros, rest = _columns(CorrectedTotal, columns)
    rows = union_all(charged, select(*key, -micros, -rest)).subquery().c
    query = select(rows.account_id, rows.cloud_id, rows.month_on)
    query = query.group_by(*list(rows)[: len(key)])
    return query.having(is_not_zero(rows.micros, rows.rest))


@select_check("I9", "The account's sum by {1} in the month of {2} is not that of its totals.")
def sum_differs_from_totals() -> Query:
    total = UsageTotal
    nothing = literal("")
    groupings = (
        (By.TOTAL, total.payer_id, nothing, nothing),
        (By.CUSTOMER, total.payer_id, total.account_id, nothing),
        (By.CLOUD, total.payer_id, total.cloud_id, nothing),
        (By.SERVICE, total.payer_id, total.service, nothing),
        (By.QUANTITY, total.payer_id, total.service, total.unit),
        (By.TOTAL, total.account_id, nothing, nothing),
        (By.CLOUD, total.account_id, total.cloud_id, nothing),
        (By.SERVICE, total.account_id, total.service, nothing),
        (By.QUANTITY, total.account_id, total.service, total.unit),
    )
    parts: list[Any] = []
    for by, whose, key, unit in groupings:
        query = select(
            *(whose.label("account_id"), literal(str(by)).label("by"), total.month_on),
            *(key.label("key"), unit.label("unit"), *_columns(total, AMOUNTS)),
        )
        if by is By.QUANTITY:
            query = query.where(total.unit != "")
        if whose is total.account_id:
            query = query.where(total.account_id != total.payer_id)
        parts.append(query)
    names = ("account_id", "grouped_by", "month_on", "key", "unit")
    kept = [
        raw(column) if column.key == "grouped_by" else column
        for column in _columns(UsageSum, names)
    ]
    parts.append(select(*kept, *(-column for column in _columns(UsageSum, AMOUNTS))))
    rows = union_all(*parts).subquery().c
    query = select(rows.account_id, rows.by, rows.month_on)
    query = query.group_by(*list(rows)[: len(names)])
    return query.having(
        is_not_zero(rows.micros, rows.rest) | is_not_zero(rows.quantity, rows.nanos)
    )


@select_check("I9", "The change of the account's sum by {1} in the month of {2} is wrong.")
def change_differs_from_sums() -> Query:
    """The row before is that of the month before, or has no sum."""
    key = _columns(UsageSum, ("account_id", "grouped_by", "key"))
    before = func.lag(UsageSum.micros).over(partition_by=key, order_by=UsageSum.month_on)
    off = (UsageSum.micros - func.coalesce(before, 0) - UsageSum.change).label("off")
    columns = UsageSum.account_id, raw(UsageSum.grouped_by).label("by"), UsageSum.month_on
    compared = UsageSum.grouped_by.in_((By.CUSTOMER, By.CLOUD, By.SERVICE))
    rows = select(*columns, off).where(compared).subquery().c
    return select(rows.account_id, rows.by, rows.month_on).where(rows.off != 0)
