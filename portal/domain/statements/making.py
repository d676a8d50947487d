"""Making statements: what a closed month leaves to do in the books of each account that pays.

The worker does it account by account in short transactions. What a closing froze changes no more,
so the order does not matter, nor what is posted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import structlog
from sqlalchemy import and_, exists, func, or_, select

from portal import db
from portal.domain import accounts, billing_days, installation, ledger, locks, policy, prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER
from portal.domain.billing_months import BillingMonth, last_closed, next_month
from portal.domain.billing_months import State as MonthState
from portal.domain.ledger import PERSONAL, UNITS_OF_MICRO, Ledger
from portal.domain.prices import PriceSum
from portal.domain.statements.lines import add_lines, cost_lines
from portal.domain.statements.parties import party_of, seller
from portal.domain.statements.people import tell_of_statement
from portal.domain.statements.record import Kind, State, Statement
from portal.domain.statements.rounding import apportion, minor_digits, round_amount

log = structlog.get_logger(__name__)

DRAFTS_BATCH = 500
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
    if account.kind is accounts.Kind.PARTNER and _draft_some(account, month_on):
        return
    _make_statement(account, month_on)
    ledger.expire_lots(account.id, month_on, by=WORKER)
    books.closed_on = month_on
    db.session.flush()


def _find_undrafted(partner: BillingAccount, month_on: date) -> list[tuple[str, bool]]:
    """Subaccounts that lack a statement of the month, in which they had usage or their partnership
    ended; with the latter. At most DRAFTS_BATCH."""
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
    return [(row[0], bool(row[1])) for row in db.session.execute(query.limit(DRAFTS_BATCH))]


def _draft_some(partner: BillingAccount, month_on: date) -> bool:
    """Draft statements of a batch of the partner's customers. Return whether there may be more."""
    rows = _find_undrafted(partner, month_on)
    account_ids = [row[0] for row in rows]
    is_one = BillingAccount.id.in_(account_ids)
    db.session.execute(locks.select_for_update(BillingAccount.id, is_one)).all()
    totals = _price_totals(account_ids, month_on)
    currency = policy.current().currency
    for account_id, is_last in rows:
        micros, missing = totals.get(account_id, (0, 0))
        draft = Statement(
            id=db.new_id("stm"),
            kind=Kind.CUSTOMER,
            state=State.DRAFT,
            account_id=account_id,
            issuer_id=partner.id,
            month_on=month_on,
            created_at=db.now(),
            currency=currency,
            total=round_amount(micros * UNITS_OF_MICRO, minor_digits(currency)),
            is_last=is_last,
            missing=missing,
        )
        db.session.add(draft)
    db.session.flush()
    return len(rows) == DRAFTS_BATCH


def _price_totals(account_ids: list[str], month_on: date) -> dict[str, tuple[int, int]]:
    """By subaccount its price of a month in 10⁻⁶, and how many of its costs have none."""
    sums = [func.sum(getattr(PriceSum, name)) for name in prices.AMOUNTS]
    query = select(PriceSum.account_id, *sums).where(
        PriceSum.account_id.in_(account_ids), PriceSum.month_on == month_on
    )
    rows = db.session.execute(query.group_by(PriceSum.account_id))
    return {row[0]: prices.sums_of(*row[1:])[1:] for row in rows}


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
