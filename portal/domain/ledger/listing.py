"""What an account's ledger shows: its balance, lots and entries. The caller checks visibility."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import access
from portal.domain.access.permissions import Account
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.ledger.payment import WAIVED
from portal.domain.ledger.record import Draw, Entry, Ledger, Lot, Posting, PostingKind

PAGE = 50


class Money(NamedTuple):
    """The money of an account: its balance, what was waived, and its lots by age."""

    balance: Decimal
    waived: Decimal
    lots: list[Lot]


class EntryRow(NamedTuple):
    """An entry with the kind and reason of its posting, and the first and the last usage day that
    it is for, None of one that is not for usage."""

    seq: int
    at: datetime
    kind: PostingKind
    bearer: str
    amount: Decimal
    balance: Decimal
    reason: str
    first_on: date | None
    last_on: date | None


def money_for(account: Account, *, by: Actor) -> Money | None:
    """The money of an account, for who may see it; None for a subaccount. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE_MONEY, account)
    return money_of(account.id)


def money_of(account_id: str) -> Money | None:
    """The money of an account that pays; None for a subaccount."""
    ledger = db.session.get(Ledger, account_id)
    if ledger is None:
        return None
    is_waived = Entry.account_id == account_id, Entry.bearer == WAIVED
    waived = db.session.scalar(select(func.sum(Entry.amount)).where(*is_waived))
    lots = select(Lot).where(Lot.account_id == account_id).order_by(Lot.granted_at, Lot.id)
    return Money(ledger.balance, -(waived or Decimal(0)), list(db.session.scalars(lots)))


def balances_of(account_ids: Collection[str]) -> dict[str, Decimal]:
    """The balances of paying accounts, negative if they owe, by account. The caller checks
    visibility."""
    query = select(Ledger.account_id, Ledger.balance).where(Ledger.account_id.in_(account_ids))
    return {row[0]: row[1] for row in db.session.execute(query)}


def entries_of(account_id: str, *, before: int | None = None) -> list[EntryRow]:
    """A page of the account's entries, newest first, and one more if there is a next page; `before`
    is the number of the previous page's last."""
    columns = Entry.bearer, Entry.amount, Entry.balance, Posting.reason
    is_its = Draw.posting_id == Entry.posting_id, Draw.account_id == Entry.account_id
    days = [
        select(of(Draw.usage_on)).where(*is_its, Draw.bearer == Entry.bearer).scalar_subquery()
        for of in (func.min, func.max)
    ]
    query = (
        select(Entry.seq, Entry.at, Posting.kind, *columns, *days)
        .join(Posting, Posting.id == Entry.posting_id)
        .where(Entry.account_id == account_id)
    )
    if before is not None:
        query = query.where(Entry.seq < before)
    rows = db.session.execute(query.order_by(Entry.seq.desc()).limit(PAGE + 1))
    return [EntryRow._make(row) for row in rows]
