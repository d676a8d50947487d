"""Cost lines: what each cloud cost in a month by service, category and unit, for exports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select, tuple_

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.totals import UsageTotal, quantity_of
from portal.domain.usage import exact

PAGE = 1_000
KEY = (
    *(UsageTotal.account_id, UsageTotal.cloud_id, UsageTotal.service),
    *(UsageTotal.category, UsageTotal.unit),
)


class CostLine(NamedTuple):
    """What a cloud cost an account, by service, category and unit."""

    account_id: str
    cloud_id: str
    service: str
    category: str
    unit: str
    amount: Decimal
    quantity: Decimal

    @property
    def key(self) -> tuple[str, ...]:
        """Where the next page begins."""
        return self[:5]


def lines_of(
    account: BillingAccount, month: date, *, after: tuple[str, ...] | None = None
) -> list[CostLine]:
    """A page of the lines that an account pays for, or of a subaccount's; empty after the last."""
    amounts = UsageTotal.micros, UsageTotal.rest, UsageTotal.quantity, UsageTotal.nanos
    payer_id = account.parent_id or account.id
    which = [UsageTotal.payer_id == payer_id, UsageTotal.month_on == month]
    if account.parent_id:
        which.append(UsageTotal.account_id == account.id)
    query = select(*KEY, *amounts).where(*which)
    if after is not None:
        query = query.where(tuple_(*KEY) > tuple_(*after))
    rows = db.session.execute(query.order_by(*KEY).limit(PAGE))
    return [
        CostLine._make((*key, exact(micros, rest), quantity_of(quantity, nanos)))
        for *key, micros, rest, quantity, nanos in rows
    ]
