"""Drafts: customers' statements until their partner releases them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import and_, exists, func, or_, select

from portal import db
from portal.domain import billing_days, locks, policy, prices
from portal.domain.accounts import BillingAccount
from portal.domain.billing_months import next_month
from portal.domain.ledger import UNITS_OF_MICRO
from portal.domain.prices import PriceSum
from portal.domain.statements.record import Kind, State, Statement
from portal.domain.statements.rounding import minor_digits, round_amount

BATCH = 500
"""Drafts of one transaction."""


def _find_undrafted(partner: BillingAccount, month_on: date) -> list[tuple[str, bool]]:
    """Subaccounts that lack a statement of the month, in which they had usage or their partnership
    ended; with the latter. At most BATCH."""
    has_one = exists().where(
        Statement.account_id == BillingAccount.id, Statement.month_on == month_on
    )
    begin, end = (billing_days.start_of(day) for day in (month_on, next_month(month_on)))
    is_last = and_(
        BillingAccount.confirmed_at.is_not(None),
        BillingAccount.closed_at >= begin,
        BillingAccount.closed_at < end,
    )
    has_usage = exists().where(
        PriceSum.account_id == BillingAccount.id,
        PriceSum.month_on == month_on,
        PriceSum.payer_id == partner.id,
    )
    of_partner = BillingAccount.parent_id == partner.id, ~has_one, or_(has_usage, is_last)
    query = select(BillingAccount.id, is_last).where(*of_partner).order_by(BillingAccount.id)
    return [(row[0], bool(row[1])) for row in db.session.execute(query.limit(BATCH))]


def draft_some(partner: BillingAccount, month_on: date) -> bool:
    """Draft statements of a batch of the customers of a locked partner. Return whether there may be
    more."""
    rows = _find_undrafted(partner, month_on)
    is_one = BillingAccount.id.in_([account_id for account_id, _is_last in rows])
    db.session.execute(locks.select_for_update(BillingAccount.id, is_one)).all()
    drafts = [
        Statement(
            id=db.new_id("stm"),
            kind=Kind.CUSTOMER,
            state=State.DRAFT,
            account_id=account_id,
            issuer_id=partner.id,
            month_on=month_on,
            created_at=db.now(),
            currency=policy.current().currency,
            is_last=is_last,
        )
        for account_id, is_last in rows
    ]
    price(drafts)
    db.session.add_all(drafts)
    db.session.flush()
    return len(rows) == BATCH


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
