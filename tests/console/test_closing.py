"""*Close cloud* and *Restore* on the cloud's page, and what operators do with a closed cloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from portal import db
from portal.domain import customers
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud, PendingTasks
from portal.domain.connections import Connection
from portal.domain.customers import Customer
from portal.providers.contract import Done, Later, NeedsPerson, Never
from portal.wording import clouds as wording
from tests.support.answers import errors, notices
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.connections import use_manual
from tests.support.jobs import run_upkeep
from tests.support.pretended_cloud import PretendedCloud, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, EDDIE, NINA, OLGA, START, Clock, World, actor

Open = Callable[..., Browser]
LIST = "/operator/to-carry-out"


@pytest.fixture
def page(world: World) -> str:
    return f"/console/clouds/{world.ninas_cloud}"


def test_an_owner_closes_a_cloud_by_its_name_and_restores_it(
    browser: Open, clock: Clock, page: str
) -> None:
    nina = browser(NINA)
    nina.get(page)
    nina.click("Close cloud")
    assert "It works as before for 7 more days." in nina.text
    nina.submit("Close cloud", name="another")
    assert errors(nina) == {"name": "This is not the cloud’s name. Type it as it is shown."}
    nina.submit("Close cloud", name="default")
    assert notices(nina, "success") == ["The cloud will be closed."]
    assert [words for words in notices(nina, "warn") if "to be closed" in words]
    assert "Close cloud" not in nina.text
    nina.submit("Restore")
    assert notices(nina, "success") == ["The cloud is restored."]
    assert "Close cloud" in nina.text


def test_a_closed_cloud_is_not_restored(browser: Open, clock: Clock, page: str) -> None:
    nina = browser(NINA)
    nina.get(f"{page}/close")
    nina.submit("Close cloud", name="default")
    clock.forward(days=7)
    nina = browser(NINA)
    nina.get(page)
    run_upkeep("close-clouds")
    assert nina.submit("Restore").status_code == 422
    assert "This cloud is closed." in nina.text
    nina.get(page)
    assert "Closed, and kept for history since" in nina.text
    assert "Restore" not in nina.text


def test_a_restore_without_a_token_is_refused_also_where_nothing_closes(
    browser: Open, page: str
) -> None:
    nina = browser(NINA)
    assert nina.post(f"{page}/restore").status_code == 422
    assert notices(nina)


def test_the_partners_staff_read_why_they_do_not_close_it(browser: Open, page: str) -> None:
    eddie = browser(EDDIE)
    eddie.get(f"{page}/close")
    assert notices(eddie, "warn") == [
        "One of the customer’s people owns this cloud; only they close it."
    ]


def test_operators_get_the_command_that_empties_a_closed_cloud(
    app: Flask, browser: Open, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_mails()
    there = use_pretended(monkeypatch)
    monkeypatch.setitem(wording.EMPTYING, "pretended", "purge --project {id}")
    cloud_id = create_cloud(DORA)
    run_orders()
    appoint_operator()
    dora = browser(DORA)
    dora.get(f"/console/clouds/{cloud_id}/close")
    dora.submit("Close cloud", name="shop")
    clock.forward(days=7)
    run_upkeep("close-clouds")
    there.done = Done(left=("2 disks",))
    run_orders()
    dora = browser(DORA)
    dora.get(LIST)
    assert f"purge --project ext-{cloud_id}" in dora.text
    dora.click("Done: shop")
    dora.submit("Done")
    assert "Nothing to carry out" in dora.text
    dora.get(f"/console/clouds/{cloud_id}")
    assert "This goes on and costs as before: 2 disks." in dora.text


def test_an_id_of_a_cloud_is_quoted_in_a_command(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(wording.EMPTYING, "manual", "purge {id}")
    cloud = Cloud(external_id="x; rm -rf /", closed_at=START, closed_there_at=START)
    cloud.carried_out_at = START
    row = PendingTasks(cloud, Connection(kind="manual"), BillingAccount())
    assert wording.emptying(row) == "purge 'x; rm -rf /'"


def test_the_list_of_what_is_to_be_carried_out_has_pages(
    app: Flask, browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_mails()
    use_manual()
    appoint_operator()
    monkeypatch.setattr("portal.domain.clouds.carrying_out.PAGE_TO_CARRY_OUT", 2)
    monkeypatch.setattr("portal.domain.clouds.PAGE_TO_CARRY_OUT", 2)
    for number in range(5):
        create_cloud(DORA, f"new-{number}")
    dora, shown = browser(DORA), []
    dora.get(LIST)
    for _ in range(3):
        shown += [number for number in range(5) if f"new-{number}" in dora.text]
        if "Next 50" in dora.text:
            dora.click("Next 50")
    assert shown == [0, 1, 2, 3, 4]


@pytest.fixture
def there(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


def suspend(world: World) -> None:
    customer = world.ninas_customer
    db.write(lambda: customers.suspend(db.session.get_one(Customer, customer), by=actor(OLGA)))


def test_the_clouds_page_says_what_is_carried_out_when(
    there: PretendedCloud, browser: Open, clock: Clock, world: World
) -> None:
    cloud_id, nina = create_cloud(NINA, payer=world.ninas_subaccount), browser(NINA)
    page = f"/console/clouds/{cloud_id}"
    nina.get(page)
    assert "Being created" in nina.text
    assert "It does not exist there yet." in nina.text
    run_orders()
    nina.get(page)
    assert "Up to date since" in nina.text
    suspend(world)
    nina.get(page)
    assert [words for words in notices(nina, "warn") if "It still works." in words]
    there.done = Done(ends_by=clock.now + timedelta(minutes=5), left=("2 servers",))
    run_orders()
    nina.get(page)
    assert "North suspended it, so nobody can sign in." in nina.text
    assert "who is signed in has access until" in nina.text
    assert "This goes on and costs as before: 2 servers." in nina.text


@pytest.mark.parametrize(
    "error",
    [
        NeedsPerson("http-address-refused", host="racks.example", said="quota of domain 77"),
        Never("quota of domain 77 exceeded"),
    ],
)
def test_what_the_connection_refuses_is_said_in_plain_words(
    there: PretendedCloud, browser: Open, error: Exception
) -> None:
    there.fail(error)
    cloud_id, dora = create_cloud(DORA), browser(DORA)
    run_orders()
    dora.get(f"/console/clouds/{cloud_id}")
    assert "Not created" in dora.text
    assert "It can’t be done. The operator knows." in dora.text
    assert not {"quota", "racks.example"} & set(dora.text.split())


def test_a_connection_that_is_down_says_since_when(
    there: PretendedCloud, browser: Open, clock: Clock
) -> None:
    there.fail(*[Later("timed out")] * 3)
    cloud_id, dora = create_cloud(DORA), browser(DORA)
    for _ in range(3):
        run_orders()
        clock.forward(minutes=4)
    dora.get(f"/console/clouds/{cloud_id}")
    assert "Frankfurt has not answered since" in notices(dora, "warn")[0]
