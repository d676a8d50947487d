"""Notice in tests: give it to Nina, wait for the day, let upkeep end the partnership."""

from __future__ import annotations

from datetime import date, timedelta

from portal import db
from portal.domain import billing_days, customers
from portal.domain.customers import Customer
from tests.support.jobs import run_upkeep
from tests.support.world import OLGA, Clock, World, signed_in

NOTICE_DAYS = 30
EARLIEST = date(2026, 4, 1)
"""The world begins on 2 March 2026."""


def give_notice(world: World, *, by: str = OLGA, ends_on: date = EARLIEST) -> None:
    def unit() -> None:
        customer = db.session.get_one(Customer, world.ninas_customer)
        customers.give_notice(customer, ends_on=ends_on, by=signed_in(by))

    db.write(unit)


def withdraw_notice(world: World, *, by: str = OLGA) -> None:
    def unit() -> None:
        customer = db.session.get_one(Customer, world.ninas_customer)
        customers.withdraw_notice(customer, by=signed_in(by))

    db.write(unit)


def come_to(clock: Clock, day: date, **before: float) -> None:
    """Set the clock to the beginning of the billing day, or some time before it."""
    clock.now = billing_days.start_of(day) - timedelta(**before)


def end_due() -> None:
    """Let upkeep end the partnerships whose day has come."""
    run_upkeep("end-partnerships")
