"""Lists of statements: of an account, of a partner's customers; the lines of one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select, tuple_

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.billing_months import month_of
from portal.domain.charges import Charge, ChargeSum
from portal.domain.ledger import Posting
from portal.domain.statements.lines import CostLine, names_of
from portal.domain.statements.record import State, Statement, StatementLine
from portal.domain.statements.releasing import price_lines, printed
from portal.domain.totals import quantity_of

PAGE = 50


class Line(NamedTuple):
    """A printed line; `customer` is empty unless it is a customer's on its partner's statement, and
    `unit` unless it has one quantity."""

    customer: str
    cloud_id: str
    cloud: str
    service: str
    category: str
    is_correction: bool
    amount: Decimal
    unit: str
    quantity: Decimal


class Month(NamedTuple):
    """A month with statements of a partner's customers, and how many of them are drafts, with both
    sums; `held` are the drafts whose prices are missing."""

    month_on: date
    statements: int
    drafts: int
    held: int
    total: Decimal
    draft_total: Decimal


def lines_of(statement: Statement) -> list[Line]:
    """The lines of a statement; of a draft as they would be now."""
    if statement.state is State.DRAFT:
        lines = price_lines(statement)
        clouds = names_of(lines)
        amounts = printed(statement, lines)
        return [_line(it, clouds, amount) for it, amount in zip(lines, amounts, strict=True)]
    columns = [getattr(StatementLine, name) for name in (*Line._fields, "nanos")]
    query = select(*columns).where(StatementLine.statement_id == statement.id)
    return [
        Line._make((*row[:-2], quantity_of(*row[-2:])))
        for row in db.session.execute(query.order_by(StatementLine.number))
    ]


def _line(line: CostLine, clouds: dict[str, str], amount: Decimal) -> Line:
    """A line of a draft."""
    _account_id, cloud_id, *key = line.key
    quantity = quantity_of(0, line.nanos)
    name = clouds.get(cloud_id, "")
    return Line._make(("", cloud_id, name, *key, amount, line.unit, quantity))


def corrected_months(statement: Statement) -> list[date]:
    """The months that the corrections of a statement are of, in order."""
    payer_id = statement.issuer_id or statement.account_id
    has_corrections = (
        select(ChargeSum.posting_id)
        .join(Posting, Posting.id == ChargeSum.posting_id)
        .where(ChargeSum.month_on == statement.month_on, ChargeSum.payer_id == payer_id)
        .where(ChargeSum.is_correction, Posting.posted_at.is_not(None))
    )
    query = select(Charge.usage_on).where(
        Charge.posting_id.in_(has_corrections),
        Charge.payer_id == payer_id,
        Charge.month_on == statement.month_on,
        Charge.usage_on < statement.month_on,
    )
    if statement.issuer_id:
        query = query.where(Charge.account_id == statement.account_id)
    return sorted({month_of(day) for day in db.session.scalars(query.distinct())})


def released_for(account: BillingAccount, *, actor: Actor, before: date | None) -> list[Statement]:
    """A page of an account's released statements that the actor sees, the newest first, and one
    more if there is a next page; `before` is the month of the previous page's last."""
    query = select(Statement).where(
        Statement.account_id == account.id,
        Statement.state == State.RELEASED,
        Statement.visible_to(actor),
    )
    if before is not None:
        query = query.where(Statement.month_on < before)
    return list(db.session.scalars(query.order_by(Statement.month_on.desc()).limit(PAGE + 1)))


def has_released(account: BillingAccount, *, actor: Actor) -> bool:
    """Whether an account has a released statement that the actor sees."""
    is_theirs = Statement.account_id == account.id, Statement.state == State.RELEASED
    query = select(Statement.id).where(*is_theirs, Statement.visible_to(actor)).limit(1)
    return db.session.scalar(query) is not None


def accounts_in(month_on: date, *, actor: Actor, after: str = "") -> list[Statement]:
    """A page of the statements of accounts that pay in a month, for operators, and one more if
    there is a next page; `after` is the ID of the previous page's last."""
    is_it = Statement.month_on == month_on, Statement.issuer_id == "", Statement.id > after
    query = select(Statement).where(*is_it, Statement.visible_to(actor))
    return list(db.session.scalars(query.order_by(Statement.id).limit(PAGE + 1)))


def months_of(partner: BillingAccount) -> list[Month]:
    """The months in which a partner's customers have statements, the newest first."""
    is_draft, zero = Statement.number.is_(None), Decimal(0)
    total, of_drafts = func.sum(Statement.total), func.sum(Statement.total).filter(is_draft)
    columns = (
        *(Statement.month_on, func.count(), func.count().filter(is_draft)),
        *(func.count().filter(is_draft, Statement.missing > 0), total),
        func.coalesce(of_drafts, zero, type_=Statement.total.type),
    )
    query = select(*columns).where(Statement.issuer_id == partner.id)
    rows = db.session.execute(query.group_by(Statement.month_on))
    return sorted((Month._make(row) for row in rows), reverse=True)


def customers_of(
    partner: BillingAccount, month_on: date | None, *, after: str = ""
) -> list[Statement]:
    """A page of the statements of a partner's customers in a month, by name, and one more if there
    is a next page; `after` is the ID of the previous page's last."""
    key = BillingAccount.name, Statement.id
    query = select(Statement).join(BillingAccount, BillingAccount.id == Statement.account_id)
    query = query.where(Statement.issuer_id == partner.id, Statement.month_on == month_on)
    if after and (last := db.session.get(Statement, after)):
        query = query.where(tuple_(*key) > tuple_(last.account.name, after))
    return list(db.session.scalars(query.order_by(*key).limit(PAGE + 1)))


def issued_to(partner: BillingAccount, account_id: str) -> list[Statement]:
    """The last statements of a partner's customer, drafts too, the newest first; PAGE at most."""
    is_its = Statement.issuer_id == partner.id, Statement.account_id == account_id
    query = select(Statement).where(*is_its).order_by(Statement.month_on.desc())
    return list(db.session.scalars(query.limit(PAGE)))
