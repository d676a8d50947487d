"""Checks of months and statements: they follow charges, draws, lots and entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, and_, func, literal, or_, select, type_coerce, union_all

from portal import db
from portal.domain import ledger
from portal.domain.billing_months import BillingMonth, next_month
from portal.domain.billing_months import State as MonthState
from portal.domain.charges import Charge, ChargeSum
from portal.domain.doctor.check import Problem, Query, check, raw, select_check, stream
from portal.domain.doctor.money import IS_POSTED, is_not_zero
from portal.domain.installation import Installation
from portal.domain.ledger import PERSONAL, Entry, Ledger, Lot, Posting, PostingKind
from portal.domain.partner_profiles import PartnerProfile
from portal.domain.prices import MICROS_OF_ONE, PriceTotal
from portal.domain.statements import Kind, State, Statement, StatementLine

SUM = ("posting_id", "month_on", "payer_id", "account_id", "cloud_id", "service", "category")
ZERO = literal(0, BigInteger)


def _columns(model: Any, names: tuple[str, ...]) -> list[Any]:
    return [
        raw(getattr(model, name)) if name == "category" else getattr(model, name) for name in names
    ]


@select_check("I9", "The posting {1} has another sum of {2} in a month than its charges.")
def month_sum_differs_from_charges() -> Query:
    charged = select(*_columns(Charge, SUM), Charge.micros, Charge.rest)
    summed = select(*_columns(ChargeSum, SUM), -ChargeSum.micros, -ChargeSum.rest)
    rows = union_all(
        charged.join(Posting, Posting.id == Charge.posting_id).where(IS_POSTED),
        summed.join(Posting, Posting.id == ChargeSum.posting_id).where(IS_POSTED),
    ).subquery()
    query = select(rows.c.payer_id, rows.c.posting_id, rows.c.cloud_id)
    query = query.group_by(*_columns(rows.c, SUM))
    return query.having(is_not_zero(rows.c.micros, rows.c.rest))


@select_check("I9", "The posting {0} charges the month {1}, which was closed.")
def closed_month_charged() -> Query:
    charged = select(Posting.id, ChargeSum.month_on).join(
        ChargeSum, ChargeSum.posting_id == Posting.id
    )
    return charged.where(IS_POSTED, ChargeSum.month_on < Posting.open_on).distinct()


@select_check("I9", "The lines of the statement do not sum to its total.")
def statement_lines_differ_from_total() -> Query:
    """Of released ones: the lines of the others are still being added."""
    printed = select(
        StatementLine.statement_id, type_coerce(StatementLine.amount, BigInteger)
    ).join(Statement, Statement.id == StatementLine.statement_id)
    total = select(Statement.id, -type_coerce(Statement.total, BigInteger))
    is_released = Statement.state == State.RELEASED
    rows = union_all(printed.where(is_released), total.where(is_released)).subquery()
    key, amount = rows.c
    return select(key).group_by(key).having(func.sum(amount) != 0)


@check("I9")
def statements_differ_from_sums() -> Iterator[Problem]:
    """The exact lines of a released statement are the month's charges, or prices."""
    key = ("statement_id", "cloud_id", "service", "category")
    is_released = Statement.state == State.RELEASED
    lines = (
        select(*_columns(StatementLine, key), StatementLine.micros, StatementLine.rest)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(is_released)
    )
    cost = and_(
        ChargeSum.payer_id == Statement.account_id, ChargeSum.month_on == Statement.month_on
    )
    charged = (
        select(Statement.id, *_columns(ChargeSum, key[1:]), -ChargeSum.micros, -ChargeSum.rest)
        .join(ChargeSum, cost)
        .join(Posting, Posting.id == ChargeSum.posting_id)
        .where(is_released, Statement.kind == Kind.ACCOUNT, IS_POSTED)
    )
    price = and_(
        PriceTotal.account_id == Statement.account_id, PriceTotal.month_on == Statement.month_on
    )
    priced = (
        select(
            Statement.id,
            *_columns(PriceTotal, key[1:]),
            -PriceTotal.whole * MICROS_OF_ONE - PriceTotal.millionths,
            ZERO,
        )
        .join(PriceTotal, price)
        .join(Posting, Posting.id == PriceTotal.posting_id)
        .where(is_released, Statement.kind == Kind.CUSTOMER, IS_POSTED)
    )
    rows = union_all(lines, charged, priced).subquery()
    columns = list(rows.c)
    query = select(*columns[:2]).group_by(*columns[:4])
    differs = is_not_zero(rows.c.micros, rows.c.rest)
    for statement_id, cloud_id in stream(query.having(differs)):
        yield Problem(statement_id, f"Its lines of {cloud_id} are not what the month has.")


@check("I9")
def statement_payments_differ_from_draws() -> Iterator[Problem]:
    """What bears a statement is what the closing froze, rounded; with the entry of rounding, the
    balance moves by what is printed."""
    roundings = select(Posting.subject, Entry.amount).join(Entry, Entry.posting_id == Posting.id)
    is_rounding = Posting.kind == PostingKind.ROUNDING
    rounded = {row[0]: row[1] for row in stream(roundings.where(is_rounding))}
    statements = select(Statement).where(Statement.issuer_id == "", Statement.number.is_not(None))
    for row in list(db.session.scalars(statements)):
        printed = Counter({bearer: Decimal(amount) for bearer, amount in row.payments})
        total = row.total + printed.pop("brought", Decimal(0))
        borne = ledger.borne_in(row.account_id, row.month_on).get(PERSONAL, 0)
        moved = Decimal(borne).scaleb(-6) - rounded.get(row.id, Decimal(0))
        if printed.total() != total or moved != printed[PERSONAL]:
            yield Problem(row.id, "What bears it is not its total, or not what was debited.")


@check("I9")
def expired_lots_differ() -> Iterator[Problem]:
    """Of a lot that ended in a closed month, what its draws did not use is entered as expired."""
    entered = (
        select(Entry.bearer, func.sum(Entry.amount))
        .join(Posting, Posting.id == Entry.posting_id)
        .where(Posting.kind == PostingKind.EXPIRY)
        .group_by(Entry.bearer)
    )
    expired = {row[0]: -row[1] for row in stream(entered)}
    ended = select(Lot, Ledger.closed_on).join(Ledger, Ledger.account_id == Lot.account_id)
    for lot, closed_on in list(db.session.execute(ended)):
        until = next_month(closed_on) if closed_on else date.min
        left = lot.amount - ledger.used_until(lot, until) if lot.last_on < until else Decimal(0)
        if expired.get(lot.id, Decimal(0)) != left:
            yield Problem(lot.id, "What is entered as expired is not what was left.")


@select_check("I9", "The numbers of statements of the issuer {0!r} have a gap.")
def statement_numbers_have_gaps() -> Query:
    issued = (
        select(
            Statement.issuer_id,
            func.count(Statement.number).label("count"),
            func.max(Statement.number).label("last"),
        )
        .where(Statement.number.is_not(None))
        .group_by(Statement.issuer_id)
        .subquery()
        .c
    )
    operators = select(Installation.last_statement).where(issued.issuer_id == "").scalar_subquery()
    profile = PartnerProfile.account_id == issued.issuer_id
    last = func.coalesce(PartnerProfile.last_number, operators)
    query = select(issued.issuer_id).outerjoin(PartnerProfile, profile)
    return query.where(or_(issued.count != issued.last, issued.last != last))


@select_check("I9", "The account has charges in the closed month {1}, and no statement of it.")
def statement_missing() -> Query:
    """Of months that are closed in the books of the account that pays."""
    is_closed = BillingMonth.state == MonthState.CLOSED
    statement = and_(
        Statement.account_id == ChargeSum.payer_id, Statement.month_on == ChargeSum.month_on
    )
    query = (
        select(ChargeSum.payer_id, ChargeSum.month_on)
        .join(Posting, Posting.id == ChargeSum.posting_id)
        .join(BillingMonth, BillingMonth.month_on == ChargeSum.month_on)
        .join(Ledger, Ledger.account_id == ChargeSum.payer_id)
        .outerjoin(Statement, statement)
        .where(IS_POSTED, is_closed, Ledger.closed_on >= ChargeSum.month_on, Statement.id.is_(None))
    )
    query = query.group_by(*_columns(ChargeSum, ("payer_id", "month_on", "account_id", "cloud_id")))
    return query.having(is_not_zero(ChargeSum.micros, ChargeSum.rest)).distinct()
