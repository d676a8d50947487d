"""Releasing: owners and admins of a partner send its customers' statements."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

import structlog
from sqlalchemy import func, select

from portal import db
from portal.domain import access, audit, locks, partner_profiles, prices
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers import Customer
from portal.domain.errors import Code, Refused
from portal.domain.ledger import UNITS_OF_MICRO, Posting
from portal.domain.prices import MICROS_OF_ONE, Price
from portal.domain.statements import parties
from portal.domain.statements.drafts import lock_accounts, price
from portal.domain.statements.lines import CostLine, LineKey, add_lines, quantities_in
from portal.domain.statements.people import tell_of_statement
from portal.domain.statements.record import Kind, State, Statement
from portal.domain.statements.rounding import apportion, minor_digits

log = structlog.get_logger(__name__)

BATCH = 50
"""Statements that one transaction releases."""
HELD = (Code.STATEMENT_PRICES_MISSING, Code.STATEMENT_PRICES_HIDDEN)
"""Why one customer's statement is not released, while others' are."""


def release(statement: Statement, *, by: Actor, leave_out: bool = False) -> None:
    """Owners and admins of a partner's account release a customer's statement: it gets its number,
    is fixed, and its people are notified. With `leave_out` costs without a price are not on it.

    Raises Forbidden, Refused("statement-released", "statement-prices-missing",
    "statement-rate-waits", "statement-prices-hidden", "statement-profile-missing").
    """
    partner = lock_accounts(statement)
    access.require(by, Action.STATEMENT_RELEASE, partner)
    if statement.state is State.RELEASED or statement.kind is not Kind.CUSTOMER:
        raise Refused(Code.STATEMENT_RELEASED)
    if statement.missing and not leave_out:
        raise Refused(Code.STATEMENT_PRICES_MISSING, count=statement.missing)
    if statement.missing:
        if not prices.is_applied(partner.id):
            raise Refused(Code.STATEMENT_RATE_WAITS)
        price([statement])  # a worker may not have come to it yet
    if not prices.is_published_by(partner.id, statement.account_id):
        raise Refused(Code.STATEMENT_PRICES_HIDDEN)
    customer = _complete(statement, partner)
    statement.state, statement.released_at = State.RELEASED, db.now()
    statement.released_by = by.id
    db.session.flush()
    statement_id = statement.id
    db.after_commit(lambda: log.info("statement.released", statement=statement_id))
    tell_of_statement(statement, by=by)
    facts = {"customer": customer.id, "month": statement.month_on.strftime("%Y-%m")}
    audit.record(Action.STATEMENT_RELEASE, by=by, chain=partner.id, thing=statement.id, **facts)


class Released(NamedTuple):
    """How many statements a batch released, and the ID of its last draft, empty without any."""

    released: int
    last: str


def release_some(partner: BillingAccount, *, month_on: date, by: Actor, after: str) -> Released:
    """Owners and admins of a partner's account release a batch of the drafts of a month, in the
    order of their IDs, but none whose prices are missing or hidden. Raises Forbidden,
    Refused("statement-profile-missing")."""
    access.require(by, Action.STATEMENT_RELEASE, partner)
    is_draft = Statement.issuer_id == partner.id, Statement.state == State.DRAFT
    query = select(Statement).where(*is_draft, Statement.month_on == month_on, Statement.id > after)
    found = list(db.session.scalars(query.order_by(Statement.id).limit(BATCH)))
    db.lock(BillingAccount, partner.id)
    locks.lock(*((BillingAccount, statement.account_id) for statement in found))
    count = 0
    for statement in found:
        try:
            release(statement, by=by)
            count += 1
        except Refused as refusal:
            if refusal.code not in (*HELD, Code.STATEMENT_RELEASED):
                raise
    return Released(count, found[-1].id if found else "")


def _complete(statement: Statement, partner: BillingAccount) -> Customer:
    """Add lines, number, names and addresses; the customer. Raises
    Refused("statement-profile-missing")."""
    profile = partner_profiles.profile_of(partner.id)
    if profile is None or not profile.legal_name:
        raise Refused(Code.STATEMENT_PROFILE_MISSING)
    customer = parties.customer_of(statement.account_id)
    lines = price_lines(statement)
    add_lines(statement, lines, printed(statement, lines))
    profile.last_number += 1
    statement.prefix, statement.number = profile.number_prefix, profile.last_number
    statement.issuer = parties.profile_party(profile)
    statement.recipient = parties.customer_party(customer)
    return customer


def printed(statement: Statement, lines: list[CostLine]) -> list[Decimal]:
    """The printed amounts of a customer's lines, which sum to its total."""
    units = [line.units for line in lines]
    return apportion(units, statement.total, minor_digits(statement.currency))


def price_lines(statement: Statement) -> list[CostLine]:
    """The lines of a customer's statement: its prices, corrections of earlier months last."""
    account_id, month_on = statement.account_id, statement.month_on
    found = prices.totals_of([account_id], month_on).get(account_id, [])
    totals = {(it.cloud_id, it.service, it.category): int(it.price.scaleb(6)) for it in found}
    corrected = _corrections(statement, {key[0] for key in totals})
    own = {key: price - corrected.get(key, 0) for key, price in totals.items()}
    quantities = quantities_in(month_on, payer_id=statement.issuer_id, account_id=account_id)
    nothing = ("", 0)
    return [
        CostLine(line, micros * UNITS_OF_MICRO, *quantities.get(line, nothing))
        for is_correction, prices_of in ((False, own), (True, corrected))
        for key, micros in prices_of.items()
        if micros or key not in corrected
        for line in [LineKey(account_id, *key, is_correction)]
    ]


def _corrections(statement: Statement, cloud_ids: set[str]) -> dict[tuple[str, str, str], int]:
    """By cloud, service and category what the month has to do with usage of closed ones."""
    key = Price.cloud_id, Price.service, Price.category
    query = (
        select(*key, func.sum(Price.whole), func.sum(Price.millionths))
        .join(Posting, Posting.id == Price.posting_id)
        .where(
            Price.cloud_id.in_(cloud_ids),
            Price.account_id == statement.account_id,
            Price.month_on == statement.month_on,
            Price.usage_on < statement.month_on,
            Posting.open_on == statement.month_on,
            Posting.posted_at.is_not(None),
        )
        .group_by(*key)
    )
    found = {
        (cloud_id, service, category): int(whole) * MICROS_OF_ONE + int(millionths)
        for cloud_id, service, category, whole, millionths in db.session.execute(query)
    }
    return {key: micros for key, micros in found.items() if micros}
