"""Edit, correct, suspend, resume, remove, end: what a partner sees, presses and reads after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.world import AMIR, EDDIE, OLGA, VERA, World, all_rows

Open = Callable[..., Browser]


def page(world: World, which: str, step: str = "") -> str:
    return f"/partner/{world.north}/customers/{getattr(world, which)}{step and '/' + step}"


STEPS = [
    # (whom, the step, its button, what is said after it, the state it leads to)
    ("ninas_customer", "suspend", "Suspend", "The customer is suspended.", "Suspended"),
    ("carls_customer", "remove", "Remove", "The customer is removed", "Inactive"),
    ("ninas_customer", "end-partnership", "End partnership", "partnership is over", "Inactive"),
]


@pytest.mark.parametrize("case", STEPS, ids=lambda case: case[1])
def test_a_step_asks_first_says_what_follows_and_is_done_by_its_button(
    app: Flask, world: World, browser: Open, case: tuple[str, ...]
) -> None:
    which, step, button, says, becomes = case
    olga = browser(OLGA)
    before = all_rows()
    olga.get(page(world, which, step))
    assert "?" in olga.page.find(".//h1").text  # type: ignore[union-attr,operator]
    assert all_rows() == before, "asking changes nothing"
    olga.submit(button)
    assert says in olga.text
    assert becomes in olga.text


def test_a_suspended_customer_is_resumed(app: Flask, world: World, browser: Open) -> None:
    eddie = browser(EDDIE)
    eddie.get(page(world, "ninas_customer", "suspend"))
    eddie.submit("Suspend")
    eddie.click("Resume")
    eddie.submit("Resume")
    assert "The customer is active again." in eddie.text


def test_the_menu_offers_only_what_the_role_and_the_state_allow(
    app: Flask, world: World, browser: Open
) -> None:
    offers = {
        OLGA: ("Edit", "Suspend", "End partnership"),
        EDDIE: ("Edit", "Suspend"),
        VERA: (),
    }
    for who, wanted in offers.items():
        person = browser(who)
        person.get(page(world, "ninas_customer"))
        for word in ("Edit", "Suspend", "End partnership", "Resume", "Remove", "Correct address"):
            links = [e for e in person.page.iter("a") if (e.text or "") == word]
            assert bool(links) == (word in wanted), (who, word)


@pytest.mark.parametrize("step", ["suspend", "edit", "correct-address", "remove"])
def test_a_viewer_is_told_that_the_role_does_not_allow_it(
    app: Flask, world: World, browser: Open, step: str
) -> None:
    vera = browser(VERA)
    assert vera.get(page(world, "carls_customer", step)).status_code == 403


def test_an_admin_does_not_end_a_partnership(app: Flask, world: World, browser: Open) -> None:
    amir = browser(AMIR)
    assert amir.get(page(world, "ninas_customer", "end-partnership")).status_code == 403


def test_a_record_is_edited_and_its_errors_stand_beside_the_fields(
    app: Flask, world: World, browser: Open
) -> None:
    eddie = browser(EDDIE)
    eddie.get(page(world, "ninas_customer", "edit"))
    eddie.submit("Save", name=" ", tin="DE136695977")
    assert "Two fields need another look." in eddie.text
    assert eddie.form(action_contains="/edit")["tin"] == "DE136695977"
    eddie.submit("Save", name="Nina & Co", tin="DE136695976", phone="030 23125182")
    assert "The record is saved." in eddie.text
    assert "Nina & Co" in eddie.text
    assert "+49 30 23125182" in eddie.text


def test_two_people_editing_at_once_do_not_overwrite_each_other(
    app: Flask, world: World, browser: Open
) -> None:
    eddie, olga = browser(EDDIE), browser(OLGA)
    for person in (eddie, olga):
        person.get(page(world, "ninas_customer", "edit"))
    eddie.submit("Save", description="Eddie was first")
    olga.submit("Save", description="Olga came later")
    assert "Somebody else changed this record meanwhile." in olga.text
    olga.get(page(world, "ninas_customer"))
    assert "Eddie was first" in olga.text


def test_a_corrected_address_leads_to_the_new_record_once(
    app: Flask, world: World, browser: Open
) -> None:
    eddie = browser(EDDIE)
    eddie.get(page(world, "carls_customer", "correct-address"))
    form = eddie.form(action_contains="correct-address")
    eddie.submit("Correct address", invitation_email="not an address")
    assert "exactly one @" in eddie.text
    eddie.submit("Correct address", invitation_email="carla@customer.example")
    assert "The address is corrected. A new email is queued." in eddie.text
    assert "carla@customer.example" in eddie.text
    again = eddie.post(
        page(world, "carls_customer", "correct-address"),
        data=form | {"invitation_email": "carla@customer.example"},
        follow_redirects=True,
    )
    assert again.status_code == 200
    eddie.get(f"/partner/{world.north}/customers?q=carla")
    assert eddie.text.count("carla@customer.example") == 1


def test_with_a_script_a_step_asks_in_a_dialog(app: Flask, world: World, browser: Open) -> None:
    client = browser(OLGA)
    page = f"/partner/{world.north}/customers/{world.ninas_customer}"
    client.get(page)
    client.get(f"{page}/suspend", headers={"HX-Request": "true"})
    assert "Suspend this customer?" in client.text
    assert "Its clouds stay linked, and their usage still goes to you." in client.text
    client.submit("Suspend")
    assert "The customer is suspended." in client.text


def test_what_a_dialog_is_refused_it_says_itself(app: Flask, world: World, browser: Open) -> None:
    client, dialog = browser(OLGA), {"HX-Request": "true"}
    client.get(page(world, "ninas_customer"))
    client.get(page(world, "ninas_customer", "suspend"), headers=dialog)
    form = client.form(action_contains="suspend")
    answer = client.post(page(world, "ninas_customer", "suspend"), data=form, headers=dialog)
    assert answer.headers["HX-Redirect"] == page(world, "ninas_customer")
    again = client.post(page(world, "ninas_customer", "suspend"), data=form, headers=dialog)
    assert (again.status_code, again.text.lstrip()[:5]) == (422, "<form")
    assert "This did not work." in client.text
    assert "Suspend this customer?" in client.text
