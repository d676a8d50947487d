"""Idle books: accounts that have nothing in a closed month are done with it by one statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, exists, func, or_, select, update

from portal import db
from portal.domain import locks
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.billing_months import BillingMonth, State, first_open_before, next_month
from portal.domain.charges import ChargeSum
from portal.domain.ledger import Draw, Ledger, Lot, Posting
from portal.domain.statements.making import Books

BATCH = 500


def close_idle_books(books: Books) -> bool:
    """Close the month in a batch of books that have no charge, draw or ending lot in it, and are no
    partner's. Return whether there were any."""
    is_it = _is_idle(books)
    query = select(Ledger.account_id).where(is_it).order_by(Ledger.account_id).limit(BATCH)
    account_ids = list(db.session.scalars(query))
    is_one = BillingAccount.id.in_(account_ids)
    db.session.execute(locks.select_for_update(BillingAccount.id, is_one)).all()
    # what was being posted while the month was closed is posted now
    still_idle = update(Ledger).where(Ledger.account_id.in_(account_ids), is_it)
    options = {"synchronize_session": False}
    closed: Any = db.session.execute(
        still_idle.values(closed_on=books.month_on).execution_options(**options)
    )
    return bool(closed.rowcount)


def _is_idle(books: Books) -> Any:
    month_on = books.month_on
    is_earlier = BillingMonth.state == State.CLOSED, BillingMonth.month_on < month_on
    before = db.session.scalar(select(func.max(BillingMonth.month_on)).where(*is_earlier))
    of_account = BillingAccount.id == Ledger.account_id, BillingAccount.kind == Kind.PARTNER
    is_charged = ChargeSum.payer_id == Ledger.account_id, ChargeSum.month_on == month_on
    is_frozen = and_(
        Draw.account_id == Ledger.account_id,
        Draw.closed_before(next_month(month_on)),
        ~Draw.closed_before(first_open_before(month_on)),
        Posting.id == Draw.posting_id,
    )
    is_new = Ledger.closed_on.is_(None)
    ends = and_(
        Lot.account_id == Ledger.account_id,
        Lot.last_on < next_month(month_on),
        or_(is_new, Lot.last_on >= month_on),
    )
    return and_(
        Ledger.closed_on == before if before else is_new,
        ~exists().where(*of_account),
        ~exists().where(*is_charged),
        ~exists().where(is_frozen),
        ~exists().where(ends),
    )
