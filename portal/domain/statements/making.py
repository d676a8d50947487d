"""Making statements: what a closed month leaves to do in the books of each account that pays.

What a closing froze changes no more, so the order of accounts does not matter, nor what is posted
meanwhile. The worker works a statement out in a reading transaction, adds its lines to a draft by
short ones, and closes the books by another.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import structlog
from sqlalchemy import and_, func, or_, select

from portal import db
from portal.domain import accounts, installation, ledger, policy
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER
from portal.domain.billing_months import BillingMonth, last_closed
from portal.domain.billing_months import State as MonthState
from portal.domain.ledger import PERSONAL, UNITS_OF_MICRO, Ledger
from portal.domain.ledger.payment import Draws
from portal.domain.statements.lines import CostLine, add_lines, cost_lines
from portal.domain.statements.parties import party_of, seller
from portal.domain.statements.people import tell_of_statement
from portal.domain.statements.record import Kind, State, Statement, StatementLine
from portal.domain.statements.rounding import apportion, minor_digits, round_amount

log = structlog.get_logger(__name__)

LINES_BATCH = 5_000
"""Lines of one transaction."""
CARRIED, BROUGHT = "carried", "brought"
"""Payments that are none: what a later statement, or an earlier one, has to do with the total."""


class Books(NamedTuple):
    """A closed month in the books of an account that pays; `is_first` if none was closed in them
    before."""

    account_id: str
    month_on: date
    is_partners: bool
    is_first: bool


class Plan(NamedTuple):
    """What closing these books makes: a statement with these lines, unless it would be empty.
    `payments` are printed; `rounding` is what moves the balance by what is printed. Idle books have
    nothing to close: no charge, draw or ending lot, and no customers."""

    books: Books
    lines: list[CostLine]
    amounts: list[Decimal]
    total: Decimal
    carried: Decimal
    payments: list[list[str]]
    rounding: Decimal
    is_empty: bool
    is_idle: bool


def next_books() -> Books | None:
    """The oldest closed month in the books of the next account in which it is not closed."""
    month_on = last_closed()
    if month_on is None:
        return None
    is_behind = or_(Ledger.closed_on.is_(None), Ledger.closed_on < month_on)
    query = select(Ledger).where(is_behind).order_by(Ledger.account_id).limit(1)
    row = db.session.scalar(query)
    if row is None:
        return None
    is_due = BillingMonth.month_on > (row.closed_on or date.min)
    months = select(BillingMonth.month_on).where(is_due, BillingMonth.state == MonthState.CLOSED)
    account = db.session.get_one(BillingAccount, row.account_id)
    is_partners = account.kind is accounts.Kind.PARTNER
    first = db.session.scalars(months.order_by(BillingMonth.month_on).limit(1)).one()
    return Books(account.id, first, is_partners, row.closed_on is None)


def plan_books(books: Books) -> Plan:
    """Work out what closing these books makes."""
    account_id, month_on, is_partners, is_first = books
    lines, borne = cost_lines(account_id, month_on), ledger.borne_in(account_id, month_on)
    lot_ends = ledger.has_ending_lot(account_id, month_on, is_first=is_first)
    digits = minor_digits(policy.current().currency)
    exact = sum(line.units for line in lines)
    total = round_amount(exact, digits)
    earlier = _earlier(account_id, month_on)
    brought = _carried_amount(earlier)
    before = earlier.carried if earlier else Decimal(0)
    carried = before + Decimal(f"{exact}E-15") - _money(borne.values())
    carried = carried.quantize(Decimal("0.000001"))
    payments = _payments(borne, carried, total + brought, digits)
    personal = borne.get(PERSONAL, 0)
    return Plan(
        books,
        lines,
        amounts=apportion([line.units for line in lines], total, digits),
        total=total,
        carried=carried,
        payments=[[BROUGHT, str(brought)]] * bool(brought)
        + [[bearer, str(amount)] for bearer, amount in payments.items() if amount],
        rounding=_money([personal]) - payments[PERSONAL],
        is_empty=not (lines or borne),
        is_idle=not (lines or borne or is_partners or lot_ends),
    )


def _payments(borne: Draws, carried: Decimal, total: Decimal, digits: int) -> dict[str, Decimal]:
    """What bears the total, by bearer, as it is printed."""
    parts = {CARRIED: int(carried.scaleb(6)), **borne, PERSONAL: borne.get(PERSONAL, 0)}
    units = [micros * UNITS_OF_MICRO for micros in parts.values()]
    return dict(zip(parts, apportion(units, total, digits), strict=True))


def add_some_lines(plan: Plan) -> bool:
    """Add a batch of lines to the draft of a statement. Has no effect, and returns False, once one
    batch is left."""
    db.lock(BillingAccount, plan.books.account_id)
    if _is_closed(plan.books):
        return False
    statement = _find_draft(plan)
    begin = _count_lines(statement)
    if len(plan.lines) - begin <= LINES_BATCH:
        return False
    _add_lines(plan, statement, begin, begin + LINES_BATCH)
    return True


def close_books(plan: Plan) -> None:
    """Close a month in the books of an account: number its statement, with the last lines, enter
    its rounding, expire its lots. Has no effect if that is done."""
    installation.lock()
    account_id, month_on = plan.books[:2]
    db.lock(BillingAccount, account_id)
    if _is_closed(plan.books):
        return
    if not plan.is_empty:
        statement = _find_draft(plan)
        _add_lines(plan, statement, _count_lines(statement), len(plan.lines))
        if plan.rounding:
            ledger.round_off(account_id, plan.rounding, subject=statement.id, by=WORKER)
        _release(statement)
    ledger.expire_lots(account_id, month_on, by=WORKER)
    db.session.get_one(Ledger, account_id).closed_on = month_on
    db.session.flush()


def _is_closed(books: Books) -> bool:
    """Whether another worker has closed them. The account is locked."""
    row = db.session.get_one(Ledger, books.account_id, populate_existing=True)
    return row.closed_on is not None and row.closed_on >= books.month_on


def _find_draft(plan: Plan) -> Statement:
    """The draft of the plan's statement, a new one if there is none."""
    account_id, month_on = plan.books[:2]
    is_it = and_(Statement.account_id == account_id, Statement.month_on == month_on)
    statement = db.session.scalar(select(Statement).where(is_it))
    if statement is None:
        statement = Statement(
            id=db.new_id("stm"),
            kind=Kind.ACCOUNT,
            state=State.DRAFT,
            account_id=account_id,
            issuer_id="",
            month_on=month_on,
            created_at=db.now(),
            currency=policy.current().currency,
            total=plan.total,
            carried=plan.carried,
            payments=plan.payments,
        )
        db.session.add(statement)
        db.session.flush()
    return statement


def _count_lines(statement: Statement) -> int:
    is_its = StatementLine.statement_id == statement.id
    return db.session.scalar(select(func.count()).select_from(StatementLine).where(is_its)) or 0


def _add_lines(plan: Plan, statement: Statement, begin: int, end: int) -> None:
    add_lines(statement, plan.lines[begin:end], plan.amounts[begin:end], first=begin)


def _release(statement: Statement) -> None:
    account = db.session.get_one(BillingAccount, statement.account_id)
    issuer, recipient, now = seller(), party_of(account), db.now()
    number = installation.next_statement()
    statement.issuer, statement.recipient = issuer, recipient
    statement.prefix, statement.number = policy.current().statement_prefix, number
    statement.state, statement.released_at = State.RELEASED, now
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
