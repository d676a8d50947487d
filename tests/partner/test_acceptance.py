"""Acceptance at a glance: the chart and its table have the numbers, by week of adding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import Flask

from portal import db
from portal.domain import customers, invitations
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer, Week
from tests.support.browser import Browser
from tests.support.world import CARL, OLGA, SAM, VERA, Clock, World, actor, draft


def weeks(world: World, email: str = OLGA) -> list[Week]:
    def read() -> list[Week]:
        north = db.session.get_one(BillingAccount, world.north)
        return customers.acceptance_by_week(actor(email), north)

    return db.read(read)


def add(world: World, email: str) -> str:
    who = actor(OLGA)
    return db.write(
        lambda: customers.add(db.lock(BillingAccount, world.north), by=who, draft=draft(email)).id
    )


def test_each_week_counts_what_became_of_those_added_in_it(
    app: Flask, world: World, clock: Clock
) -> None:
    assert weeks(world)[-1] == Week(
        date(2026, 3, 2), confirmed=1, declined=0, withdrawn=0, waiting=1
    )
    clock.forward(days=6, hours=13, minutes=59)
    assert len([week for week in weeks(world) if week.added]) == 1
    add(world, "sunday@client.example")
    clock.forward(minutes=1)
    monday = add(world, "monday@client.example")
    olga, carl = actor(OLGA), actor(CARL)
    db.write(lambda: customers.remove(db.lock(Customer, monday), by=olga))
    db.write(lambda: customers.decline(invitations.open_for(carl)[0], by=carl))
    found = weeks(world)
    assert len(found) == 26
    assert found[-2:] == [
        Week(date(2026, 3, 2), confirmed=1, declined=1, withdrawn=0, waiting=1),
        Week(date(2026, 3, 9), confirmed=0, declined=0, withdrawn=1, waiting=0),
    ]
    assert sum(week.added for week in found) == 4


def test_half_a_year_later_the_week_is_gone(app: Flask, world: World, clock: Clock) -> None:
    clock.forward(weeks=25)
    assert weeks(world)[0].begins_on == date(2026, 3, 2)
    assert weeks(world)[0].added == 2
    clock.forward(weeks=1)
    assert sum(week.added for week in weeks(world)) == 0


def test_a_stranger_counts_nothing(app: Flask, world: World) -> None:
    assert sum(week.added for week in weeks(world, SAM)) == 0


def test_the_page_has_the_chart_and_its_table(
    app: Flask, world: World, browser: Callable[..., Browser]
) -> None:
    vera = browser(VERA)
    vera.get(f"/partner/{world.north}/customers")
    vera.click("Acceptance")
    assert "Week of Added Confirmed Waiting Declined Withdrawn 2 Mar 2026 2 1 1 0 0" in vera.text
    assert "26 weeks 2 1 1 0 0" in vera.text
    rects = [e for e in vera.page.iter() if str(e.tag).endswith("rect")]
    key, columns = rects[:4], rects[4:]
    assert len(key) == 4
    drawn = [(r.get("class"), r.get("y"), r.get("height")) for r in columns]
    assert drawn == [("chart-confirmed", "1", "1"), ("chart-waiting", "0", "1")]


def test_without_customers_in_half_a_year_the_page_says_so(
    app: Flask, world: World, clock: Clock, browser: Callable[..., Browser]
) -> None:
    clock.forward(weeks=30)
    vera = browser(VERA)
    vera.get(f"/partner/{world.north}/customers/acceptance")
    assert "No customer was added in the last half year" in vera.text
