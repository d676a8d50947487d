"""Closed months of the demonstration, on the sixth day after each; some statements are released."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import delete, insert, select

from portal import db
from portal.demo.people import OLGA
from portal.demo.timeline import DAY
from portal.domain import identity, ledger, statements
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.billing_months import is_open, next_month
from portal.domain.identity import User
from portal.domain.ledger import Ledger
from portal.domain.notifications import Channel, Kind, MutedNotification
from portal.domain.prices import PriceList
from portal.domain.statements import State, Statement
from portal.worker import usage_posting

CLOSED_AFTER, HOUR = 5, 9
"""Days after the month's end, and the hour in UTC."""
IS_MAIL = (
    MutedNotification.kind == Kind.STATEMENT,
    MutedNotification.channel == Channel.MAIL,
)
HUNDRED = 100
RELEASED = 3
"""Statements of customers of each month; the others wait for their partner."""


def apply_rates() -> None:
    """Let prices follow the rates, as a worker does; months can be closed then."""
    for partner_id in db.read(lambda: list(db.session.scalars(select(PriceList.partner_id)))):
        usage_posting.reprice(partner_id, by=COMMAND)


def close(month_on: date) -> None:
    """Close a month, with its statements. Has no effect if it is closed."""
    db.write(lambda: _close(month_on))


def _close(month_on: date) -> None:
    if not is_open(month_on):
        return
    db.set_now(datetime.combine(next_month(month_on) + DAY * CLOSED_AFTER, time(HOUR), UTC))
    muted = _mute_mails()
    statements.close(month_on, by=COMMAND)
    while (books := statements.next_books()) is not None:
        while rows := statements.undrafted(books) if books.is_partners else []:
            statements.add_drafts(books, rows)
        plan = statements.plan_books(books)
        if not (plan.is_idle and statements.close_idle_books(books)):
            statements.close_books(plan)
    _release(month_on)
    pay_debts()
    is_theirs = MutedNotification.user_id.in_(muted)
    db.session.execute(delete(MutedNotification).where(is_theirs, *IS_MAIL))


def pay_debts() -> None:
    """Who owes pays, in round numbers: a negative balance would refuse new clouds."""
    debtors = select(BillingAccount, Ledger.balance).join(Ledger).where(Ledger.balance < Decimal(0))
    for account, balance in db.session.execute(debtors.order_by(BillingAccount.id)).all():
        amount = Decimal(math.ceil(-balance / HUNDRED) * HUNDRED)
        ledger.record_payment(account, amount=amount, reason="Bank transfer", by=COMMAND)


def _mute_mails() -> list[str]:
    """Nobody gets mails now that would have been sent long ago; who got them before."""
    muted = select(MutedNotification.user_id).where(*IS_MAIL)
    user_ids = list(db.session.scalars(select(User.id).where(User.id.not_in(muted))))
    terms = {"kind": Kind.STATEMENT, "channel": Channel.MAIL}
    db.session.execute(insert(MutedNotification), [{"user_id": it, **terms} for it in user_ids])
    return user_ids


def _release(month_on: date) -> None:
    """Olga releases some statements whose prices are there."""
    user = identity.user_by_email(OLGA)
    assert user is not None  # noqa: S101 - the demonstration has her
    drafts = select(Statement).where(
        Statement.month_on == month_on, Statement.state == State.DRAFT, Statement.missing == 0
    )
    hers = drafts.join(PriceList, PriceList.partner_id == Statement.issuer_id)
    for draft in db.session.scalars(hers.order_by(Statement.account_id).limit(RELEASED)):
        statements.release(draft, by=identity.as_actor(user))
