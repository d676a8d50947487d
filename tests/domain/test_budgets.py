"""Budgets: what counts, what is told once, and the steps of a partner's for its customer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select, text

from portal import db
from portal.domain import budgets, clouds, customers, prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.budgets import Budget, BudgetMonth, Kind, Steps
from portal.domain.customers import Customer, Status
from portal.domain.errors import Code, Forbidden, Refused
from portal.domain.notifications import Kind as News
from portal.domain.notifications import Notification
from portal.worker import budgets as worker_budgets
from tests.support.clouds import accept_carls_invitation
from tests.support.jobs import run_upkeep
from tests.support.money import row
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    VERA,
    Clock,
    World,
    actor,
    link_cloud,
    user,
)

STOP, SUSPEND = Steps(stops_clouds=True), Steps(stops_clouds=True, suspends_at=120)


@pytest.fixture
def march(clock: Clock) -> Clock:
    """The clock at noon of 11 March, when ten days are over."""
    clock.now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    return clock


def account(account_id: str) -> BillingAccount:
    return db.session.get_one(BillingAccount, account_id)


def nina(world: World) -> Customer:
    return db.session.get_one(Customer, world.ninas_customer)


def budget_nina(
    world: World, amount: str = "100", steps: Steps | None = None, by: str = OLGA
) -> None:
    terms = {"amount": Decimal(amount), "steps": steps}
    db.write(lambda: budgets.set_for_customer(nina(world), **terms, by=actor(by)))  # type: ignore[arg-type]


def budget_own(account_id: str, by: str, amount: str = "100") -> None:
    db.write(lambda: budgets.set_budget(account(account_id), amount=Decimal(amount), by=actor(by)))


def cost(world: World, amount: str, cloud_id: str = "", day: str = "10T10") -> None:
    """Deliver all usage of March: a cost of Nina's cloud, or of another, since the second."""
    cloud_id = cloud_id or world.ninas_cloud
    deliver(row("0.000001", cloud_id), row(amount, cloud_id, day))


def watch() -> None:
    while worker_budgets.watch():
        pass


def steps(email: str, kind: News = News.BUDGET) -> list[str]:
    """The steps that a person was notified of."""
    is_its = Notification.kind == kind, Notification.user_id == user(email).id
    query = select(Notification.facts).where(*is_its).order_by(Notification.id)
    return [facts["step"] for facts in db.read(lambda: list(db.session.scalars(query)))]


def refusal(world: World, by: str = NINA) -> Refused | None:
    """Why no cloud can be created in Nina's subaccount."""
    try:
        db.write(
            lambda: clouds.create(account(world.ninas_subaccount), by=actor(by), name="another")
        )
    except Refused as error:
        return error
    return None


def status(world: World) -> Status:
    return db.read(lambda: nina(world).status)


def test_a_budget_counts_the_price_and_each_step_is_told_once(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "100")
    budget_nina(world)
    cost(world, "12.49")
    watch()
    assert steps(EDDIE) == []  # 24.98 in nine days: 83.27 by forecast
    cost(world, "25", day="10T10")
    watch()
    watch()
    assert steps(EDDIE) == ["forecast"]  # 50 % at once, and by forecast more
    cost(world, "24")
    watch()
    cost(world, "40")
    run_upkeep()
    cost(world, "50")
    watch()
    march.forward(days=1)
    cost(world, "90")
    watch()
    assert steps(EDDIE) == steps(OLGA) == ["forecast", "80", "100"]
    assert steps(VERA) == steps(NINA) == []


def test_of_several_steps_at_once_the_highest_is_told(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world)
    cost(world, "170")
    watch()
    assert steps(EDDIE) == ["100"]


def test_another_amount_is_told_again_and_late_usage_of_the_month_before_too(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world, steps=STOP)
    cost(world, "60")
    watch()
    budget_nina(world, "110")
    watch()
    assert steps(EDDIE) == ["forecast", "forecast"]
    march.now = datetime(2026, 4, 1, 1, tzinfo=UTC)
    cost(world, "120")
    watch()
    assert steps(EDDIE) == ["forecast", "forecast", "100"]
    assert refusal(world) is None  # a step of March is over with it
    march.now = datetime(2026, 5, 1, 1, tzinfo=UTC)
    budget_nina(world, "20")
    watch()
    assert len(steps(EDDIE)) == 3


def test_an_accounts_own_budget_counts_its_cost_and_is_told_to_who_sees_money(
    app: Flask, world: World, march: Clock
) -> None:
    budget_own(world.north, AMIR)
    budget_own(world.direct, DORA)
    deliver(row("82", world.ninas_cloud, "09T10"), row("99.999999", world.doras_cloud, "10T10"))
    watch()
    assert steps(OLGA) == steps(AMIR) == steps(ACE) == steps(DORA) == ["forecast"]
    assert steps(EDDIE) == steps(NINA) == []
    deliver(row("101", world.doras_cloud, "10T10"))
    watch()
    assert steps(DORA) == ["forecast", "100"]


def test_a_customers_own_budget_counts_what_it_sees_and_stays_unknown_to_the_partner(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0", 5)
    budget_own(world.ninas_subaccount, NINA)
    priced, missing = {"ServiceName": "Compute"}, {"ServiceName": "Storage"}
    deliver(
        row("80", world.ninas_cloud, "10T10", **priced),
        row("90", world.ninas_cloud, "02T10", **missing),
        row("90", world.ninas_cloud, "10T10", **missing),
    )
    watch()
    assert steps(NINA) == []
    db.write(lambda: prices.publish(account(world.north), by=COMMAND))
    watch()
    assert steps(NINA) == ["forecast"]
    assert steps(OLGA) == []
    spending = db.read(lambda: budgets.spending_of(world.ninas_subaccount, Kind.OWN))
    assert spending is not None
    assert (spending.spent, spending.is_complete, spending.percent) == (80, False, 80)
    subaccount = account(world.ninas_subaccount)
    assert budgets.may_see(actor(NINA), subaccount)
    assert not budgets.may_see(actor(OLGA), subaccount)
    with pytest.raises(Forbidden):
        budget_own(world.ninas_subaccount, OLGA)


def test_a_spent_budget_stops_new_clouds_until_the_next_month(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world, steps=STOP)
    cost(world, "85")
    watch()
    assert steps(NINA, News.LIMIT) == ["near"]
    assert refusal(world) is None
    cost(world, "100")
    watch()
    assert steps(NINA, News.LIMIT) == ["near", "stopped"]
    for email in (NINA, OLGA):
        error = refusal(world, email)
        assert error is not None
        assert (error.code, error.facts["day"]) == (Code.NO_NEW_CLOUDS, date(2026, 4, 1))
    with pytest.raises(Refused, match=Code.NO_NEW_CLOUDS):
        db.write(lambda: link_cloud(world.doras_cloud, world.ninas_subaccount, actor(NINA)))
    march.now = datetime(2026, 4, 1, 1, tzinfo=UTC)
    watch()
    assert refusal(world) is None


def test_a_higher_amount_no_step_or_no_budget_allow_new_clouds_again(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world, steps=STOP)
    cost(world, "150")
    watch()
    budget_nina(world, "120")
    assert refusal(world) is not None
    budget_nina(world, "200", by=EDDIE)
    assert refusal(world) is None
    for allow in (
        lambda: budgets.remove_for_customer(nina(world), by=actor(EDDIE)),
        lambda: budgets.set_for_customer(
            nina(world), amount=Decimal(100), steps=Steps(), by=actor(OLGA)
        ),
    ):
        budget_nina(world, "100", STOP)
        watch()
        assert refusal(world) is not None
        db.write(allow)
        assert refusal(world) is None


@pytest.mark.both_databases
def test_a_customer_is_suspended_a_day_after_that_was_announced_once_a_month(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world, steps=SUSPEND)
    cost(world, "150")
    watch()
    assert steps(NINA, News.LIMIT) == ["suspends"]
    march.forward(hours=23)
    watch()
    assert status(world) is Status.ACTIVE
    march.forward(hours=1)
    watch()
    assert status(world) is Status.SUSPENDED
    assert steps(EDDIE) == ["100", "suspended"]
    by_worker = select(AuditLine.action).where(
        AuditLine.actor == "worker", AuditLine.customer_id == world.ninas_customer
    )
    lines = db.read(lambda: set(db.session.scalars(by_worker)))
    assert lines == {"budget.stop_clouds", "budget.suspend", "customer.suspend"}
    db.write(lambda: customers.resume(nina(world), by=actor(EDDIE)))
    watch()
    assert status(world) is Status.ACTIVE
    db.write(lambda: customers.suspend(nina(world), by=actor(EDDIE)))
    march.now = datetime(2026, 4, 1, 1, tzinfo=UTC)
    watch()
    assert status(world) is Status.SUSPENDED  # a new month lifts no suspension


def test_below_its_percentage_a_suspension_is_announced_and_waits(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world, steps=SUSPEND)
    cost(world, "119.99")
    watch()
    march.forward(days=2)
    watch()
    assert status(world) is Status.ACTIVE
    cost(world, "120")
    watch()
    assert status(world) is Status.SUSPENDED


def test_only_an_owner_chooses_steps_and_an_editors_amount_keeps_them(
    app: Flask, world: World
) -> None:
    for email in (AMIR, EDDIE):
        with pytest.raises(Forbidden):
            budget_nina(world, steps=STOP, by=email)
    budget_nina(world, steps=SUSPEND)
    budget_nina(world, "50", by=EDDIE)
    kept = db.read(lambda: db.session.get_one(Budget, (world.ninas_subaccount, Kind.CUSTOMER)))
    assert (kept.amount, kept.steps) == (50, SUSPEND)


def test_a_budget_has_a_positive_amount_and_suspends_above_100_percent(
    app: Flask, world: World
) -> None:
    for amount in ("0", "-1", "0.001", "1e13", "NaN"):
        with pytest.raises(Refused, match=Code.BUDGET_AMOUNT):
            budget_nina(world, amount)
    for odd in (Steps(suspends_at=120), Steps(True, 100), Steps(True, 501)):
        with pytest.raises(Refused, match=Code.BUDGET_PERCENT):
            budget_nina(world, "1", odd)


def test_the_largest_amounts_are_compared_exactly(app: Flask, world: World, march: Clock) -> None:
    apply_rate(world.north, "900")
    budget_nina(world, "1000000000000", SUSPEND)
    cost(world, "79999999999.99")
    watch()
    assert steps(NINA, News.LIMIT) == []
    cost(world, "120000000000")
    watch()
    march.forward(days=1)
    watch()
    assert status(world) is Status.SUSPENDED


def test_what_was_told_is_forgotten_after_the_next_month(
    app: Flask, world: World, march: Clock
) -> None:
    budget_own(world.direct, DORA)
    for month in (3, 4, 5):
        march.now = datetime(2026, month, 20, tzinfo=UTC)
        period = {"BillingPeriodStart": f"2026-{month:02}-01", "BillingPeriodEnd": "2026-06-01"}
        times = {f"ChargePeriod{end}": f"2026-{month:02}-05T10:00Z" for end in ("Start", "End")}
        deliver(row("150", world.doras_cloud, **period, **times), source=f"Vendor {month}")
        watch()
    months = db.read(lambda: list(db.session.scalars(select(BudgetMonth.month_on))))
    assert sorted(months) == [date(2026, 4, 1), date(2026, 5, 1)]
    assert steps(CARL) == []
    assert steps(DORA) == ["100"] * 3


def test_an_ended_partnership_has_no_budget_any_more(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world)
    cost(world, "60")
    db.write(lambda: customers.end_partnership(nina(world), by=COMMAND))
    watch()
    assert steps(EDDIE) == []
    assert db.read(lambda: budgets.spending_of(world.ninas_subaccount, Kind.CUSTOMER)) is None
    with pytest.raises(Refused, match=Code.ACCOUNT_CLOSED):
        budget_nina(world)
    db.write(lambda: budgets.erase(nina(world)))
    assert db.read(lambda: db.session.scalars(select(Budget)).all()) == []


def test_no_suspension_is_announced_to_a_customer_that_is_suspended(
    app: Flask, world: World, march: Clock
) -> None:
    apply_rate(world.north, "0")
    budget_nina(world, steps=SUSPEND)
    db.write(lambda: customers.suspend(nina(world), by=actor(EDDIE)))
    cost(world, "150")
    watch()
    assert steps(NINA, News.LIMIT) == ["stopped"]
    db.write(lambda: customers.resume(nina(world), by=actor(EDDIE)))
    watch()
    assert steps(NINA, News.LIMIT) == ["stopped", "suspends"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the fault is a trigger of SQLite
@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])  # by a notice, by a suspension
def test_what_fails_for_one_customer_does_not_stop_the_others(
    app: Flask, world: World, march: Clock, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    accept_carls_invitation()
    apply_rate(world.north, "0")
    terms = {"amount": Decimal(100), "steps": SUSPEND, "by": actor(OLGA)}
    both = [db.session.get_one(Customer, it) for it in (world.carls_customer, world.ninas_customer)]
    for customer in both:
        db.write(lambda it=customer: budgets.set_for_customer(it, **terms))  # type: ignore[misc]
    deliver(row("150", world.ninas_cloud, "10T10"), row("150", world.carls_cloud, "10T10"))
    if event == "UPDATE":
        watch()
    first = min(world.carls_subaccount, world.ninas_subaccount)
    fault = f"""CREATE TRIGGER fault BEFORE {event} ON budget_months
        WHEN NEW.account_id = '{first}' BEGIN SELECT RAISE(ABORT, 'broken'); END"""
    db.write(lambda: db.session.execute(text(fault)))
    watch()
    march.forward(days=1)
    watch()
    found = db.read(lambda: sorted(it.status for it in map(db.session.merge, both)))
    assert found == [Status.ACTIVE, Status.SUSPENDED]
    assert "budget.watching_failed" in caplog.text
