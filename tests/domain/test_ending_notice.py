"""Giving notice of the end of a partnership: for which day, what it stops, and withdrawing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import accounts, customers, notifications, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.mail_deliveries import MailDelivery
from portal.wording import notifications as wording
from tests.support.clouds import create_cloud, refusal_code, run_customer_verb
from tests.support.ending import EARLIEST, come_to, give_notice, withdraw_notice
from tests.support.world import EDDIE, NINA, OLGA, Clock, World, actor

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def refusal(call: Callable[..., object], *args: object, **facts: object) -> Refused:
    with pytest.raises(Refused) as refused:
        call(*args, **facts)
    return refused.value


def ends_on(world: World) -> date | None:
    return db.read(lambda: customers.ends_on(db.session.get_one(Customer, world.ninas_customer)))


def titles(email: str) -> list[str]:
    rows = db.read(lambda: notifications.notifications_for(actor(email)))
    return [wording.title(row.kind, row.facts) for row in rows]


def mailed(email: str) -> list[str]:
    """The kinds of partnership notifications that wait for the person as mails."""
    query = select(MailDelivery.facts).where(
        MailDelivery.recipient == email, MailDelivery.kind == "notice"
    )
    kinds = [facts["notice"] for facts in db.read(lambda: list(db.session.scalars(query)))]
    return [kind for kind in kinds if kind.startswith("partnership.")]


def test_notice_is_for_a_day_at_least_thirty_days_ahead(app: Flask, world: World) -> None:
    refused = refusal(give_notice, world, ends_on=EARLIEST - timedelta(days=1))
    assert (refused.code, refused.field) == ("notice-short", "ends_on")
    assert refused.facts == {"day": EARLIEST}
    assert ends_on(world) is None
    give_notice(world)
    assert ends_on(world) == EARLIEST


@pytest.mark.parametrize("settings", [{"NOTICE_DAYS": "1"}], ids=["one"])
def test_the_days_of_notice_are_a_setting(app: Flask, world: World) -> None:
    give_notice(world, ends_on=date(2026, 3, 3))
    assert ends_on(world) == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("settings", "earliest"),
    [
        ({"BILLING_TIME_ZONE": "Pacific/Kiritimati"}, EARLIEST + timedelta(days=1)),
        ({"BILLING_TIME_ZONE": "Pacific/Niue"}, EARLIEST - timedelta(days=1)),
        ({"TIME_ZONE": "Pacific/Niue"}, EARLIEST - timedelta(days=1)),
    ],
    ids=["east", "west", "default"],
)
def test_days_are_those_of_the_billing_time_zone(app: Flask, earliest: date) -> None:
    assert db.read(customers.earliest_ending) == earliest


def test_notice_is_given_once_and_only_for_a_confirmed_partnership(
    app: Flask, world: World
) -> None:
    give_notice(world)
    later = EARLIEST + timedelta(days=9)
    assert refusal(give_notice, world, ends_on=later).code == "notice-given"
    waiting = replace(world, ninas_customer=world.carls_customer)
    assert refusal(give_notice, waiting).code == "partnership-not-confirmed"


def test_both_sides_are_notified_by_mail_too(app: Flask, world: World) -> None:
    give_notice(world)
    assert titles(NINA)[0] == "The partnership with North ends on 1 Apr 2026"
    assert titles(EDDIE)[0] == "The partnership with Nina GmbH ends on 1 Apr 2026"
    assert mailed(NINA) == mailed(EDDIE) == ["partnership.notice_given"]
    withdraw_notice(world)
    assert titles(NINA)[0] == "The partnership with North does not end on 1 Apr 2026"
    assert titles(EDDIE)[0] == "The partnership with Nina GmbH does not end on 1 Apr 2026"


def test_from_the_notice_on_nothing_is_linked_to_the_subaccount(app: Flask, world: World) -> None:
    shop = create_cloud(NINA)
    give_notice(world)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) == "partnership-ending"
    withdraw_notice(world)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) is None


@pytest.mark.parametrize("by", [NINA, OLGA])
def test_from_the_notice_on_nothing_is_created_in_the_subaccount(
    app: Flask, world: World, by: str
) -> None:
    give_notice(world)
    refused = refusal(create_cloud, by, payer=world.ninas_subaccount)
    assert (refused.code, refused.facts) == ("partnership-ending", {"day": EARLIEST})
    payers = db.read(lambda: accounts.accounts_to_pay_from(actor(by)))
    assert world.ninas_subaccount not in [payer.id for payer in payers]


def test_the_notice_outlasts_a_suspension(app: Flask, world: World) -> None:
    run_customer_verb(customers.suspend, world.ninas_customer)
    give_notice(world)
    shop = create_cloud(NINA)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) == "partnership-ending"
    run_customer_verb(customers.resume, world.ninas_customer)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) == "partnership-ending"


def test_clouds_may_still_leave_and_the_partnership_end_at_once(app: Flask, world: World) -> None:
    give_notice(world)
    run_customer_verb(customers.end_partnership, world.ninas_customer)
    assert ends_on(world) is None


def test_the_notice_is_withdrawn_until_its_day_begins(
    app: Flask, world: World, clock: Clock
) -> None:
    give_notice(world)
    come_to(clock, EARLIEST, minutes=1)
    withdraw_notice(world)
    assert refusal(withdraw_notice, world).code == "notice-missing"
    give_notice(world, ends_on=date(2026, 5, 1))
    come_to(clock, date(2026, 5, 1))
    assert refusal(withdraw_notice, world).code == "notice-missing"
    assert ends_on(world) == date(2026, 5, 1)


def test_partner_status_is_not_taken_away_while_live_customers_exist(
    app: Flask, world: World
) -> None:
    give_notice(world)
    run_customer_verb(customers.remove, world.carls_customer)

    def revoke() -> None:
        workflows.revoke_partner_status(db.lock(BillingAccount, world.north), by=COMMAND)

    refused = refusal(db.write, revoke)
    assert (refused.code, refused.facts) == ("customers-live", {"count": 1})
