"""The drop-down of *Link cloud*: which clouds it offers, and why others can not be linked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.domain import customers
from portal.domain.access import CloudRole
from tests.console.test_linking import HTMX, can_press, radios, ready, where, why
from tests.support.answers import notices
from tests.support.browser import Browser
from tests.support.clouds import (
    accept_carls_invitation,
    assign_cloud_role,
    create_cloud,
    grant,
    move_cloud,
    own_account_id,
    payer_ids,
    run_customer_verb,
)
from tests.support.page import text_of
from tests.support.world import CARL, EDDIE, NINA, OLGA, VERA, Clock, World

Open = Callable[..., Browser]


# The reasons


def too_recent(world: World) -> str:
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north)
    return ident


def insufficient(world: World) -> str:
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north, role=CloudRole.EDITOR)
    return ident


def another_customers(world: World) -> str:
    accept_carls_invitation()
    ident = create_cloud(CARL)
    grant(ident, by=CARL, to=world.north)
    return ident


def here_already(world: World) -> str:
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north)
    move_cloud(ident, world.ninas_subaccount, by=NINA)
    return ident


SENTENCES = {
    too_recent: "Too little time has passed since the owner role was assigned. This row enables "
    "itself.",
    insufficient: "You hold editor. Linking needs resource-manager.clouds.owner: an owner can "
    "change the role in Access control.",
    another_customers: "As the partner you link only clouds that this customer’s user owns.",
    here_already: "Already linked to this account since 2 Mar 2026.",
}


@pytest.mark.parametrize("arranged", SENTENCES)
def test_each_cloud_that_can_not_be_linked_says_why(
    browser: Open, world: World, arranged: Callable[[World], str], clock: Clock
) -> None:
    ident = arranged(world)
    if arranged is not too_recent:
        clock.forward(minutes=5)
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    assert ready(client) == []
    assert not can_press(client)
    assert why(client, ident).startswith(SENTENCES[arranged])


def suspended(world: World) -> str:
    run_customer_verb(customers.suspend, world.ninas_customer)
    return world.ninas_subaccount


def ended(world: World) -> str:
    run_customer_verb(customers.end_partnership, world.ninas_customer)
    return world.ninas_subaccount


AGAINST_ACCOUNT = {
    (suspended, NINA): "The customer is suspended; nothing can be linked to this subaccount until "
    "the partner resumes it.",
    (ended, NINA): "This account can’t pay for a cloud now: its status is CLOSED.",
    (lambda world: world.carls_subaccount, EDDIE): "The customer has not confirmed the "
    "partnership yet",
    (lambda world: world.ninas_subaccount, VERA): "Your role on the account to link to is too "
    "weak. Linking needs editor or higher there.",
}


@pytest.mark.parametrize(("arranged", "who"), AGAINST_ACCOUNT)
def test_an_account_to_which_nothing_can_be_linked_says_why(
    browser: Open, world: World, arranged: Callable[[World], str], who: str
) -> None:
    create_cloud(NINA)
    account_id = arranged(world)
    client = browser(who)
    client.get(where(account_id))
    assert ready(client) == []
    [said] = notices(client, "warn")
    assert said.startswith("Nothing can be linked here now.")
    assert AGAINST_ACCOUNT[arranged, who] in said
    assert "Link" not in [text_of(button) for button in client.page.iter("button")]


def test_an_expired_trial_leads_to_the_switch(browser: Open, world: World, clock: Clock) -> None:
    assign_cloud_role(NINA, world.doras_cloud)
    clock.forward(days=61)
    client = browser(NINA)
    client.get(where(own_account_id(NINA)))
    assert "its status is TRIAL_EXPIRED" in notices(client, "warn")[0]
    client.click("Switch to paid")
    client.submit("Switch to paid")
    assert sorted(ready(client)) == ["default", "dora-cloud"]


def test_a_waiting_cloud_enables_itself_when_its_time_is_over(
    browser: Open, world: World, clock: Clock
) -> None:
    shop, other = too_recent(world), create_cloud(NINA, "other")
    grant(other, by=NINA, to=world.north)
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    [part] = [div for div in client.page.iter("div") if div.get("id") == "choices"]
    assert part.get("hx-trigger") == "load delay:20s"
    assert not can_press(client)
    clock.forward(seconds=20)
    client.get(f"{part.get('hx-get')}&cloud={shop}", headers={**HTMX, "HX-Target": "choices"})
    assert ready(client) == ["other", "shop"]
    assert can_press(client)
    assert [box.get("value") for box in radios(client) if "checked" in box.attrib] == [shop]
    [part] = [div for div in client.page.iter("div") if div.get("id") == "choices"]
    assert "hx-trigger" not in part.attrib
    assert part.get("data-announce") == "2 clouds are ready to link."


# Nothing to choose, and many


def test_who_misses_a_cloud_copies_a_request(browser: Open, world: World) -> None:
    client = browser(OLGA)
    client.get(where(world.ninas_subaccount))
    [letter] = [area.text or "" for area in client.page.iter("textarea")]
    assert "please give North access to each cloud" in letter
    assert f"Partner account ID: {world.north}" in letter
    assert "Role: resource-manager.clouds.owner" in letter
    client = browser(NINA)
    client.get(where(world.ninas_subaccount))
    [letter] = [area.text or "" for area in client.page.iter("textarea")]
    assert f"E-mail: {NINA}" in letter


def test_the_fixed_notice_stands_in_the_empty_drop_down(browser: Open, world: World) -> None:
    client = browser(VERA)
    client.get(where(world.north))
    assert (
        "If you don’t link the customer’s cloud, the customer will pay for this cloud separately "
        "in Test Cloud, and it won’t be linked to the partner."
    ) in client.text


def test_a_clouds_page_says_that_it_is_not_linked_and_leads_to_linking(
    browser: Open, world: World
) -> None:
    shop = create_cloud(NINA)
    client = browser(NINA)
    client.get(f"/console/clouds/{shop}")
    assert "If you don’t link this cloud, you pay for it separately in Test Cloud." in client.text
    client.click("Nina GmbH")
    client.submit("Link")
    assert payer_ids(shop)[0] == world.ninas_subaccount
    assert client.url == f"http://localhost/console/clouds/{shop}"
    assert "If you don’t link this cloud" not in client.text
    assert "Link to another account" in client.text
    client = browser(EDDIE)
    client.get(f"/console/clouds/{shop}")
    assert "Link to another account" not in client.text


def test_more_than_twenty_clouds_are_searched(browser: Open, world: World) -> None:
    client = browser(NINA)
    for number in range(20):
        create_cloud(NINA, f"cloud-{number}")
    client.get(where(world.ninas_subaccount))
    assert "q" in client.form(id="link-form")
    client.get(
        f"{where(world.ninas_subaccount)}?q=CLOUD-7", headers={**HTMX, "HX-Target": "choices"}
    )
    assert ready(client) == ["cloud-7"]
    client.get(where(world.ninas_subaccount))
    client.submit("Search", q="cloud-19")
    assert ready(client) == ["cloud-19"]


def test_twenty_clouds_need_no_search(browser: Open, world: World) -> None:
    client = browser(NINA)
    for number in range(19):
        create_cloud(NINA, f"cloud-{number}")
    client.get(where(world.ninas_subaccount))
    assert "q" not in client.form(id="link-form")
