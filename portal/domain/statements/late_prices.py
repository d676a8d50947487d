"""Late prices: for costs that have none on drafts of statements, whose months are closed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, select

from portal import db
from portal.domain import access, locks, prices
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.prices import Rate
from portal.domain.statements.drafts import BATCH, lock_accounts, price
from portal.domain.statements.record import Kind, State, Statement


def set_missing_prices(
    statement: Statement, *, percent: Decimal, by: Actor, is_for_all: bool = False
) -> Rate:
    """Owners and admins of a partner's account set a mark-up for the costs without a price on a
    draft; with `is_for_all` on all drafts of its month. Prices that are there stay.

    `percent` as in `prices.set_rate`. Raises Forbidden, Refused("statement-released",
    "statement-prices-complete", "rate-range").
    """
    partner = lock_accounts(statement)
    access.require(by, Action.PRICE_SET_RATE, partner)
    if statement.state is State.RELEASED or statement.kind is not Kind.CUSTOMER:
        raise Refused(Code.STATEMENT_RELEASED)
    if not statement.missing:
        raise Refused(Code.STATEMENT_PRICES_COMPLETE)
    subaccount_id = "" if is_for_all else statement.account_id
    month_on = statement.month_on
    return prices.set_late_rate(
        partner, percent=percent, month_on=month_on, by=by, subaccount_id=subaccount_id
    )


def drafts_without_prices(partner_id: str) -> set[tuple[str, date]]:
    """Subaccount and month of the partner's drafts on which prices are missing."""
    query = select(Statement.account_id, Statement.month_on).where(_lacks_prices(partner_id))
    return {(row[0], row[1]) for row in db.session.execute(query)}


def refresh_drafts(partner_id: str, *, after: str) -> str:
    """Let a batch of the drafts on which prices were missing follow the prices of now, in the order
    of their IDs; the ID of the last, empty without any."""
    query = select(Statement).where(_lacks_prices(partner_id), Statement.id > after)
    drafts = list(db.session.scalars(query.order_by(Statement.id).limit(BATCH)))
    locks.lock(
        (BillingAccount, partner_id), *((BillingAccount, each.account_id) for each in drafts)
    )
    for draft in drafts:
        db.session.refresh(draft)
    price([draft for draft in drafts if draft.state is State.DRAFT])
    return drafts[-1].id if drafts else ""


def _lacks_prices(partner_id: str) -> ColumnElement[bool]:
    is_draft = Statement.issuer_id == partner_id, Statement.state == State.DRAFT
    return and_(*is_draft, Statement.missing > 0)
