"""What others do shows on the pages that are open: rows of the list, a customer's page."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

import pytest

from portal import db
from portal.domain import customers
from portal.domain.customers import Customer
from tests.support.browser import Browser
from tests.support.new_customer import add_customer
from tests.support.page import text_of
from tests.support.world import CARL, EDDIE, OLGA, SAM, Clock, World, actor

Open = Callable[..., Browser]

HTMX = {"HX-Request": "true"}
WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"


def part(client: Browser, ident: str) -> Element:
    (found,) = (e for e in client.page.iter() if e.get("id") == ident)
    return found


def answer(browser: Open, world: World, button: str) -> None:
    carl = browser(CARL)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit(button)


def followed(browser: Open, world: World, page: str, ident: str, button: str) -> Browser:
    """Olga's page of North's customers, after Carl has answered and its part has asked again."""
    client = browser(OLGA)
    client.get(f"/partner/{world.north}/customers{page}")
    asked = part(client, ident).attrib["hx-get"]
    answer(browser, world, button)
    client.get(asked, headers=HTMX)
    return client


def suspend_nina(world: World) -> None:
    db.write(lambda: customers.suspend(db.lock(Customer, world.ninas_customer), by=actor(EDDIE)))


@pytest.mark.parametrize(
    ("button", "becomes", "cloud"), [("Confirm", "Active", ""), ("Decline", "Inactive", "closed")]
)
def test_a_waiting_row_becomes_what_the_customer_answers(
    browser: Open, world: World, button: str, becomes: str, cloud: str
) -> None:
    add_customer(world, "late@client.example", name="Late")
    client = browser(OLGA)
    client.get(f"/partner/{world.north}/customers")
    asked = part(client, "following").attrib["hx-get"]
    assert client.get(asked, headers=HTMX).status_code == 204, "nothing has happened yet"
    answer(browser, world, button)
    suspend_nina(world)
    client.get(asked, headers=HTMX)
    row = world.carls_customer
    assert text_of(part(client, f"status-{row}")) == becomes
    assert text_of(part(client, f"cloud-{row}")) == (cloud or world.carls_cloud)
    assert text_of(part(client, f"status-{world.ninas_customer}")) == "Suspended"
    assert "Late" not in client.text, "only what has changed comes"
    shown = [text_of(part(client, f"count-{key}")) for key in ("all", 1, 2, 3, 4)]
    assert shown == ["3", "1", *{"Active": "110", "Inactive": "011"}[becomes]]
    assert part(client, "following").get("data-announce") == "2 customers changed."
    # And it asks on, from there: another still waits.
    assert client.get(part(client, "following").attrib["hx-get"], headers=HTMX).status_code == 204


def test_a_list_in_which_nobody_waits_any_more_asks_no_more(browser: Open, world: World) -> None:
    client = followed(browser, world, f"?status={WAITING}", "following", "Confirm")
    following = part(client, "following")
    assert following.get("data-announce") == "Carl & Sons is Active now."
    assert "hx-get" not in following.attrib
    client.get(f"/partner/{world.north}/customers")
    assert "hx-get" not in part(client, "following").attrib


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "2 of 2, newest first."),
        (f"?status={WAITING}", "0 of 0, newest first."),
        ("?q=carl&sort=oldest", "1 customer shown, oldest first."),
        ("?waiting=0", "0 customers shown, newest first."),
    ],
)
def test_the_foot_counts_with_the_row(
    browser: Open, world: World, clock: Clock, query: str, says: str
) -> None:
    clock.forward(days=1)
    client = followed(browser, world, query, "following", "Confirm")
    assert text_of(part(client, f"status-{world.carls_customer}")) == "Active"
    assert text_of(part(client, "shown")).startswith(says)
    # The same address, opened as a page, has the same filter.
    client.get(f"/partner/{world.north}/customers/changes{query}")
    assert ("Nina GmbH" in client.text) == (not query)


def test_nobody_follows_what_is_not_theirs(browser: Open, world: World) -> None:
    sam = browser(SAM)
    shown = f"shown={world.carls_customer}-1.{'0' * 20}-0.nonsense-9"
    asked = f"/partner/{world.south}/customers/changes?{shown}&poll=1"
    assert sam.get(asked, headers=HTMX).status_code == 204
    assert "Elsewhere" in sam.get(asked).text, "the page is there for who opens the address"


def test_an_open_page_of_a_customer_turns_active(browser: Open, world: World) -> None:
    client = browser(OLGA)
    page = f"/partner/{world.north}/customers/{world.carls_customer}"
    client.get(f"{page}/history")
    elsewhere = part(client, "standing").attrib["hx-get"]
    client.get(page)
    asked = part(client, "standing").attrib["hx-get"]
    answer(browser, world, "Confirm")
    fragment = client.get(asked, headers=HTMX)
    head = part(client, "standing")
    assert head.get("data-announce") == "Carl & Sons is Active now."
    assert "The partnership is confirmed." in text_of(head)
    assert "Suspend" in text_of(head)
    assert "Customer confirmed" in text_of(part(client, "overview"))
    assert "Copy confirmation link" not in fragment.text
    assert "The email is only sent once!" not in fragment.text
    # On its other tabs there is no overview to change.
    fragment = client.get(elsewhere, headers=HTMX)
    assert "The partnership is confirmed." in client.text
    assert 'id="overview"' not in fragment.text
    assert "Customer confirmed" in client.get(f"{page}/now").text


def test_a_partnership_that_is_over_is_followed_no_more(browser: Open, world: World) -> None:
    client = followed(browser, world, f"/{world.carls_customer}", "standing", "Decline")
    assert part(client, "standing").get("data-announce") == "Carl & Sons is Inactive now."
    assert "hx-get" not in part(client, "standing").attrib
