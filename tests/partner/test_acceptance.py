"""Acceptance at a glance: the chart's table has the numbers, by week of adding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import Flask

from portal import db
from portal.domain import customer, invitation
from portal.domain.account import BillingAccount
from tests.browser import Browser
from tests.world import CARL, OLGA, SAM, VERA, Clock, World, actor, draft


def north(world: World) -> BillingAccount:
    found = db.find(BillingAccount, world.north, actor(OLGA))
    assert found is not None
    return found


def test_each_week_counts_what_became_of_those_added_in_it(
    app: Flask, world: World, clock: Clock
) -> None:
    first = customer.acceptance_for(actor(OLGA), north(world))[-1]
    assert first == (date(2026, 3, 2), 1, 0, 0, 1)
    clock.forward(days=7)
    who, carl = actor(OLGA), actor(CARL)
    db.write(
        lambda: customer.add(
            db.lock(BillingAccount, world.north), by=who, draft=draft("x@y.example")
        )
    )
    db.write(lambda: customer.decline(invitation.open_for(carl)[0], by=carl))
    weeks = customer.acceptance_for(actor(OLGA), north(world))
    assert len(weeks) == 26
    assert weeks[-2:] == [(date(2026, 3, 2), 1, 1, 0, 0), (date(2026, 3, 9), 0, 0, 0, 1)]
    assert sum(week.added for week in weeks) == 3


def test_a_stranger_counts_nothing(app: Flask, world: World) -> None:
    assert sum(w.added for w in customer.acceptance_for(actor(SAM), north(world))) == 0


def test_the_page_has_the_chart_and_its_table(
    app: Flask, world: World, browser: Callable[..., Browser]
) -> None:
    vera = browser(VERA)
    vera.get(f"/partner/{world.north}/customers")
    vera.click("Acceptance")
    assert "2 Mar 2026 2 1 1 0 0" in vera.text
    assert len([e for e in vera.page.iter() if e.tag.endswith("rect")]) == 2 + 4
