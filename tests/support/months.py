"""Months for tests: close them, and read what was made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import select

from portal import db
from portal.domain import billing_months, partner_profiles, prices, statements
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.partner_profiles import PartnerProfile, ProfileDraft
from portal.domain.prices import PriceList
from portal.domain.statements import Statement, StatementLine
from portal.worker import statement_making
from tests.support.world import Clock, World

MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in range(3, 7))


def close(clock: Clock, month_on: date = MARCH) -> None:
    """Close a month once it is over, and make its statements."""
    end = datetime.combine(billing_months.next_month(month_on), datetime.min.time(), UTC)
    if clock.now < end:
        clock.forward(seconds=(end - clock.now).total_seconds())
    db.write(lambda: statements.close(month_on, by=COMMAND))
    make_statements()


def make_statements() -> None:
    while statement_making.advance():
        pass


def statement_of(account_id: str, month_on: date = MARCH) -> Statement:
    is_it = Statement.account_id == account_id, Statement.month_on == month_on
    return db.read(lambda: db.session.scalars(select(Statement).where(*is_it)).one())


def lines_of(statement: Statement) -> list[tuple[str, str, Decimal]]:
    """Cloud, service and printed amount of each line; corrections are in brackets."""

    def load() -> list[tuple[str, str, Decimal]]:
        query = select(StatementLine).where(StatementLine.statement_id == statement.id)
        rows = db.session.scalars(query.order_by(StatementLine.number))
        return [
            (it.cloud_id, f"({it.service})" if it.is_correction else it.service, it.amount)
            for it in rows
        ]

    return db.read(load)


def payments_of(statement: Statement) -> dict[str, Decimal]:
    """What bears a statement; lots are all named `lot`."""
    names = {
        bearer: "lot" if bearer.startswith("lot") else bearer for bearer, _ in statement.payments
    }
    return {names[bearer]: Decimal(amount) for bearer, amount in statement.payments}


def name_firm(partner_id: str) -> None:
    """Give a partner the profile that its statements need, and publish its prices."""

    def unit() -> None:
        partner = db.session.get_one(BillingAccount, partner_id)
        draft = ProfileDraft(
            legal_name="North Integration GmbH", country="DE", number_prefix="NI-", city="Hamburg"
        )
        version = getattr(partner_profiles.profile_of(partner_id), "version", 0)
        partner_profiles.edit(partner, by=COMMAND, draft=draft, version=version)
        prices.publish(partner, by=COMMAND)

    db.write(unit)


def may_release(world: World) -> None:
    """In a unit of work, let North release the statement of Nina that is a draft."""
    profile = partner_profiles.profile_of(world.north) or PartnerProfile(account_id=world.north)
    profile.legal_name, price_list = "North Integration GmbH", PriceList(partner_id=world.north)
    price_list.is_published = True
    db.session.add_all([profile, db.session.merge(price_list)])
    db.session.flush()


def release(statement: Statement, **options: bool) -> Statement:
    """Release a customer's statement; the statement as it is then."""

    def unit() -> None:
        row = db.session.get_one(Statement, statement.id)
        statements.release(row, by=COMMAND, **options)

    db.write(unit)
    return db.read(lambda: db.session.get_one(Statement, statement.id))
