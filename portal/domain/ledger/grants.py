"""Lots and the trial: the initial grant, further lots, the switch to paid."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select, update

from portal import db
from portal.domain import billing_days
from portal.domain.actors import Actor
from portal.domain.ledger.payment import DayKind
from portal.domain.ledger.posting import begin, raise_versions, settle
from portal.domain.ledger.record import DaySum, Ledger, Lot, PostingKind


def give_initial_grant(account_id: str, *, amount: Decimal, lasts: timedelta, by: Actor) -> Lot:
    """Give a new account its first lot, which ends with the day on which `lasts` is over."""
    first_on, last_on = billing_days.today(), billing_days.day_of(db.now() + lasts)
    return add_lot(
        account_id, amount=amount, first_on=first_on, last_on=last_on, by=by, is_initial=True
    )


def add_lot(
    account_id: str,
    *,
    amount: Decimal,
    first_on: date,
    last_on: date,
    by: Actor,
    reason: str = "",
    is_initial: bool = False,
) -> Lot:
    """Add a lot; the calling verb checks and records it."""
    lot = Lot(
        id=db.new_id("lot"),
        account_id=account_id,
        is_initial=is_initial,
        amount=amount,
        first_on=first_on,
        last_on=last_on,
        granted_at=db.now(),
        granted_by=by.id,
        reason=reason,
    )
    db.session.add(lot)
    db.session.flush()
    return lot


def switch_to_paid(account_id: str, *, by: Actor) -> None:
    """Usage from tomorrow on is owed; what is already charged for it is paid again. The calling
    verb has locked the account, and records the switch."""
    is_it = Ledger.account_id == account_id
    db.session.execute(update(Ledger).where(is_it).values(paid_since=db.now()))
    tomorrow = billing_days.today() + timedelta(days=1)
    settle_from(account_id, tomorrow, PostingKind.SWITCH, subject=account_id, by=by)


def settle_from(account_id: str, day: date, kind: PostingKind, *, subject: str, by: Actor) -> None:
    """Pay the account's days from this one on again, if any has a charge."""
    first = db.session.scalar(
        select(DaySum.usage_on)
        .where(DaySum.account_id == account_id, DaySum.usage_on >= day)
        .order_by(DaySum.usage_on)
        .limit(1)
    )
    if first is None:
        raise_versions([account_id])
        return
    nothing = {DayKind(first, is_purchase=False, is_waivable=False): 0}
    settle(begin(kind, subject=subject, by=by), {account_id: nothing})
