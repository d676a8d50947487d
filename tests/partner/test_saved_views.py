"""Saved views: filters of the list as one's own named tabs, in one's own order."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from portal import db
from portal.domain import access, customers
from portal.domain.accounts import BillingAccount
from portal.domain.customers import SavedView
from tests.support.answers import errors, links, notices
from tests.support.browser import Browser
from tests.support.new_customer import add_customer
from tests.support.odd_inputs import INVISIBLE, UNUSUAL_NAMES
from tests.support.page import text_of
from tests.support.world import EDDIE, OLGA, VERA, World, actor, user

Open = Callable[..., Browser]


def opened(client: Browser, world: World, query: str = "") -> Browser:
    assert client.get(f"/partner/{world.north}/customers{query}").status_code == 200
    return client


def tabs(client: Browser) -> list[str]:
    """The names of the saved views above the list, from left to right."""
    found = [nav for nav in client.page.iter("nav") if nav.get("aria-label") == "Saved views"]
    return [text_of(link) for nav in found for link in nav.iter("a")]


def current(client: Browser) -> list[str]:
    """The saved view that is open."""
    found = [nav for nav in client.page.iter("nav") if nav.get("aria-label") == "Saved views"]
    return [text_of(a) for nav in found for a in nav.iter("a") if a.get("aria-current")]


def save(client: Browser, world: World, query: str, name: str) -> None:
    opened(client, world, query)
    client.click("Save this view")
    client.submit("Save", name=name)


def saved(email: str, world: World) -> list[tuple[str, str]]:
    def unit() -> list[tuple[str, str]]:
        north = db.session.get_one(BillingAccount, world.north)
        return [(view.name, view.query) for view in customers.saved_views_of(actor(email), north)]

    return db.read(unit)


def test_a_filter_becomes_a_tab_that_shows_it_again(browser: Open, world: World) -> None:
    vera = browser(VERA)
    save(vera, world, "?status=Active&q=nina", "Ninas")
    assert "The view is saved" in vera.text
    assert urlsplit(vera.url).query == "q=nina&status=Active"
    assert (tabs(vera), current(vera)) == (["All customers", "Ninas"], ["Ninas"])
    vera.click("All customers")
    assert (current(vera), urlsplit(vera.url).query) == (["All customers"], "")
    vera.click("Ninas")
    assert vera.form("/customers")["q"] == "nina"
    assert "1 customer shown, newest first." in vera.text


def test_a_view_is_its_owners_alone(browser: Open, world: World) -> None:
    save(browser(EDDIE), world, "?q=carl", "Carls")
    assert tabs(opened(browser(VERA), world)) == []
    assert tabs(opened(browser(OLGA), world)) == ["All customers", "Mine"]  # the cast's own
    assert "Carls" not in opened(browser(OLGA), world, "/views").text


def test_only_a_filter_that_is_no_view_yet_can_be_saved(browser: Open, world: World) -> None:
    eddie = browser(EDDIE)
    assert "Save this view" not in links(opened(eddie, world))
    save(eddie, world, "?q=carl", "Carls")
    for same in ("?q=carl", "?q=+carl+", "?x=1&q=carl&status=none", "?q=carl&after=cst"):
        opened(eddie, world, same)
        assert current(eddie) == ["Carls"], same
        assert "Save this view" not in links(eddie)
    assert "Save this view" in links(opened(eddie, world, "?q=carl&status=Active"))


def test_what_is_no_filter_is_not_saved(browser: Open, world: World) -> None:
    save(browser(VERA), world, "?x=1&next=//evil&status=Active&after=cst1&manager=me", "V")
    assert saved(VERA, world) == [("V", "status=Active&manager=me")]


def test_a_link_to_a_saved_filter_works_for_everybody(browser: Open, world: World) -> None:
    add_customer(world, name="Mine", manager_id=user(VERA).id)
    save(browser(VERA), world, "?manager=me", "M")
    olga = opened(browser(OLGA), world, "?" + saved(VERA, world)[0][1])
    assert "No customer matches" in olga.text


def test_search_in_place_brings_the_tabs_along(browser: Open, world: World) -> None:
    """htmx asks for the list alone; what can be saved is what is shown then."""
    vera = opened(browser(VERA), world)
    answer = vera.get(f"/partner/{world.north}/customers?q=nina", headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert links(vera)["Save this view"].endswith("/views/save?q=nina")


def test_views_are_renamed_reordered_and_removed(browser: Open, world: World) -> None:
    vera = browser(VERA)
    for name in ("one", "two", "three"):
        save(vera, world, f"?q={name}", name)
    vera.click("Manage views")
    vera.submit("Move three up")
    assert [name for name, _query in saved(VERA, world)] == ["one", "three", "two"]
    vera.submit("Move one down")
    assert [name for name, _query in saved(VERA, world)] == ["three", "one", "two"]
    vera.click("Rename one")
    vera.submit("Save", name="  First  of all ")
    assert "The view is renamed." in vera.text
    assert ("First of all", "q=one") in saved(VERA, world)
    vera.submit("Remove three")
    assert notices(vera, "success") == ["The view “three” is removed; its customers stay."]
    assert tabs(opened(vera, world)) == ["All customers", "First of all", "two"]
    opened(vera, world, "/views")
    for name in ("First of all", "two"):
        vera.submit(f"Remove {name}")
    assert "No views yet" in vera.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "required"), ("   ", "required"), ("x" * 41, "at most 40"), ("a\nb", "one line"),
        ("MINE", "Another of your views has this name"), (INVISIBLE["NUL"], "not accepted"),
        (INVISIBLE["bidi override"], "not accepted"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_refused_and_kept_to_be_mended(
    browser: Open, world: World, name: str, said: str
) -> None:
    olga = browser(OLGA)
    opened(olga, world, "/views/save?q=carl")
    olga.submit("Save", name=name)
    assert said in errors(olga)["name"]
    opened(olga, world, f"/views/{world.olgas_view}/rename")
    olga.submit("Save", name=name if name != "MINE" else "")
    assert errors(olga)
    assert [name for name, _query in saved(OLGA, world)] == ["Mine"]


@pytest.mark.parametrize("odd", UNUSUAL_NAMES, ids=str)
def test_a_name_is_text_wherever_it_stands(browser: Open, world: World, odd: str) -> None:
    typed, kept = UNUSUAL_NAMES[odd]
    vera = browser(VERA)
    save(vera, world, "?q=x", typed)
    assert saved(VERA, world) == [(kept or typed, "q=x")]
    assert (kept or typed) in tabs(vera)
    assert (kept or typed) in opened(vera, world, "/views").text


def test_the_whole_list_and_a_filter_saved_before_are_refused(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    opened(olga, world, "/views/save")
    olga.submit("Save", name="All")
    assert "This is the whole list." in olga.text
    opened(olga, world, "/views/save?manager=me")
    olga.submit("Save", name="Again")
    assert "This filter is saved already, as “Mine”." in olga.text
    assert len(saved(OLGA, world)) == 1


def test_a_double_click_saves_one_view(browser: Open, world: World) -> None:
    vera = opened(browser(VERA), world, "/views/save?q=x")
    data = vera.form("/views/save") | {"name": "X"}
    for _click in range(2):
        answer = vera.post(f"/partner/{world.north}/customers/views/save?q=x", data=data)
        assert answer.status_code == 303
    assert saved(VERA, world) == [("X", "q=x")]


def test_twenty_views_are_the_most(browser: Open, world: World) -> None:
    north = db.session.get_one(BillingAccount, world.north)

    def fill() -> None:
        for n in range(customers.MAX_VIEWS):
            customers.save_view(north, by=actor(VERA), name=f"v{n}", query=f"q={n}")

    db.write(fill)
    vera = opened(browser(VERA), world, "/views/save?q=more")
    vera.submit("Save", name="one more")
    assert "You have 20 views; remove one before you save another." in vera.text
    assert len(saved(VERA, world)) == customers.MAX_VIEWS


@pytest.mark.parametrize("to", ["-5", "9" * 30, "9" * 5000, "x", "", "²"])
def test_a_place_that_no_button_names_breaks_nothing(browser: Open, world: World, to: str) -> None:
    olga = browser(OLGA)
    save(olga, world, "?q=x", "Second")
    opened(olga, world, "/views")
    data = olga.form(f"{world.olgas_view}/move") | {"to": to}
    answer = olga.post(f"/partner/{world.north}/customers/views/{world.olgas_view}/move", data=data)
    assert answer.status_code in (303, 422)
    assert sorted(name for name, _query in saved(OLGA, world)) == ["Mine", "Second"]


@pytest.mark.parametrize("step", ["rename", "move", "remove"])
def test_a_colleagues_view_does_not_exist_for_anyone_else(
    browser: Open, world: World, step: str
) -> None:
    eddie = opened(browser(EDDIE), world, "/views/save?q=x")
    data = {"csrf_token": eddie.form("/save")["csrf_token"], "name": "stolen", "to": "0"}
    url = f"/partner/{world.north}/customers/views/{world.olgas_view}/{step}"
    assert eddie.post(url, data=data).status_code == 404
    assert saved(OLGA, world) == [("Mine", "manager=me")]


def test_who_leaves_the_staff_loses_their_views_with_the_list(browser: Open, world: World) -> None:
    save(browser(EDDIE), world, "?q=x", "X")

    def leave() -> None:
        north = db.lock(BillingAccount, world.north)
        access.revoke(of=user(EDDIE), account=north, by=actor(OLGA))

    view = db.session.query(SavedView).filter_by(name="X").one().id
    db.write(leave)
    assert db.find(SavedView, view, actor(EDDIE)) is None
