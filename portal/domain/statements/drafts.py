"""Drafts: customers' statements until their partner releases them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, exists, func, or_, select

from portal import db
from portal.domain import billing_days, locks, policy, prices
from portal.domain.accounts import BillingAccount
from portal.domain.billing_months import next_month
from portal.domain.ledger import UNITS_OF_MICRO
from portal.domain.prices import PriceSum
from portal.domain.statements.making import Books
from portal.domain.statements.record import Kind, State, Statement
from portal.domain.statements.rounding import minor_digits, round_amount

BATCH = 200
"""Drafts of one transaction."""


class Undrafted(NamedTuple):
    """A subaccount that lacks a statement; `is_last` if its partnership ended in the month."""

    account_id: str
    is_last: bool


def lock_books(books: Books) -> None:
    """Wait for what was being posted for an account while its month was closed: from now on the
    month has all that it gets."""
    db.lock(BillingAccount, books.account_id)


def undrafted(books: Books) -> list[Undrafted]:
    """The next BATCH subaccounts of a partner, in the order of their IDs, that had usage in the
    month or whose partnership ended in it."""
    month_on = books.month_on
    is_drafted = Statement.issuer_id == books.account_id, Statement.month_on == month_on
    last = db.session.scalar(select(func.max(Statement.account_id)).where(*is_drafted))
    begin, end = (billing_days.start_of(day) for day in (month_on, next_month(month_on)))
    is_last = and_(
        BillingAccount.confirmed_at.is_not(None),
        BillingAccount.closed_at >= begin,
        BillingAccount.closed_at < end,
    )
    has_usage = exists().where(
        PriceSum.account_id == BillingAccount.id,
        PriceSum.month_on == month_on,
        PriceSum.payer_id == books.account_id,
    )
    of_partner = BillingAccount.parent_id == books.account_id, BillingAccount.id > (last or "")
    query = select(BillingAccount.id, is_last).where(*of_partner, or_(has_usage, is_last))
    rows = db.session.execute(query.order_by(BillingAccount.id).limit(BATCH))
    return [Undrafted(row[0], bool(row[1])) for row in rows]


def add_drafts(books: Books, rows: Sequence[Undrafted]) -> None:
    """Draft statements of subaccounts that lack them. Has no effect if another worker has done
    it."""
    lock_books(books)
    first = Statement.account_id == rows[0].account_id, Statement.month_on == books.month_on
    if db.session.scalar(select(Statement.id).where(*first)):
        return
    is_one = BillingAccount.id.in_([row.account_id for row in rows])
    db.session.execute(locks.select_for_update(BillingAccount.id, is_one)).all()
    drafts = [
        Statement(
            id=db.new_id("stm"),
            kind=Kind.CUSTOMER,
            state=State.DRAFT,
            account_id=row.account_id,
            issuer_id=books.account_id,
            month_on=books.month_on,
            created_at=db.now(),
            currency=policy.current().currency,
            is_last=row.is_last,
        )
        for row in rows
    ]
    price(drafts)
    db.session.add_all(drafts)
    db.session.flush()


def price(drafts: Sequence[Statement]) -> None:
    """Set the totals of drafts, and how many costs of each have no price, to what is posted. The
    caller has locked the accounts."""
    sums = [func.sum(getattr(PriceSum, name)) for name in prices.AMOUNTS]
    key = PriceSum.account_id, PriceSum.month_on
    which = [column.in_({getattr(each, column.key) for each in drafts}) for column in key]
    rows = db.session.execute(select(*key, *sums).where(*which).group_by(*key))
    found = {(row[0], row[1]): prices.sums_of(*row[2:]) for row in rows}
    for each in drafts:
        posted = found.get((each.account_id, each.month_on), prices.Sums())
        exact = posted.price * UNITS_OF_MICRO
        each.total = round_amount(exact, minor_digits(each.currency))
        each.missing = posted.missing
    db.session.flush()


def lock_accounts(statement: Statement) -> BillingAccount:
    """Lock the accounts of both sides, and refresh the statement; the partner's account."""
    locks.lock((BillingAccount, statement.issuer_id), (BillingAccount, statement.account_id))
    db.session.refresh(statement)
    return db.session.get_one(BillingAccount, statement.issuer_id)
