"""The list of customers: order, search, status filter, pages, all of it in the URL."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from portal import db
from portal.domain import customers, invitations
from portal.domain.customers import Customer
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.new_customer import add_customer
from tests.support.page import text_of
from tests.support.world import CARL, OLGA, TINA, VERA, World, actor

Open = Callable[..., Browser]

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"


def names(client: Browser) -> list[str]:
    """The names on the page, from top to bottom."""
    return [text_of(e) for e in client.page.iter("th") if e.get("scope") == "row"]


def row(client: Browser, name: str) -> list[str]:
    """The cells beside a name."""
    (found,) = (r for r in client.page.iter("tr") if text_of(r[0]) == name)
    return [text_of(cell) for cell in found[1:]]


def listed(client: Browser, world: World, query: str = "") -> list[str]:
    assert client.get(f"/partner/{world.north}/customers{query}").status_code == 200
    return names(client)


def test_the_newest_stands_on_top_with_what_one_needs_to_know(browser: Open, world: World) -> None:
    add_customer(world, "first@client.example", name="First")
    add_customer(world, "second@client.example", name="Second", with_cloud=False)
    client = browser(VERA)
    assert listed(client, world)[:2] == ["Second", "First"]
    assert set(names(client)[2:]) == {"Nina GmbH", "Carl & Sons"}
    assert row(client, "Second") == ["second@client.example", WAITING, "none", "2 Mar 2026"]
    nina = ["nina@second.example", "Active", world.ninas_cloud, "2 Mar 2026"]
    assert row(client, "Nina GmbH") == nina
    assert "4 of 4, newest first. Times are UTC." in client.text


def test_a_closed_cloud_is_no_cloud_to_copy(browser: Open, world: World) -> None:
    def decline() -> None:
        customers.decline(invitations.open_for(actor(CARL))[0], by=actor(CARL))

    db.write(decline)
    client = browser(OLGA)
    listed(client, world)
    assert row(client, "Carl & Sons")[1:3] == ["Inactive", "closed"]


@pytest.fixture
def several(world: World) -> dict[str, Customer]:
    """Customers with names and numbers that are typed in more than one way."""
    facts = {
        "cafe": {"name": "Café Zürich Möbel", "longname": "Süßwaren AG"},
        "lodz": {"name": "Łódź Spółka", "reference": "K-100%"},
        "petr": {"name": "ООО Пётр и Йод", "country": "RU", "tin": "7707083893"},
        "plain": {"name": "Plain", "tin": "DE136695976", "reference": "K_17"},
    }
    ids = {key: add_customer(world, f"{key}@client.example", **more) for key, more in facts.items()}
    return {key: db.read(lambda i=ident: _loaded(i)) for key, ident in ids.items()}


def _loaded(ident: str) -> Customer:
    found = db.session.get(Customer, ident)
    assert found is not None
    db.session.expunge(found)
    return found


SEARCHES = [
    ("café", "cafe"),
    ("CAFE", "cafe"),
    ("zurich mobel", "cafe"),
    ("  möbel ", "cafe"),
    ("Mo\u0308bel", "cafe"),
    ("susswaren", "cafe"),
    ("lodz spolka", "lodz"),
    ("ŁÓDŹ", "lodz"),
    ("петр", "petr"),
    ("ПЁТР", "petr"),
    ("йод", "petr"),
    ("77070838", "petr"),
    ("de136695976", "plain"),
    ("PLAIN@client", "plain"),
    ("k_17", "plain"),
    ("100%", "lodz"),
    ("K_1", "plain"),
]


def test_search_finds_names_addresses_and_numbers_however_they_are_typed(
    browser: Open, world: World, several: dict[str, Customer]
) -> None:
    client = browser(OLGA)
    for typed, wanted in SEARCHES:
        assert listed(client, world, f"?q={quote(typed)}") == [several[wanted].name], typed
        assert client.form("/customers")["q"] == typed.strip()


def test_search_finds_whole_ids(browser: Open, world: World, several: dict[str, Customer]) -> None:
    client, lodz = browser(OLGA), several["lodz"]
    assert lodz.default_cloud_id is not None
    for ident in (lodz.id, lodz.subaccount_id, lodz.default_cloud_id):
        for typed in (ident, ident.upper(), f" {ident} "):
            assert listed(client, world, f"?q={quote(typed)}") == [lodz.name]
        assert not listed(client, world, f"?q={ident[:19]}")


@pytest.mark.parametrize("typed", ["zzz", "Elsewhere", "other@else", "%_%", "x" * 10_000, "\x07z"])
def test_a_search_without_a_match_says_so_and_leads_back(
    browser: Open, world: World, typed: str
) -> None:
    client = browser(OLGA)
    assert not listed(client, world, f"?q={quote(typed)}")
    assert "No customer matches" in client.text
    assert "own references and whole IDs" in client.text
    client.click("Show all customers")
    assert len(names(client)) == 2


@pytest.mark.parametrize("typed", ["", "   ", "\x07", "\u200b"])
def test_nothing_typed_is_no_search(browser: Open, world: World, typed: str) -> None:
    client = browser(OLGA)
    assert len(listed(client, world, f"?q={quote(typed)}")) == 2


def test_the_filter_shows_one_status_and_counts_all(browser: Open, world: World) -> None:
    add_customer(world, "new@client.example", name="New & Co")
    client = browser(OLGA)
    listed(client, world)
    shown = {text for text in links(client) if text.split(" ")[-1].isdigit()}
    assert shown == {"All 3", f"{WAITING} 2", "Active 1", "Suspended 0", "Inactive 0"}
    client.click(f"{WAITING} 2")
    assert names(client) == ["New & Co", "Carl & Sons"]
    assert "2 of 2, newest first." in client.text
    assert "status=" + WAITING in client.url
    current = [text_of(a) for a in client.page.iter("a") if a.get("aria-current") == "true"]
    assert current == ["Partner portal", f"{WAITING} 2"]
    # Enter sends it; there is no button.
    sent = client.form(id="search") | {"q": "carl"}
    client.get(urlsplit(client.url).path, query_string=sent)
    assert names(client) == ["Carl & Sons"]
    assert parse_qs(urlsplit(client.url).query) == {"q": ["carl"], "status": [WAITING]}
    client.click("Active 1")
    assert not names(client)
    assert parse_qs(urlsplit(client.url).query) == {"q": ["carl"], "status": ["Active"]}


@pytest.mark.parametrize("query", ["?status=none", "?status=", "?status=active", "?after=", "?x=1"])
def test_what_is_no_filter_is_left_out(browser: Open, world: World, query: str) -> None:
    assert len(listed(browser(OLGA), world, query)) == 2


@pytest.mark.parametrize("after", ["none", "cst", "%07", "'", "x" * 10_000, "0"])
def test_a_made_up_place_in_the_list_is_no_error(browser: Open, world: World, after: str) -> None:
    client = browser(OLGA)
    assert client.get(f"/partner/{world.north}/customers?after={after}").status_code == 200


@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "100"}])
def test_fifty_to_a_page_and_no_customer_twice_or_missing(browser: Open, world: World) -> None:
    for number in range(55):
        add_customer(world, f"n{number}@client.example", name=f"Number {number:02}")
    client = browser(VERA)
    first = listed(client, world)
    assert first == [f"Number {n:02}" for n in range(54, 4, -1)]
    assert "50 of 57, newest first." in client.text
    assert "First page" not in links(client)
    # What is added meanwhile moves nothing.
    add_customer(world, "late@client.example", name="Late")
    client.click("Next 50")
    assert names(client)[:5] == [f"Number {n:02}" for n in range(4, -1, -1)]
    assert set(names(client)[5:]) == {"Carl & Sons", "Nina GmbH"}
    assert "Next 50" not in links(client)
    assert list(parse_qs(urlsplit(client.url).query)) == ["after"]
    client.click("First page")
    assert names(client)[0] == "Late"
    query = f"?q=number&status={WAITING}"
    assert len(listed(client, world, query)) == 50
    client.click("Next 50")
    assert names(client) == [f"Number {n:02}" for n in range(4, -1, -1)]
    asked = parse_qs(urlsplit(client.url).query)
    assert (asked["q"], asked["status"]) == (["number"], [WAITING])
    client.click("First page")
    assert parse_qs(urlsplit(client.url).query) == {"q": ["number"], "status": [WAITING]}
    client.click("Active 1")
    assert parse_qs(urlsplit(client.url).query) == {"q": ["number"], "status": ["Active"]}


def test_htmx_gets_the_list_alone_and_everyone_else_the_page(browser: Open, world: World) -> None:
    client = browser(OLGA)
    listed(client, world)
    url = f"/partner/{world.north}/customers?q=nina"
    asked = {"HX-Request": "true"}
    fragment = client.get(url, headers=asked)
    assert fragment.text.lstrip().startswith('<div id="list" ')
    assert "<html" not in fragment.text
    assert names(client) == ["Nina GmbH"]
    # What depends on the search comes along: without it, a status chosen next would forget it.
    assert [a for a in client.page.iter("a") if a.get("href", "").endswith("q=nina&status=Active")]
    assert 'id="q"' not in fragment.text, "nobody's typing is disturbed"
    for also in ({"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}):
        whole = client.get(url, headers=asked | also)
        assert whole.text.startswith("<!doctype html>")
        assert names(client) == ["Nina GmbH"]
    for answer in (fragment, whole, client.get(url)):
        assert "HX-Request" in answer.headers["Vary"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_an_empty_list_explains_the_first_step(browser: Open, world: World) -> None:
    client = browser(TINA)
    client.get(f"/partner/{world.trial}/customers")
    client.submit("Hide the first steps")
    assert "No customers yet" in client.text
    assert "one email that asks for their confirmation" in client.text
    assert "Search" not in client.text


def test_names_are_text_wherever_they_stand(browser: Open, world: World) -> None:
    name = "<script>alert('x')</script>\" onload=\"alert(1)"
    add_customer(world, name=name)
    client = browser(OLGA)
    assert name in listed(client, world)
    answer = client.get(f"/partner/{world.north}/customers?q={quote(name)}")
    assert names(client) == [name]
    assert "<script>alert" not in answer.text
    assert 'onload="' not in answer.text
