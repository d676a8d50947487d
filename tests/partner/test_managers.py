"""Account managers in the customers' list: mine, somebody's, nobody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from portal import db
from tests.support.browser import Browser
from tests.support.page import text_of
from tests.support.world import EDDIE, OLGA, SAM, VERA, World, user

Open = Callable[..., Browser]


def names(client: Browser) -> list[str]:
    bodies = list(client.page.iter("tbody"))
    return [text_of(next(row.iter("th"))) for body in bodies for row in body.iter("tr")]


@pytest.fixture
def managed(browser: Open, world: World) -> str:
    """The list's path, once Eddie looks after Nina's customer."""
    olga = browser(OLGA)
    listed = f"/partner/{world.north}/customers"
    olga.get(f"{listed}/{world.ninas_customer}/edit")
    olga.submit("Save", manager_id=world.eddie)
    return listed


def test_mine_are_the_customers_i_look_after(browser: Open, world: World, managed: str) -> None:
    eddie = browser(EDDIE)
    eddie.get(managed)
    eddie.click("Mine")
    assert eddie.url.endswith("?manager=me")
    assert names(eddie) == ["Nina GmbH"]
    assert "All 1" in eddie.text
    eddie.click("Mine")
    assert set(names(eddie)) == {"Nina GmbH", "Carl & Sons"}


def test_the_same_address_shows_each_person_their_own(
    browser: Open, world: World, managed: str
) -> None:
    vera = browser(VERA)
    vera.get(f"{managed}?manager=me")
    assert "No customer matches" in vera.text
    assert "No customers yet" not in vera.text


def test_the_filter_names_everyone_who_can_be_chosen(
    browser: Open, world: World, managed: str
) -> None:
    olga = browser(OLGA)
    olga.get(managed)
    olga.click("Eddie Editor")
    assert names(olga) == ["Nina GmbH"]
    assert "Manager: Eddie Editor" in olga.text
    olga.click("nobody")
    assert names(olga) == ["Carl & Sons"]
    olga.click("Vera Viewer")
    assert "No customer matches" in olga.text
    olga.click("anybody")
    assert len(names(olga)) == 2


def test_search_and_status_keep_the_manager(browser: Open, world: World, managed: str) -> None:
    olga = browser(OLGA)
    olga.get(f"{managed}?manager={world.eddie}")
    assert olga.form("/customers")["manager"] == world.eddie
    olga.get(f"{managed}?manager={world.eddie}&q=carl")
    assert "No customer matches" in olga.text
    olga.get(f"{managed}?manager={world.eddie}&status=Active")
    assert names(olga) == ["Nina GmbH"]


def test_who_left_the_staff_can_still_be_chosen(browser: Open, world: World, managed: str) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/team/{world.eddie}/remove")
    olga.submit("Remove")
    olga.get(managed)
    olga.click("Eddie Editor (no longer on the staff)")
    assert names(olga) == ["Nina GmbH"]


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_the_list_never_reads_through_everybody_there_is(
    browser: Open, world: World, managed: str
) -> None:
    asked: list[tuple[str, Any]] = []
    engine = db.extension.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    browser(OLGA).get(managed)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # as where there are many
        about_people = [(words, given) for words, given in asked if "FROM users" in words]
        assert len(about_people) > 1
        for words, given in about_people:
            plan = connection.exec_driver_sql(f"EXPLAIN {words}", given).scalars().all()
            assert "Seq Scan on users" not in "\n".join(plan), words


@pytest.mark.parametrize("value", ["x", "%25", "aje00000000000000000", "me2"])
def test_a_manager_that_is_none_finds_nothing(
    browser: Open, world: World, managed: str, value: str
) -> None:
    olga = browser(OLGA)
    assert olga.get(f"{managed}?manager={value}").status_code == 200
    assert names(olga) == []
    assert "Manager: unknown" in olga.text


def test_a_stranger_is_no_manager(browser: Open, world: World, managed: str) -> None:
    olga = browser(OLGA)
    edit = f"{managed}/{world.ninas_customer}/edit"
    olga.get(edit)
    form = {**olga.form("/edit"), "manager_id": user(SAM).id}
    assert olga.post(edit, data=form).status_code == 422
    assert "Choose one of your staff." in olga.text
