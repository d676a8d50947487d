"""The Team tab: the staff, the role table, adding, changing, removing, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import access
from portal.domain.access import ACCOUNT_TABLE, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.wording import labels
from tests.support.answers import definition_list, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.odd_inputs import BAD_ADDRESSES
from tests.support.page import text_of
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NAMES,
    NINA,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    user,
)

Open = Callable[..., Browser]
OWNER, ADMIN, EDITOR, ACCOUNTANT, VIEWER = AccountRole


def rows(client: Browser, table: str = "staff") -> dict[str, str]:
    """What the rows of a table say, by their heads."""
    found = [t for t in client.page.iter("table") if table in t.get("class", "").split()]
    bodies = [row for t in found for body in t.iter("tbody") for row in body.iter("tr")]
    return {text_of(next(row.iter("th"))): text_of(row) for row in bodies}


def team(world: World, path: str = "") -> str:
    return f"/partner/{world.north}/team{path}"


def test_the_team_shows_everyone_with_role_giver_and_day(browser: Open, world: World) -> None:
    vera = browser(VERA)
    vera.get(f"/partner/{world.north}/customers")
    vera.click("Team")
    shown = rows(vera)
    assert len(shown) == 5
    assert "editor An operator’s command since 2 Mar 2026" in shown["Eddie Editor"]
    assert "Vera Viewer you" in shown
    assert "Add staff" not in links(vera)
    assert "Change role" not in vera.text


def test_the_role_table_on_the_page_is_the_one_in_code(browser: Open, world: World) -> None:
    vera = browser(VERA)
    vera.get(team(world))
    [table] = [t for t in vera.page.iter("table") if "abilities" in t.get("class", "")]
    heads = [text_of(th) for th in next(table.iter("thead")).iter("th")][1:]
    assert heads == ["owner", "admin", "editor", "accountant", "viewer"]
    shown = {}
    for row in next(table.iter("tbody")).iter("tr"):
        cells = [text_of(cell) for cell in row.iter("td")]
        shown[text_of(next(row.iter("th")))] = {
            role for role, cell in zip(AccountRole, cells, strict=True) if "yes" in cell
        }
    with vera.application.test_request_context():
        assert shown == {
            str(labels.ABILITIES[action]): set(held) for action, held in ACCOUNT_TABLE.items()
        }


def test_adding_staff_says_when_the_role_is_effective(
    browser: Open, world: World, clock: Clock
) -> None:
    olga = browser(OLGA)
    olga.get(team(world))
    olga.click("Add staff")
    olga.submit("Add", email=DORA, role=VIEWER)
    assert notices(olga, "success") == ["Dora Direct is on the staff."]
    assert "viewer, effective in 20 s" in rows(olga)["Dora Direct"]
    dora = browser(DORA)
    assert dora.get("/partner").status_code == 403
    assert "You are about to join the staff of North." in dora.text
    clock.forward(seconds=20)
    dora.get("/partner", follow_redirects=True)
    assert "Nina GmbH" in dora.text
    olga.get(team(world))
    assert "effective in" not in olga.text


def test_while_a_role_is_to_come_the_list_renews_itself(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(team(world))
    assert "data-poll" not in olga.get(team(world)).text
    olga.get(team(world, "/add"))
    olga.submit("Add", email=DORA, role=VIEWER)
    fragment = olga.get(team(world), headers={"HX-Request": "true"}).text
    assert "data-poll" in fragment
    assert "<h1" not in fragment


def test_an_address_without_an_account_gets_a_text_to_send_and_is_kept_nowhere(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(team(world, "/add"))
    before = stored_rows()
    olga.submit("Add", email="stranger@nowhere.example", role=VIEWER)
    assert "stranger@nowhere.example has no account here." in errors(olga)["email"]
    letter = next(a.text or "" for a in olga.page.iter("textarea"))
    assert "open an account at http://localhost/sign-up" in letter
    assert "the staff of North" in letter
    after = stored_rows()
    (miss,) = after["address_misses"]
    assert "nowhere" not in miss
    assert after | {"address_misses": []} == before


@pytest.mark.parametrize(
    ("email", "said"),
    [
        (CARL, "This is the address of your customer Carl & Sons."),
        (NINA, "This is the address of your customer Nina GmbH."),
        (EDDIE, "They have a role here already. Change it instead."),
        (OLGA, "They have a role here already. Change it instead."),
    ],
)
def test_customers_and_staff_are_refused_with_a_sentence(
    browser: Open, world: World, email: str, said: str
) -> None:
    olga = browser(OLGA)
    olga.get(team(world, "/add"))
    before = stored_rows()
    answer = olga.submit("Add", email=email, role=VIEWER)
    assert answer.status_code == 422
    assert errors(olga)["email"].startswith(said)
    assert olga.form("/team/add")["email"] == email
    assert stored_rows() == before


def test_own_staff_is_not_invited_as_a_customer(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/add")
    olga.submit("Add", name="Eddie's", invitation_email=EDDIE, country="DE")
    assert "belongs to your own staff" in errors(olga)["invitation_email"]


SHOWN_AGAIN = {name: bad for name, bad in BAD_ADDRESSES.items() if name not in ("NUL", "control")}
"""Those that HTML can hold; what it can't is tried in the domain."""


@pytest.mark.parametrize(("typed", "said"), SHOWN_AGAIN.values(), ids=SHOWN_AGAIN)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_no_address_is_refused_at_its_field(
    browser: Open, world: World, typed: str, said: str
) -> None:
    olga = browser(OLGA)
    olga.get(team(world, "/add"))
    form = {**olga.form("/team/add"), "email": typed}
    before = stored_rows()
    answer = olga.post(team(world, "/add"), data=form)
    assert answer.status_code == 422
    assert said in errors(olga)["email"]
    assert stored_rows() == before


@pytest.mark.parametrize("role", ["", "owner", "billing.accounts.king", "editor", "\x00", "<b>"])
def test_what_is_no_role_is_refused(browser: Open, world: World, role: str) -> None:
    olga = browser(OLGA)
    olga.get(team(world, "/add"))
    form = {**olga.form("/team/add"), "email": DORA, "role": role}
    before = stored_rows()
    assert olga.post(team(world, "/add"), data=form).status_code == 422
    assert errors(olga)["role"] == "Choose one of these roles."
    changing = {"csrf_token": form["csrf_token"], "role": role}
    assert olga.post(team(world, f"/{world.eddie}/change"), data=changing).status_code == 422
    assert stored_rows() == before


def test_adding_twice_with_one_form_adds_once(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(team(world, "/add"))
    form = {**olga.form("/team/add"), "email": DORA, "role": VIEWER}
    for _press in range(2):
        assert olga.post(team(world, "/add"), data=form).status_code == 303
    olga.get(team(world))
    assert len(rows(olga)) == 6


def test_changing_a_role_is_seen_at_once_where_it_lowers(browser: Open, world: World) -> None:
    olga, eddie = browser(OLGA), browser(EDDIE)
    assert eddie.get(f"/partner/{world.north}/customers/add").status_code == 200
    olga.get(team(world, f"/{world.eddie}/change"))
    assert olga.form("/change")["role"] == EDITOR
    olga.submit("Save", role=VIEWER)
    assert notices(olga, "success") == ["Eddie Editor’s role is saved."]
    assert "viewer Olga Owner" in rows(olga)["Eddie Editor"]
    assert eddie.get(f"/partner/{world.north}/customers/add").status_code == 403


def test_removing_says_what_follows_and_works_at_once(browser: Open, world: World) -> None:
    olga, eddie = browser(OLGA), browser(EDDIE)
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}/edit")
    olga.submit("Save", manager_id=world.eddie)
    olga.get(team(world, f"/{world.eddie}/remove"))
    assert "They stay on the record of 1 customer as its manager" in olga.text
    olga.submit("Remove")
    assert "Eddie Editor" not in rows(olga)
    assert eddie.get(f"/partner/{world.north}/customers").status_code == 403
    assert eddie.get(team(world)).status_code == 403


def test_a_manager_who_left_stays_on_the_record_and_it_says_so(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    record = f"/partner/{world.north}/customers/{world.ninas_customer}"
    olga.get(f"{record}/edit")
    olga.submit("Save", manager_id=world.eddie)
    assert definition_list(olga)["Account manager"] == "Eddie Editor"
    olga.get(team(world, f"/{world.eddie}/remove"))
    olga.submit("Remove")
    olga.get(record)
    assert definition_list(olga)["Account manager"] == "Eddie Editor (no longer on the staff)"
    olga.get(f"{record}/edit")
    olga.submit("Save", description="edited since")
    assert definition_list(olga)["Account manager"] == "Eddie Editor (no longer on the staff)"


def test_the_last_owner_who_removes_themselves_reads_why_not(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    before = stored_rows()
    olga.get(team(world, f"/{user(OLGA).id}/remove"))
    answer = olga.submit("Remove")
    assert answer.status_code == 422
    assert "An account always has an owner, and this is the last one." in notices(olga)[0]
    olga.get(team(world, f"/{user(OLGA).id}/change"))
    assert olga.submit("Save", role=ADMIN).status_code == 422
    assert "An account always has an owner" in notices(olga)[0]
    assert stored_rows() == before


def test_who_removes_themselves_is_led_out(browser: Open, world: World) -> None:
    amir = browser(AMIR)
    amir.get(team(world, f"/{user(AMIR).id}/remove"))
    answer = amir.submit("Remove")
    assert answer.status_code == 403
    assert "No partner status" in amir.text


def test_an_admin_is_offered_neither_the_owner_role_nor_the_owner(
    browser: Open, world: World
) -> None:
    amir, before = browser(AMIR), None
    amir.get(team(world))
    assert "Change role" not in rows(amir)[NAMES[OLGA]]
    assert "Change role" in rows(amir)[NAMES[EDDIE]]
    amir.get(team(world, "/add"))
    choices = [box.get("value") for box in amir.page.iter("input") if box.get("name") == "role"]
    assert choices == [ADMIN, EDITOR, ACCOUNTANT, VIEWER]
    form = {**amir.form("/team/add"), "email": DORA, "role": OWNER}
    before = stored_rows()
    assert amir.post(team(world, "/add"), data=form).status_code == 403
    forged = {"csrf_token": form["csrf_token"], "role": OWNER}
    for who, step in (
        (world.eddie, "change"),
        (user(OLGA).id, "change"),
        (user(OLGA).id, "remove"),
    ):
        assert amir.post(team(world, f"/{who}/{step}"), data=forged).status_code == 403
    assert stored_rows() == before


@pytest.mark.parametrize("who", [EDDIE, ACE, VERA])
def test_who_does_not_manage_access_changes_nothing(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    client.get("/sign-in?switch=1")
    data = {"csrf_token": client.form("/sign-in")["csrf_token"], "role": ADMIN, "email": DORA}
    before = stored_rows()
    for path in ("/add", f"/{world.eddie}/change", f"/{world.eddie}/remove"):
        assert client.get(team(world, path)).status_code == 403
        assert client.post(team(world, path), data=data).status_code == 403
    assert stored_rows() == before


def test_foreign_and_made_up_people_are_not_found(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(team(world, "/add"))
    data = {"csrf_token": olga.form("/team/add")["csrf_token"], "role": VIEWER}
    before = stored_rows()
    strangers = [user(who).id for who in (SAM, NINA, DORA)] + ["aje" + "0" * 17, world.north]
    for ident in strangers:
        for step in ("change", "remove"):
            assert olga.get(team(world, f"/{ident}/{step}")).status_code == 404
            assert olga.post(team(world, f"/{ident}/{step}"), data=data).status_code == 404
    assert stored_rows() == before


def test_a_partner_manages_only_its_own_staff(app: Flask, browser: Open, world: World) -> None:
    def hire() -> None:
        south = db.lock(BillingAccount, world.south)
        access.assign_account_role(VIEWER, to=user(EDDIE).id, account=south, by=COMMAND)

    db.write(hire)
    sam = browser(SAM)
    sam.get(f"/partner/{world.south}/team/{world.eddie}/remove")
    sam.submit("Remove")
    olga = browser(OLGA)
    olga.get(team(world))
    assert NAMES[EDDIE] in rows(olga)
