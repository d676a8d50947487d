"""Chasing: who has waited how long, a letter to them, and no flood of invitations."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask

from portal import db
from portal.domain import customer
from portal.domain.account import BillingAccount
from portal.domain.customer import Filter
from portal.domain.errors import Refused
from tests.browser import Browser
from tests.world import CARL, OLGA, Clock, World, actor, draft


def add(world: World, email: str, name: str) -> str:
    who = actor(OLGA)
    wanted = draft(email, name=name)
    return db.write(
        lambda: customer.add(db.lock(BillingAccount, world.north), by=who, draft=wanted).id
    )


def names(browser: Browser) -> list[str]:
    return [cell.get("title") or "" for cell in browser.page.iter() if _is_name(cell)]


def _is_name(cell: object) -> bool:
    return getattr(cell, "tag", "") == "a" and "customers/cst" in cell.get("href", "")  # type: ignore[attr-defined]


def test_the_filter_shows_who_waits_longer_than_so_many_days_oldest_first(
    app: Flask, world: World, clock: Clock, browser: Callable[..., Browser]
) -> None:
    clock.forward(days=4)
    add(world, "b@client.example", "Second")
    clock.forward(days=4)
    add(world, "c@client.example", "Third")
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers?status=SUBACCOUNT-ACCEPTANCE-REQUIRED")
    olga.submit("Show", waiting="3")
    assert names(olga) == ["Carl & Sons", "Second"]
    assert "waiting=3" in olga.url
    olga.submit("Show", waiting="7")
    assert names(olga) == ["Carl & Sons"]


def test_an_active_customer_does_not_wait(app: Flask, world: World, clock: Clock) -> None:
    clock.forward(days=30)
    north = db.find(BillingAccount, world.north, actor(OLGA))
    assert north is not None
    rows = customer.page_for(actor(OLGA), north, Filter(waiting_days=7))
    assert [row.id for row in rows] == [world.carls_customer]


def test_paging_goes_on_in_the_wanted_order(app: Flask, world: World) -> None:
    ids = [add(world, f"n{n}@client.example", f"N{n}") for n in range(3)]
    north = db.find(BillingAccount, world.north, actor(OLGA))
    assert north is not None
    rows = customer.page_for(actor(OLGA), north, Filter(oldest_first=True, after=ids[0]))
    assert [row.id for row in rows] == ids[1:]


@pytest.mark.parametrize("value", ["-1", "x", "99999", "٣", ""])
def test_a_number_of_days_that_is_none_is_no_filter(
    app: Flask, world: World, browser: Callable[..., Browser], value: str
) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers", query_string={"waiting": value})
    assert "Nina GmbH" in olga.text


def test_writing_to_the_customer_opens_ones_own_mail_program_with_the_link(
    app: Flask, world: World, browser: Callable[..., Browser]
) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.carls_customer}")
    letter = next(
        link.get("href", "") for link in olga.page.iter() if "mailto:" in (link.get("href") or "")
    )
    parts = urlsplit(letter)
    assert unquote(parts.path) == CARL
    fields = parse_qs(parts.query)
    assert fields["subject"] == [
        "Confirm your willingness to work with the integrator in Test Cloud"
    ]
    assert f"http://localhost/invite/accept/{world.carls_subaccount}" in fields["body"][0]
    assert re.search(r"sign in as carl@customer\.example", fields["body"][0])


@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "4"}])
def test_the_customer_beyond_the_days_most_is_refused_with_the_time_of_the_next(
    app: Flask, world: World, clock: Clock, browser: Callable[..., Browser]
) -> None:
    add(world, "one@client.example", "One")
    add(world, "two@client.example", "Two")
    with pytest.raises(Refused, match="invitations-per-day"):
        add(world, "three@client.example", "Three")
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/add")
    olga.submit("Add", name="Three", invitation_email="three@client.example", country="DE")
    assert "4 customers were added in the last 24 hours" in olga.text
    assert "3 Mar 2026, 09:00" in olga.text
    clock.forward(hours=24)
    assert add(world, "three@client.example", "Three")
