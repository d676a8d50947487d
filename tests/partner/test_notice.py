"""Notice of the end of a partnership: giving and withdrawing it, and where its day is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.ending import give_notice
from tests.support.world import AMIR, EDDIE, NINA, OLGA, World, all_rows

Open = Callable[..., Browser]
DAY = "ends on 1 Apr 2026"


def page(world: World, step: str = "") -> str:
    return f"/partner/{world.north}/customers/{world.ninas_customer}{step}"


def test_an_owner_gives_notice_for_a_day_and_withdraws_it(
    app: Flask, world: World, browser: Open
) -> None:
    olga = browser(OLGA)
    olga.get(page(world))
    assert "ends on" not in olga.text
    olga.click("Give notice")
    assert olga.form("give-notice")["ends_on"] == "2026-04-01", "the earliest day is filled in"
    assert "It ends at 00:00 UTC of this day." in olga.text
    olga.submit("Give notice", ends_on="2026-05-04")
    assert "Notice is given." in olga.text
    assert "ends on 4 May 2026" in olga.text
    assert "Give notice" not in olga.text
    olga.click("Withdraw notice")
    olga.submit("Withdraw notice")
    assert "The notice is withdrawn." in olga.text
    assert "ends on" not in olga.text


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-03-31", "The notice is too short. The earliest day is 1 Apr 2026."),
        ("", "Choose a day."),
        ("31.12.2026", "Not a valid date value."),
        ("99999-01-01", "Not a valid date value."),
    ],
)
def test_a_day_that_is_not_possible_is_said_at_its_field(
    app: Flask, world: World, browser: Open, day: str, says: str
) -> None:
    olga = browser(OLGA)
    olga.get(page(world, "/give-notice"))
    before = all_rows()["billing_accounts"]
    answer = olga.submit("Give notice", ends_on=day)
    assert answer.status_code == 422
    assert says in olga.text
    assert olga.form("give-notice")["ends_on"] == day
    assert all_rows()["billing_accounts"] == before


@pytest.mark.parametrize("step", ["/give-notice", "/withdraw-notice"])
def test_only_owners_give_and_withdraw_notice(
    app: Flask, world: World, browser: Open, step: str
) -> None:
    assert browser(AMIR).get(page(world, step)).status_code == 403


def test_the_partner_sees_the_day_on_each_page_of_the_customer(
    app: Flask, world: World, browser: Open
) -> None:
    give_notice(world)
    eddie = browser(EDDIE)
    for path in ("", "/clouds", "/notes", "/history"):
        eddie.get(page(world, path))
        assert DAY in eddie.text, path
    eddie.get(f"/partner/{world.north}/customers")
    assert DAY in eddie.text
    eddie.get(page(world, "/clouds"))
    assert "no cloud can be created here or linked" in eddie.text
    assert "Link cloud" not in eddie.text
    eddie.get(page(world, "/clouds/create"))
    assert "no cloud can be created here or linked" in eddie.text
    eddie.get(page(world, "/history"))
    assert "Notice was given: the partnership ends on 1 Apr 2026." in eddie.text


def test_an_open_page_of_the_customer_shows_the_notice_by_itself(
    app: Flask, world: World, browser: Open
) -> None:
    eddie = browser(EDDIE)
    eddie.get(page(world))
    polls = [element.get("hx-get", "") for element in eddie.page.iter()]
    (polled,) = [url for url in polls if "/now" in url]
    give_notice(world)
    eddie.get(polled, headers={"HX-Request": "true"})
    assert DAY in eddie.text
    assert eddie.page.find(".//*[@data-announce='Notice was given or withdrawn.']") is not None


def test_the_customer_sees_the_day_wherever_the_partnership_is_shown(
    app: Flask, world: World, browser: Open
) -> None:
    create_cloud(NINA)
    give_notice(world)
    nina = browser(NINA)
    for path in (
        "/console",
        "/console/billing",
        f"/console/billing/{world.ninas_subaccount}",
        f"/console/billing/{world.ninas_subaccount}/link",
        f"/console/clouds/{world.ninas_cloud}",
        f"/console/clouds/{world.ninas_cloud}/access/explain",
        f"/invite/accept/{world.ninas_subaccount}",
    ):
        nina.get(path)
        assert DAY in nina.text, path


def test_the_links_of_the_drop_down_say_why_not(app: Flask, world: World, browser: Open) -> None:
    create_cloud(NINA)
    give_notice(world)
    nina = browser(NINA)
    nina.get(f"/console/billing/{world.ninas_subaccount}/link")
    assert nina.text.count("The partnership ends on 1 Apr 2026; nothing can be linked") == 3, (
        "above, and at each"
    )


def test_creating_a_cloud_there_is_refused_with_the_day(
    app: Flask, world: World, browser: Open
) -> None:
    nina = browser(NINA)
    nina.get(f"/console/clouds/create?account={world.ninas_subaccount}")
    give_notice(world)
    answer = nina.submit("Create", name="late", account_id=world.ninas_subaccount)
    assert answer.status_code == 422
