"""A customer's *Clouds* tab: what is linked, *Create cloud*, and asking for access to the rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, accounts, clouds, customers
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from tests.support.answers import errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.odd_inputs import INVISIBLE, LONG, UNUSUAL_NAMES
from tests.support.page import text_of
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    EDDIE,
    NINA,
    OLGA,
    PASSWORD,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    link_cloud,
    signed_in,
    user,
)

Open = Callable[..., Browser]


def at(world: World, customer_id: str = "", path: str = "") -> str:
    ident = customer_id or world.ninas_customer
    return f"/partner/{world.north}/customers/{ident}/clouds{path}"


def rows(client: Browser) -> list[str]:
    return [text_of(row) for body in client.page.iter("tbody") for row in body.iter("tr")]


def clouds_named(name: str) -> list[Cloud]:
    return db.session.query(Cloud).filter_by(name=name).all()


def suspend(world: World) -> None:
    olga = actor(OLGA)
    db.write(lambda: customers.suspend(db.lock(Customer, world.ninas_customer), by=olga))


# What is linked


def test_the_tab_shows_what_is_linked_since_when_and_who_pays(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}")
    olga.click("Clouds")
    (row,) = rows(olga)
    assert row.startswith(f"default {world.ninas_cloud} Active since 2 Mar 2026, 09:00")
    assert row.endswith(f"North by the subaccount {world.ninas_subaccount}")
    assert world.ninas_cloud in [button.get("data-copy") for button in olga.page.iter("button")]
    olga.click("default")
    assert olga.url.endswith(f"/console/clouds/{world.ninas_cloud}")


def test_many_clouds_have_pages(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = create_cloud(OLGA, "second", payer=world.ninas_subaccount)
    monkeypatch.setattr(clouds.listing, "PAGE", 1)
    monkeypatch.setattr(clouds, "PAGE", 1)
    olga = browser(OLGA)
    olga.get(at(world))
    (row,) = rows(olga)
    assert world.ninas_cloud in row
    olga.click("Next")
    (row,) = rows(olga)
    assert second in row
    assert links(olga)["First page"] == at(world)


def test_a_cloud_that_leaves_is_not_on_the_tab_any_more(browser: Open, world: World) -> None:
    nina, olga = actor(NINA), browser(OLGA)
    own = accounts.first_own_account(user(NINA))
    assert own is not None
    home = own.id

    def create() -> str:
        accounts.switch_to_paid(db.lock(BillingAccount, home), by=signed_in(nina))
        payer = db.lock(BillingAccount, world.ninas_subaccount)
        return clouds.create(payer, by=nina, name="leaves").id

    made = db.write(create)
    olga.get(at(world))
    assert any(row.startswith("leaves") for row in rows(olga))
    db.write(lambda: link_cloud(made, home, nina))
    olga.get(at(world))
    assert not any(row.startswith("leaves") for row in rows(olga))


@pytest.mark.parametrize("who", [OLGA, AMIR, EDDIE, ACE, VERA])
def test_the_notice_about_what_is_not_linked_stands_for_every_role(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    for ident in (world.ninas_customer, world.carls_customer):
        client.get(at(world, ident))
        assert notices(client, "warn") == [
            "What is not linked is not yours. If you don’t link the customer’s cloud, the customer "
            "will pay for this cloud separately in Test Cloud, and it won’t be linked to the "
            "partner."
        ]


# Create cloud


def test_a_cloud_is_created_in_the_subaccount_with_name_and_folder(
    browser: Open, world: World
) -> None:
    eddie = browser(EDDIE)
    eddie.get(at(world))
    eddie.click("Create cloud")
    assert eddie.form("/clouds/create")["folder_name"] == "default"
    answer = eddie.submit("Create", name="  shop   production ", folder_name="web")
    assert answer.request.path == at(world)
    assert notices(eddie, "success") == ["The cloud shop production is created."]
    assert len(rows(eddie)) == 2
    (made,) = clouds_named("shop production")
    assert clouds.payer_of(made).id == world.ninas_subaccount
    assert [folder.name for folder in clouds.folders_of(made)] == ["web"]


def test_what_staff_creates_is_owned_by_the_partner_and_by_the_customers_people(
    browser: Open, world: World
) -> None:
    eddie = browser(EDDIE)
    eddie.get(at(world, path="/create"))
    eddie.submit("Create", name="shop")
    (made,) = clouds_named("shop")
    held = db.session.query(access.CloudAccess).filter_by(cloud_id=made.id)
    assert {(row.user_id or row.partner_id, row.role) for row in held} == {
        (world.north, CloudRole.OWNER),
        (user(NINA).id, CloudRole.OWNER),
    }
    assert access.roles_on_cloud(actor(EDDIE), made.id) == {CloudRole.OWNER}


def test_a_form_sent_twice_creates_one_cloud(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(at(world, path="/create"))
    data = olga.form("/clouds/create") | {"name": "once"}
    for _press in range(2):
        assert olga.post(at(world, path="/create"), data=data).status_code == 303
    assert len(clouds_named("once")) == 1


@pytest.mark.parametrize("field", ["name", "folder_name"])
def test_a_bad_name_is_refused_at_its_field(browser: Open, world: World, field: str) -> None:
    olga = browser(OLGA)
    olga.get(at(world, path="/create"))
    form = olga.form("/clouds/create") | {"name": "good"}
    before = stored_rows()
    for typed in (*INVISIBLE.values(), "", "  ", LONG, "a\nb"):
        assert olga.post(at(world, path="/create"), data=form | {field: typed}).status_code == 422
        assert errors(olga).keys() == {field}
    assert stored_rows() == before


def test_odd_names_are_names(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    for typed, kept in UNUSUAL_NAMES.values():
        olga.get(at(world, path="/create"))
        olga.submit("Create", name=typed, folder_name=typed)
        assert any(row.startswith(kept or typed) for row in rows(olga)), ascii(typed)


def test_what_was_typed_survives_a_dead_session(browser: Open, world: World, clock: Clock) -> None:
    olga = browser(OLGA)
    olga.get(at(world, path="/create"))
    clock.forward(hours=1)
    olga.submit("Create", name="kept", folder_name="too")
    olga.submit("Sign in", email=OLGA, password=PASSWORD)
    kept = olga.form("/clouds/create")
    assert (kept["name"], kept["folder_name"]) == ("kept", "too")
    assert clouds_named("kept") == []


# A cloud that is missing


@pytest.mark.parametrize("who", [OLGA, AMIR, EDDIE])
def test_a_missing_cloud_is_asked_for_with_the_accounts_id_role_and_way(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    client.get(at(world))
    (area,) = client.page.iter("textarea")
    text = area.text or ""
    assert f"Partner account ID: {world.north}" in text
    assert "please give North access" in text
    assert "Role: resource-manager.clouds.owner" in text
    assert "Open the management console: http://localhost/console\n" in text
    assert "Access control, then Add" in text
    assert "Copy access request" in client.text
    assert who not in text


# Who may not, and when nothing is possible


@pytest.mark.parametrize("who", [ACE, VERA])
def test_viewers_and_accountants_see_the_tab_without_actions(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    client.get(at(world))
    assert len(rows(client)) == 1
    assert "Create cloud" not in links(client)
    assert "Copy access request" not in client.text
    before = stored_rows()
    data = {"csrf_token": client.form("/sign-out")["csrf_token"], "name": "x", "folder_name": "y"}
    assert client.get(at(world, path="/create")).status_code == 403
    assert client.post(at(world, path="/create"), data=data).status_code == 403
    assert stored_rows() == before


def test_for_a_waiting_customer_nothing_is_created_and_it_says_why(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(at(world, world.carls_customer))
    assert "The customer has not confirmed the partnership yet" in olga.text
    nothing_is_created(olga, world, world.carls_customer, "has not confirmed the partnership yet")


def test_for_a_suspended_customer_nothing_is_created_and_it_says_why(
    browser: Open, world: World
) -> None:
    suspend(world)
    olga = browser(OLGA)
    olga.get(at(world))
    assert "The customer is suspended; until it is resumed no cloud can be created" in olga.text
    assert len(rows(olga)) == 1, "its clouds stay linked"
    nothing_is_created(olga, world, world.ninas_customer, "its status is SUSPENDED")


def test_for_an_inactive_customer_nothing_is_created_and_it_says_why(
    browser: Open, world: World
) -> None:
    carl = browser(CARL)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Decline")
    olga = browser(OLGA)
    olga.get(at(world, world.carls_customer))
    assert "The partnership is over and its subaccount closed" in olga.text
    assert rows(olga)[0].startswith(f"default {world.carls_cloud} Closed")
    assert "Paid by: nobody" in rows(olga)[0]
    assert "A cloud of the customer is missing?" not in olga.text, "none can be linked any more"
    nothing_is_created(olga, world, world.carls_customer, "its status is CLOSED")


def nothing_is_created(client: Browser, world: World, ident: str, said: str) -> None:
    """Neither from the tab, nor by the form's URL, nor by the form sent anyway."""
    assert "Create cloud" not in links(client)
    assert "Copy access request" not in client.text
    before = stored_rows()
    client.get(at(world, ident, "/create"))
    assert all("/clouds/create" not in form.get("action", "") for form in client.page.iter("form"))
    token = client.form("/sign-out")["csrf_token"]
    data = {"csrf_token": token, "form_key": "k" * 20, "name": "x", "folder_name": "y"}
    assert client.post(at(world, ident, "/create"), data=data).status_code == 422
    assert said in notices(client)[0]
    assert stored_rows() == before


def test_a_customer_suspended_while_the_form_was_open_gets_no_cloud(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(at(world, path="/create"))
    suspend(world)
    before = stored_rows()
    assert olga.submit("Create", name="late").status_code == 422
    assert "its status is SUSPENDED" in notices(olga)[0]
    assert stored_rows() == before


def test_another_partners_customer_has_no_clouds_here(browser: Open, world: World) -> None:
    olga, sam = browser(OLGA), browser(SAM)
    for path in ("", "/create"):
        assert olga.get(at(world, world.souths_customer, path)).status_code == 404
        assert sam.get(at(world, path=path)).status_code == 404
