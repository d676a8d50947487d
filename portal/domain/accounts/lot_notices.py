"""Notices of lots: 80 % and all of one are used, or it expires in seven days; what pays next."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import BigInteger, ColumnElement, and_, or_, select, type_coerce

from portal import db
from portal.domain import access, billing_days, locks, notifications
from portal.domain.access import AccountRole
from portal.domain.accounts.record import BillingAccount
from portal.domain.actors import WORKER
from portal.domain.ledger import PERSONAL, WAIVED, Ledger, Lot
from portal.domain.notifications import Kind, Target, TargetKind

BATCH = 50
NEWS_FOR = timedelta(days=31)
EXPIRES_WITHIN = timedelta(days=7)
RECIPIENTS = frozenset({AccountRole.OWNER, AccountRole.ACCOUNTANT})
LOT = "lot"
AMOUNT, USED = (type_coerce(column, BigInteger) for column in (Lot.amount, Lot.used))
"""As the integers that are stored."""


def notify_of_lots() -> bool:
    """Notify owners and accountants about a batch of lots, about each once, whatever corrections do
    to its use later. Return whether there may be more."""
    is_due = or_(_is_used_up(), _is_nearly_used(), _expires_soon())
    query = select(Lot.id, Lot.account_id).where(is_due).order_by(Lot.account_id, Lot.id)
    due = list(db.session.execute(query.limit(BATCH)))
    locks.lock(*((BillingAccount, row.account_id) for row in due))
    for row in due:
        _notify(db.session.get_one(Lot, row.id, populate_existing=True))
    db.session.flush()
    return len(due) == BATCH


def _is_used_up() -> ColumnElement[bool]:
    """It is no news about a lot that ended long ago, which late usage has used up."""
    return and_(
        Lot.used_up_notified_at.is_(None),
        AMOUNT > 0,
        Lot.used == Lot.amount,
        Lot.last_on >= billing_days.today() - NEWS_FOR,
    )


def _is_nearly_used() -> ColumnElement[bool]:
    return and_(
        Lot.nearly_used_notified_at.is_(None),
        AMOUNT > 0,
        USED * 5 >= AMOUNT * 4,
        Lot.last_on >= billing_days.today(),
    )


def _expires_soon() -> ColumnElement[bool]:
    """It is no news about a lot that is used up."""
    return and_(
        Lot.expiry_notified_at.is_(None),
        Lot.used < Lot.amount,
        Lot.last_on >= billing_days.today(),
        Lot.last_on < billing_days.today() + EXPIRES_WITHIN,
    )


def _notify(lot: Lot) -> None:
    """Notify about what has become so; under the lock of its account."""
    now, today = db.now(), billing_days.today()
    if lot.amount and lot.used == lot.amount and lot.used_up_notified_at is None:
        lot.used_up_notified_at = lot.nearly_used_notified_at = now
        _tell(Kind.LOT_USED, lot, today, percent="100")
    is_over = lot.last_on < today
    if lot.used * 5 >= lot.amount * 4 and lot.nearly_used_notified_at is None and not is_over:
        lot.nearly_used_notified_at = now
        _tell(Kind.LOT_USED, lot, today, percent="80")
    is_soon = today <= lot.last_on < today + EXPIRES_WITHIN
    if lot.used < lot.amount and is_soon and lot.expiry_notified_at is None:
        lot.expiry_notified_at = now
        _tell(Kind.LOT_EXPIRES, lot, lot.over_on, left=str(lot.remaining))


def _tell(kind: Kind, lot: Lot, day: date, **facts: str) -> None:
    """Notify about a lot, with what pays next on this day."""
    account = db.session.get_one(BillingAccount, lot.account_id)
    facts |= {"account": account.name, "amount": str(lot.amount), "day": lot.over_on.isoformat()}
    notifications.notify(
        kind,
        to=access.users_with_role(account.id, RECIPIENTS),
        about=account.id,
        target=Target(TargetKind.ACCOUNT, account.id),
        by=WORKER,
        **facts,
        **_next_bearer(lot, day),
    )


def _next_bearer(lot: Lot, day: date) -> dict[str, str]:
    is_valid = Lot.first_on <= day, Lot.last_on >= day, Lot.used < Lot.amount
    others = select(Lot).where(Lot.account_id == lot.account_id, Lot.id != lot.id, *is_valid)
    other = db.session.scalars(others.order_by(Lot.last_on, Lot.granted_at)).first()
    if other is not None:
        return {"next": LOT, "until": other.over_on.isoformat()}
    is_paid = db.session.get_one(Ledger, lot.account_id).paid_since is not None
    return {"next": PERSONAL if is_paid else WAIVED}
