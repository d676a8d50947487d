"""Changes: what publishing a staged delivery changes for each account that pays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select

from portal import db
from portal.domain import charges
from portal.domain.accounts import BillingAccount
from portal.domain.charges import Charge
from portal.domain.errors import Refused
from portal.domain.ledger import UNITS_OF_MICRO, DaySum, Posting, PostingKind
from portal.domain.usage.amounts import exact, total
from portal.domain.usage.preparing import basis_of, refuse_purged, replaced_by
from portal.domain.usage.record import Delivery, DeliveryScope, UsageKey

CHANGES_PAGE = 50


class AccountChange(NamedTuple):
    """What the source charges an account in the periods of a delivery, before and after it."""

    account_id: str
    name: str
    old: Decimal
    new: Decimal

    @property
    def difference(self) -> Decimal:
        return self.new - self.old


class Changes(NamedTuple):
    """A page of changes, the biggest differences first, and one more if there is a next page; the
    number of all; whether they are still what publishing posts. None of them if publishing is
    refused, since rows that it would take back are no longer kept."""

    rows: list[AccountChange]
    accounts: int
    is_current: bool
    refusal: Refused | None = None


def changes_of(delivery: Delivery, *, after: int = 0) -> Changes | None:
    """What publishing a staged delivery changes, beyond the first `after` accounts. None if that is
    not worked out. The caller checks visibility."""
    posting = charges.staged_posting(PostingKind.DELIVERY, delivery.id)
    if posting is None:
        return None
    ended = replaced_by(delivery)
    try:
        refuse_purged(ended)
    except Refused as refusal:
        return Changes([], 0, is_current=True, refusal=refusal)
    is_its = DaySum.posting_id == posting.id
    count = select(func.count(DaySum.account_id.distinct())).where(is_its)
    found = list(db.session.execute(_differences(is_its).offset(after).limit(CHANGES_PAGE + 1)))
    old = _charged(delivery, [row[0] for row in found])
    rows = []
    for account_id, name, micros, rest in found:
        before = old.get(account_id, 0)
        difference = int(micros) * UNITS_OF_MICRO + int(rest)
        rows.append(
            AccountChange(account_id, name, exact(0, before), exact(0, before + difference))
        )
    used, now = (posting.basis or {})["usage"], basis_of(delivery, ended)
    return Changes(rows, db.session.scalar(count) or 0, used == now)


def _differences(is_its: ColumnElement[bool]) -> Select[str, str, int, int]:
    """Accounts with micros and rest by which they change. A rest is too small to order by."""
    micros = total(DaySum.micros)  # type: ignore[arg-type]
    query: Select[str, str, int, int] = (
        select(DaySum.account_id, BillingAccount.name, micros, total(DaySum.rest))  # type: ignore[arg-type]
        .join(BillingAccount, BillingAccount.id == DaySum.account_id)
        .where(is_its)
        .group_by(DaySum.account_id, BillingAccount.name)
        .order_by(func.abs(micros).desc(), DaySum.account_id)
    )
    return query


def _charged(delivery: Delivery, account_ids: list[str]) -> dict[str, int]:
    """What the source charges accounts in the periods of the delivery now, in 10⁻¹⁵."""
    periods = select(DeliveryScope.scope_on).where(DeliveryScope.delivery_id == delivery.id)
    query = (
        select(Charge.payer_id, total(Charge.micros), total(Charge.rest))  # type: ignore[arg-type]
        .where(
            Charge.posting_id.in_(_postings(delivery, periods)),
            Charge.source_id == delivery.source_id,
            Charge.scope_on.in_(periods),
            Charge.payer_id.in_(account_ids),
        )
        .group_by(Charge.payer_id)
    )
    return {row[0]: int(row[1]) * UNITS_OF_MICRO + int(row[2]) for row in db.session.execute(query)}


def _postings(delivery: Delivery, periods: Select[Any]) -> Select[Any]:
    """The posted postings that may have charges of the source in these periods: charges have no
    index by source."""
    deliveries = (
        select(DeliveryScope.delivery_id)
        .join(Delivery, Delivery.id == DeliveryScope.delivery_id)
        .where(Delivery.source_id == delivery.source_id, DeliveryScope.scope_on.in_(periods))
    )
    keys = select(UsageKey.id).where(UsageKey.source_id == delivery.source_id)
    is_theirs = or_(
        Posting.subject.in_(deliveries),
        Posting.subject.in_(keys),
        Posting.kind == PostingKind.LINK,
    )
    return select(Posting.id).where(Posting.posted_at.is_not(None), is_theirs)
