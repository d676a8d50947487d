"""Chasing: who has waited how long, a letter to them, and no flood of invitations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask

from portal import db
from portal.domain import customers
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer, Filter
from portal.domain.errors import Refused
from tests.partner.test_managers import names
from tests.support.answers import links, notices
from tests.support.browser import Browser
from tests.support.new_customer import add_customer, open_form, post_form
from tests.support.world import CARL, EDDIE, OLGA, START, Clock, World, actor

Open = Callable[..., Browser]


def north(world: World) -> BillingAccount:
    return db.session.get_one(BillingAccount, world.north)


def test_the_filter_shows_who_waits_longer_than_so_many_days_oldest_first(
    world: World, clock: Clock, browser: Open
) -> None:
    clock.forward(days=4)
    add_customer(world, "b@client.example", name="Second", manager_id=world.eddie)
    clock.forward(days=4)
    add_customer(world, "c@client.example", name="Third")
    eddie = browser(EDDIE)
    eddie.get(f"/partner/{world.north}/customers")
    eddie.click("SUBACCOUNT-ACCEPTANCE-REQUIRED 3")
    eddie.submit("Show", waiting="3")
    assert names(eddie) == ["Carl & Sons", "Second"]
    assert "2 customers shown, oldest first." in eddie.text
    eddie.submit("Show", waiting="7")
    assert names(eddie) == ["Carl & Sons"]
    eddie.submit("Show", waiting="0")
    eddie.click("Mine")
    assert names(eddie) == ["Second"]
    eddie.submit("Show", waiting="1")
    assert names(eddie) == ["Second"], "still mine"
    eddie.click("All 1")
    assert "waiting" not in eddie.url


def test_an_active_customer_does_not_wait(app: Flask, world: World, clock: Clock) -> None:
    clock.forward(days=30)
    rows = customers.page_for(actor(OLGA), north(world), Filter(waiting_days=7))
    assert [row.id for row in rows] == [world.carls_customer]


def test_the_list_is_sorted_by_age_either_way(world: World, browser: Open) -> None:
    for name in ("Third", "Fourth"):
        add_customer(world, f"{name}@client.example", name=name)
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers")
    assert names(olga)[:2] == ["Fourth", "Third"]
    olga.click("Added")
    assert names(olga)[2:] == ["Third", "Fourth"]
    assert "4 of 4, oldest first." in olga.text
    olga.click("Added")
    assert names(olga)[:2] == ["Fourth", "Third"]


def test_paging_goes_on_in_the_wanted_order(app: Flask, world: World) -> None:
    ids = [add_customer(world, f"n{n}@client.example") for n in range(3)]
    wanted = Filter(oldest_first=True, after=ids[0])
    rows = customers.page_for(actor(OLGA), north(world), wanted)
    assert [row.id for row in rows] == ids[1:]


@pytest.mark.parametrize("value", ["-1", "x", "99999", "٣", "", "9" * 5000])
def test_a_number_of_days_that_is_none_is_no_filter(
    world: World, browser: Open, value: str
) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers", query_string={"waiting": value})
    assert "Nina GmbH" in olga.text


def test_writing_to_the_customer_opens_ones_own_mail_program_with_the_link(
    world: World, browser: Open
) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.carls_customer}")
    letter = links(olga)["Write to the customer"]
    assert letter.startswith(f"mailto:{CARL}?subject=Confirm%20your%20willingness")
    fields = parse_qs(urlsplit(letter).query)
    assert fields["subject"] == [
        "Confirm your willingness to work with the integrator in Test Cloud"
    ]
    (body,) = fields["body"]
    assert f"\r\n\r\nhttp://localhost/invite/accept/{world.carls_subaccount}\r\n\r\n" in body
    assert f"sign in as {CARL}" in body
    assert "\n" not in body.replace("\r\n", "")
    assert "with North in Test Cloud" in unquote(letter)


def test_nobody_is_written_to_who_has_answered(world: World, browser: Open) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}")
    assert "Write to the customer" not in olga.text


@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "4"}])
class TestTheDaysMost:
    """North has invited two already; so two are left."""

    def test_the_next_customer_is_refused_with_the_time_from_which_on_it_goes(
        self, world: World, clock: Clock, browser: Open
    ) -> None:
        add_customer(world, "one@client.example")
        olga = open_form(browser(OLGA), world)
        assert notices(olga, "warn") == []
        add_customer(world, "two@client.example")
        answer = post_form(olga, world, invitation_email="three@client.example")
        assert answer.status_code == 422
        (said,) = notices(olga)
        assert "No more than 4 customers can be added in 24 hours." in said
        assert "The next one can be added from 3 Mar 2026, 09:00:00 UTC on." in said
        assert olga.form("/customers/add")["invitation_email"] == "three@client.example"
        clock.forward(hours=24)
        add_customer(world, "three@client.example")

    def test_who_opens_the_form_reads_it_before_typing(self, world: World, browser: Open) -> None:
        for n in range(2):
            add_customer(world, f"n{n}@client.example")
        (said,) = notices(open_form(browser(OLGA), world), "warn")
        assert said.startswith("No more than 4 customers can be added in 24 hours.")

    def test_a_corrected_address_is_one_more_invitation(self, world: World, app: Flask) -> None:
        for n in range(2):
            add_customer(world, f"n{n}@client.example")
        olga, carls = actor(OLGA), world.carls_customer
        with pytest.raises(Refused, match="invitations-per-day"):
            db.write(
                lambda: customers.correct_address(
                    db.lock(Customer, carls), by=olga, email="right@client.example"
                )
            )

    def test_when_the_next_can_go_is_known_beforehand(
        self, world: World, app: Flask, clock: Clock
    ) -> None:
        def known() -> timedelta | None:
            at = customers.next_invitation_at(north(world))
            return at and at.replace(microsecond=0) - START

        assert db.read(known) is None
        add_customer(world, "one@client.example")
        assert db.read(known) is None
        add_customer(world, "two@client.example")
        assert db.read(known) == timedelta(days=1)
        clock.forward(hours=23)
        assert db.read(known) is None, "the first two are a day old"

    def test_another_partners_invitations_are_not_counted(self, world: World, app: Flask) -> None:
        for n in range(2):
            add_customer(world, f"n{n}@client.example")
        south = db.session.get_one(BillingAccount, world.south)
        assert customers.next_invitation_at(south) is None
        assert customers.quota_refusal(south) is None
