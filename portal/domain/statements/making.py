"""Making statements: what a closed month leaves to do in the books of each account that pays.

The worker does it account by account in short transactions. What a closing froze changes no more,
so the order does not matter, nor what is posted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import structlog
from sqlalchemy import or_, select

from portal import db
from portal.domain import accounts, installation, ledger, policy
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER
from portal.domain.billing_months import BillingMonth, last_closed
from portal.domain.billing_months import State as MonthState
from portal.domain.ledger import PERSONAL, UNITS_OF_MICRO, Ledger
from portal.domain.statements.drafts import draft_some
from portal.domain.statements.lines import add_lines, cost_lines
from portal.domain.statements.parties import party_of, seller
from portal.domain.statements.people import tell_of_statement
from portal.domain.statements.record import Kind, State, Statement
from portal.domain.statements.rounding import apportion, minor_digits, round_amount

log = structlog.get_logger(__name__)

CARRIED, BROUGHT = "carried", "brought"
"""Payments that are none: what a later statement, or an earlier one, has to do with the total."""


def make_some() -> bool:
    """Make statements of the next account that pays for closed months. Return whether there may be
    more."""
    month_on = last_closed()
    if month_on is None:
        return False
    installation.lock()
    is_behind = or_(Ledger.closed_on.is_(None), Ledger.closed_on < month_on)
    query = select(Ledger.account_id).where(is_behind).order_by(Ledger.account_id).limit(1)
    account_id = db.session.scalar(query)
    if account_id is not None:
        _close_books(db.lock(BillingAccount, account_id))
    return account_id is not None


def _close_books(account: BillingAccount) -> None:
    """Close the next closed month in the books of a locked account, or draft statements of a batch
    of its customers."""
    books = db.session.get_one(Ledger, account.id, populate_existing=True)
    is_due = [BillingMonth.state == MonthState.CLOSED]
    if books.closed_on is not None:
        is_due.append(BillingMonth.month_on > books.closed_on)
    query = select(BillingMonth.month_on).where(*is_due).order_by(BillingMonth.month_on)
    month_on = db.session.scalars(query.limit(1)).one()
    if account.kind is accounts.Kind.PARTNER and draft_some(account, month_on):
        return
    _make_statement(account, month_on)
    ledger.expire_lots(account.id, month_on, by=WORKER)
    books.closed_on = month_on
    db.session.flush()


def _make_statement(account: BillingAccount, month_on: date) -> None:
    """Make and number the statement of an account that pays, if it has anything in the month."""
    lines = cost_lines(account.id, month_on)
    borne = ledger.borne_in(account.id, month_on)
    if not lines and not borne:
        return
    digits = minor_digits(policy.current().currency)
    exact = sum(line.units for line in lines)
    total = round_amount(exact, digits)
    earlier = _earlier(account.id, month_on)
    brought = _carried_amount(earlier)
    before = earlier.carried if earlier else Decimal(0)
    carried = before + Decimal(f"{exact}E-15") - _money(borne.values())
    carried = carried.quantize(Decimal("0.000001"))
    parts = {CARRIED: int(carried.scaleb(6)), **borne, PERSONAL: borne.get(PERSONAL, 0)}
    units = [micros * UNITS_OF_MICRO for micros in parts.values()]
    payments = dict(zip(parts, apportion(units, total + brought, digits), strict=True))
    statement = Statement(
        id=db.new_id("stm"),
        kind=Kind.ACCOUNT,
        state=State.DRAFT,
        account_id=account.id,
        issuer_id="",
        month_on=month_on,
        created_at=db.now(),
        currency=policy.current().currency,
        total=total,
        carried=carried,
        issuer=seller(),
        recipient=party_of(account),
        payments=[[BROUGHT, str(brought)]] * bool(brought)
        + [[bearer, str(amount)] for bearer, amount in payments.items() if amount],
    )
    db.session.add(statement)
    db.session.flush()
    add_lines(statement, lines, apportion([line.units for line in lines], total, digits))
    rounding = _money([parts[PERSONAL]]) - payments[PERSONAL]
    if rounding:
        ledger.round_off(account.id, rounding, subject=statement.id, by=WORKER)
    _release(statement)


def _release(statement: Statement) -> None:
    statement.prefix = policy.current().statement_prefix
    statement.number = installation.next_statement()
    statement.state, statement.released_at = State.RELEASED, db.now()
    statement.released_by = WORKER.id
    db.session.flush()
    statement_id = statement.id
    db.after_commit(lambda: log.info("statement.released", statement=statement_id))
    tell_of_statement(statement, by=WORKER)


def _earlier(account_id: str, month_on: date) -> Statement | None:
    is_earlier = Statement.account_id == account_id, Statement.month_on < month_on
    query = select(Statement).where(*is_earlier, Statement.kind == Kind.ACCOUNT)
    return db.session.scalar(query.order_by(Statement.month_on.desc()).limit(1))


def _carried_amount(earlier: Statement | None) -> Decimal:
    """What a statement prints as carried to the next one."""
    payments = earlier.payments if earlier else []
    return sum((Decimal(amount) for bearer, amount in payments if bearer == CARRIED), Decimal(0))


def _money(micros: Iterable[int]) -> Decimal:
    return Decimal(sum(micros)).scaleb(-6)
