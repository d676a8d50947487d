"""Fields of *New customer* are checked as they are left, and the country names the tax number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.answers import errors
from tests.support.browser import Browser
from tests.support.new_customer import open_form
from tests.support.page import text_of
from tests.support.world import CARL, NINA, OLGA, SAM, VERA, World, all_rows

Open = Callable[..., Browser]

HTMX = {"HX-Request": "true"}


def left(client: Browser, world: World, **typed: str) -> dict[str, str]:
    """What the form's fields say after one was left: those that came, by name."""
    url = f"/partner/{world.north}/customers/check"
    assert client.post(url, data=typed, headers=HTMX).status_code == 200
    fields = [e for e in client.page.iter("div") if e.get("id", "").endswith("-field")]
    assert all(e.get("hx-swap-oob") == "true" for e in fields)
    return {e.attrib["id"].removesuffix("-field"): text_of(e) for e in fields}


def value(client: Browser, name: str) -> str:
    (found,) = (e for e in client.page.iter("input") if e.get("name") == name)
    return found.get("value", "")


def test_a_field_that_is_left_takes_its_stored_form(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    said = left(client, world, country="DE", phone="089 / 123456", tin="136 695 976")
    assert said.keys() == {"tin", "phone"}
    assert (value(client, "phone"), value(client, "tin")) == ("+49 89 123456", "DE136695976")
    assert not errors(client)


def test_what_is_wrong_is_said_at_its_field_and_nothing_of_the_others(
    browser: Open, world: World
) -> None:
    client = open_form(browser(OLGA), world)
    typed: dict[str, Any] = {"country": "DE", "phone": "110 ext 4", "tin": "DE136695977"}
    left(client, world, **typed, invitation_email=CARL.upper(), email="nobody", reference=" ")
    said = errors(client)
    assert said.keys() == {"phone", "tin", "invitation_email", "email"}
    assert "Carl & Sons already uses this address." in said["invitation_email"]
    assert "without an extension" in said["phone"]
    assert value(client, "phone") == "110 ext 4", "what was typed stays"


def test_what_is_not_judged_yet_is_asked_about_nowhere(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    odd = {"invitation_email": "  ", "tin": "1\0", "manager_id": "\0"}
    assert left(client, world, **odd, reference=" ").keys() == {"tin"}


def test_a_number_that_no_plan_knows_is_a_warning(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    said = left(client, world, country="US", phone="200 555 0100")
    assert "No number like this is known in its country. It can be kept so." in said["phone"]
    assert not errors(client)
    client.get(f"/partner/{world.north}/customers/add")
    client.submit("Add", name="New", invitation_email="new@", country="US", phone="200 555 0100")
    assert "It can be kept so." in client.text


NAMES = {
    "": "Tax number Required for Russia and Kazakhstan.",
    "RU": "INN required Such as 1234567890.",
    "KZ": "BIN/IIN required Such as 240140012345.",
    "DE": "VAT number Such as DE123456789.",
    "US": "Tax number",
}


@pytest.mark.parametrize("country", NAMES)
def test_the_country_says_what_its_tax_number_is(browser: Open, world: World, country: str) -> None:
    client = open_form(browser(OLGA), world)
    assert left(client, world, country=country) == {"tin": NAMES[country]}
    assert not errors(client), "nobody is blamed for what they have not come to"
    # Without a script the page says so after it was sent.
    client.get(f"/partner/{world.north}/customers/add")
    client.submit("Add", country=country)
    (field,) = (e for e in client.page.iter("div") if e.get("id") == "tin-field")
    assert text_of(field).startswith(NAMES[country].partition(" Such")[0].partition(" Req")[0])


def test_another_country_judges_the_numbers_again(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    typed = {"tin": "7707083893", "phone": "8 (495) 123-45-67"}
    assert left(client, world, country="", **typed).keys() == {"tin"}
    left(client, world, country="RU", **typed)
    assert (value(client, "phone"), errors(client)) == ("+7 495 123-45-67", {})
    left(client, world, country="KZ", **typed)
    assert errors(client)["tin"] == "The BIN/IIN has 12 digits."


def test_an_edited_record_does_not_stand_in_its_own_way(browser: Open, world: World) -> None:
    client = browser(OLGA)
    edit = f"/partner/{world.north}/customers/{world.ninas_customer}/edit"
    client.get(edit)
    client.submit("Save", reference="K-1", phone="030 23125182")
    client.get(edit)
    assert value(client, "phone") == "+49 30 23125182"
    url = f"/partner/{world.north}/customers/check"
    own = client.form("/edit")
    client.post(f"{url}?customer={world.ninas_customer}", data=own, headers=HTMX)
    assert not errors(client)
    client.post(f"{url}?customer={world.carls_customer}", data=own, headers=HTMX)
    assert "already has this reference" in errors(client)["reference"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("nobody", "exactly one @"),
        (NINA, "Nina GmbH already uses this address."),
        (VERA, "belongs to your own staff"),
        (CARL, ""),
        ("new@client.example", ""),
    ],
)
def test_a_corrected_address_is_checked_as_it_is_left(
    browser: Open, world: World, typed: str, says: str
) -> None:
    client = browser(OLGA)
    client.get(f"/partner/{world.north}/customers/{world.carls_customer}/correct-address")
    (field,) = (e for e in client.page.iter("div") if e.get("hx-trigger") == "change")
    sent = client.form("/correct-address") | {"invitation_email": typed, "tin": "x"}
    client.post(field.attrib["hx-post"], data=sent, headers=HTMX)
    assert [e.get("id") for e in client.page.iter("div")] == ["invitation_email-field"]
    assert says in errors(client).get("invitation_email", ""), client.text
    assert bool(errors(client)) == bool(says)


def test_checking_writes_nothing_and_is_for_who_may_add(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    url = f"/partner/{world.north}/customers/check"
    before = all_rows()
    left(client, world, country="DE", invitation_email="new@client.example")
    assert all_rows() == before
    assert client.post(url).location == f"/partner/{world.north}/customers/add"
    assert browser(VERA).post(url).status_code == 403
    assert browser(SAM).post(url).status_code == 404
    # htmx would not show the page that says so.
    with pytest.raises(AssertionError, match="answered 404"):
        client.post(f"{url}?customer={world.souths_customer}", headers=HTMX)
