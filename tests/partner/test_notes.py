"""The Notes tab of a customer: written, read, deleted by whom; never seen by the customer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.support.answers import csrf_token, errors, notices, stored_rows
from tests.support.browser import Browser
from tests.support.odd_inputs import INVISIBLE, LONG, UNUSUAL_NAMES
from tests.support.page import text_of
from tests.support.world import ACE, AMIR, CARL, EDDIE, NINA, OLGA, SAM, VERA, World

Open = Callable[..., Browser]


def notes(world: World, whose: str = "ninas_customer") -> str:
    return f"/partner/{world.north}/customers/{getattr(world, whose)}/notes"


def shown(client: Browser) -> list[str]:
    """The texts of the notes on the page, first to last."""
    lists = [ol for ol in client.page.iter("ol") if ol.get("class") == "notes"]
    return ["".join(next(li.iter("bdi")).itertext()) for ol in lists for li in ol.iter("li")]


def test_a_note_stands_on_top_with_its_author_and_time(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}")
    olga.click("Notes")
    olga.submit("Add note", text="Called today.\nCall again on Friday.")
    assert notices(olga, "success") == ["The note is added."]
    assert shown(olga) == ["Called today.\nCall again on Friday.", "Pays late, asks early."]
    assert "Olga Owner, 2 Mar 2026" in olga.text


def test_viewers_read_notes_and_are_offered_no_form(browser: Open, world: World) -> None:
    for who in (VERA, ACE):
        client = browser(who)
        client.get(notes(world))
        assert shown(client) == ["Pays late, asks early."]
        assert "Add note" not in client.text
        assert "Delete" not in client.text
        data = {"csrf_token": csrf_token(client), "form_key": "k" * 20, "text": "forged"}
        before = stored_rows()
        assert client.post(notes(world), data=data).status_code == 403
        assert stored_rows() == before


def test_only_the_author_and_owners_are_offered_to_delete(browser: Open, world: World) -> None:
    path = f"{notes(world)}/{world.ninas_note}/delete"
    amir = browser(AMIR)
    amir.get(notes(world))
    assert "Delete" not in amir.text
    data = {"csrf_token": csrf_token(amir)}
    assert amir.get(path).status_code == 403
    assert amir.post(path, data=data).status_code == 403
    eddie = browser(EDDIE)
    eddie.get(path)
    assert "Pays late, asks early." in eddie.text
    eddie.submit("Delete")
    assert notices(eddie, "success") == ["The note is deleted."]
    assert shown(eddie) == []
    assert eddie.get(path).status_code == 404


@pytest.mark.parametrize("who", [NINA, CARL, SAM])
def test_neither_the_customer_nor_a_stranger_sees_a_note(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    for path in ("", f"/{world.ninas_note}/delete"):
        assert client.get(notes(world) + path).status_code in (403, 404)
    for page in ("/console", f"/console/billing/{world.ninas_subaccount}"):
        client.get(page)
        assert "Pays late" not in client.text


def test_a_note_is_not_found_under_another_customer(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    path = f"/{world.ninas_note}/delete"
    data = {"csrf_token": csrf_token(olga)}
    before = stored_rows()
    for wrong in (notes(world, "carls_customer"), notes(world, "souths_customer")):
        assert olga.get(wrong + path).status_code == 404
        assert olga.post(wrong + path, data=data).status_code == 404
    form = {**data, "form_key": "k" * 20, "text": "for another partner’s customer"}
    assert olga.post(notes(world, "souths_customer"), data=form).status_code == 404
    assert stored_rows() == before


@pytest.mark.parametrize(("typed", "kept"), UNUSUAL_NAMES.values(), ids=UNUSUAL_NAMES)
def test_what_looks_odd_is_text_like_any_other(
    browser: Open, world: World, typed: str, kept: str | None
) -> None:
    olga = browser(OLGA)
    olga.get(notes(world))
    olga.submit("Add note", text=typed)
    assert shown(olga)[0] == (kept or typed)
    assert {text_of(script) for script in olga.page.iter("script")} == {""}


BREAKS = {"C1 control", "line separator"}
"""What ends a line is no fault in a note of several lines."""

NOT_IN_HTML = {"control", "NUL", "escape", "noncharacter"}
BAD = {name: text for name, text in INVISIBLE.items() if name not in BREAKS | NOT_IN_HTML}


@pytest.mark.parametrize(
    "typed", [*BAD.values(), LONG, " ", "\n\n"], ids=[*BAD, "long", "", "breaks"]
)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_no_note_is_refused_and_kept_in_the_form(
    browser: Open, world: World, typed: str
) -> None:
    olga = browser(OLGA)
    olga.get(notes(world))
    data = {**olga.form("/notes"), "text": typed}
    before = stored_rows()
    assert olga.post(notes(world), data=data).status_code == 422
    assert errors(olga)["text"]
    assert shown(olga) == ["Pays late, asks early."]
    assert stored_rows() == before


def test_a_long_note_keeps_what_was_typed(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(notes(world))
    olga.submit("Add note", text=LONG)
    assert "10,000 characters; at most 4,000" in errors(olga)["text"]
    assert olga.form("/notes")["text"].strip() == LONG


def test_writing_twice_with_one_form_writes_one_note(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(notes(world))
    data = {**olga.form("/notes"), "text": "once"}
    for _press in range(2):
        assert olga.post(notes(world), data=data).status_code == 303
    olga.get(notes(world))
    assert shown(olga) == ["once", "Pays late, asks early."]


@pytest.mark.parametrize("name", sorted(NOT_IN_HTML))
def test_what_html_cant_hold_is_refused_too(browser: Open, world: World, name: str) -> None:
    olga = browser(OLGA)
    olga.get(notes(world))
    data = {**olga.form("/notes"), "text": INVISIBLE[name]}
    before = stored_rows()
    answer = FlaskClient.open(olga, notes(world), method="POST", data=data)
    assert answer.status_code == 422
    assert "is not accepted" in answer.text
    assert stored_rows() == before
