"""Closing a month in the books of an account: what its closing froze, expired lots, rounding."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from portal import db
from portal.domain.actors import Actor
from portal.domain.billing_months import first_open_before, next_month
from portal.domain.ledger.payment import PERSONAL, Draws
from portal.domain.ledger.posting import add_entries, begin
from portal.domain.ledger.record import Draw, Entry, Lot, Posting, PostingKind


def borne_in(account_id: str, month_on: date) -> Draws:
    """What each bearer bears of what the closing of a month froze, without zeros."""
    query = (
        select(Draw.bearer, func.sum(Draw.micros))
        .join(Posting, Posting.id == Draw.posting_id)
        .where(
            Draw.account_id == account_id,
            Draw.closed_before(next_month(month_on)),
            ~Draw.closed_before(first_open_before(month_on)),
            Posting.posted_at.is_not(None),
        )
        .group_by(Draw.bearer)
    )
    return {bearer: int(micros) for bearer, micros in db.session.execute(query) if micros}


def expire_lots(account_id: str, month_on: date, *, by: Actor) -> None:
    """Enter what is left of lots whose last day is not after a month that is closed. The caller has
    locked the account."""
    until = next_month(month_on)
    lots = select(Lot).where(Lot.account_id == account_id, Lot.last_on < until)
    amounts = {}
    for lot in db.session.scalars(lots.order_by(Lot.granted_at, Lot.id)):
        if left := lot.amount - used_until(lot, until) + _expired(lot):
            amounts[lot.id] = -left
    if amounts:
        posting = begin(PostingKind.EXPIRY, subject=month_on.isoformat(), by=by)
        add_entries(posting, {account_id: amounts})


def has_ending_lot(account_id: str, month_on: date, *, is_first: bool) -> bool:
    """Whether a lot of the account ended in the month, or before if it is the first to be closed in
    its books."""
    is_over = [Lot.account_id == account_id, Lot.last_on < next_month(month_on)]
    if not is_first:
        is_over.append(Lot.last_on >= month_on)
    return db.session.scalar(select(Lot.id).where(*is_over).limit(1)) is not None


def used_until(lot: Lot, day: date) -> Decimal:
    """What draws used of a lot that the closing of the months before this day froze."""
    query = (
        select(func.coalesce(func.sum(Draw.micros), 0))
        .join(Posting, Posting.id == Draw.posting_id)
        .where(
            Draw.account_id == lot.account_id,
            Draw.bearer == lot.id,
            Draw.closed_before(day),
            Posting.posted_at.is_not(None),
        )
    )
    return Decimal(int(db.session.scalar(query) or 0)).scaleb(-6)


def _expired(lot: Lot) -> Decimal:
    """The sum of the lot's entries of expiry, which is not positive."""
    query = (
        select(func.sum(Entry.amount))
        .join(Posting, Posting.id == Entry.posting_id)
        .where(
            Entry.account_id == lot.account_id,
            Entry.bearer == lot.id,
            Posting.kind == PostingKind.EXPIRY,
        )
    )
    return db.session.scalar(query) or Decimal(0)


def round_off(account_id: str, amount: Decimal, *, subject: str, by: Actor) -> None:
    """Enter what makes an account's balance move by what its statement prints. The caller has
    locked the account."""
    posting = begin(PostingKind.ROUNDING, subject=subject, by=by)
    add_entries(posting, {account_id: {PERSONAL: amount}})
