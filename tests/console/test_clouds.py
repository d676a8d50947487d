"""Clouds: *Create cloud*, who pays, folders."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import access
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud, Folder
from tests.support.answers import errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.odd_inputs import INVISIBLE, LONG, UNUSUAL_NAMES, rendered
from tests.support.page import text_of
from tests.support.world import (
    ACE,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    PASSWORD,
    SAM,
    VERA,
    Clock,
    World,
    user,
)

Open = Callable[..., Browser]


def payers(client: Browser) -> list[str]:
    """The accounts that the form offers."""
    return [option.get("value", "") for option in client.page.iter("option")]


def folders(client: Browser) -> list[str]:
    (table,) = (t for t in client.page.iter("table") if t.get("aria-labelledby") == "folders")
    return [text_of(row[0]) for row in table.iter("tr")][1:]


def clouds_named(name: str) -> list[Cloud]:
    found = select(Cloud).where(Cloud.name == name)
    return db.read(lambda: list(db.session.scalars(found)))


def test_a_cloud_is_created_with_a_folder_and_paid_from_its_first_moment(
    browser: Open, world: World
) -> None:
    client = browser(DORA)
    client.get("/console")
    client.click("Create cloud")
    assert payers(client) == [world.direct]
    answer = client.submit("Create", name="  shop   production ")
    (made,) = clouds_named("shop production")
    assert answer.request.path == f"/console/clouds/{made.id}"
    assert notices(client, "success") == ["The cloud shop production is created."]
    assert folders(client) == ["default"]
    (payer,) = (e for e in client.page.iter("ol") if e.get("class") == "trail")
    assert text_of(payer).startswith("Dora Direct 2 Mar 2026, 10:00")
    assert text_of(payer).endswith(f"{world.direct} · pays now")
    client.get("/console")
    assert "shop production" in client.text


def test_a_cloud_begins_with_the_folder_one_names(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get("/console/clouds/create")
    assert client.form("/create")["folder_name"] == "default"
    client.submit("Create", name="shop", folder_name=" staging ")
    assert folders(client) == ["staging"]


def test_a_cloud_is_renamed_and_keeps_its_id(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get(f"/console/clouds/{world.doras_cloud}")
    client.get(client.url + "/rename")
    assert client.form("/rename")["name"] == "dora-cloud"
    assert world.doras_cloud in client.text
    answer = client.submit("Rename", name="  dora's   shop ")
    assert answer.request.path == f"/console/clouds/{world.doras_cloud}"
    assert notices(client, "success") == ["The cloud is renamed."]
    assert text_of(next(client.page.iter("h1"))) == "dora's shop"
    client.get(client.url + "/rename")
    assert client.submit("Rename").status_code == 200, "its own name is no change"


def test_a_cloud_is_created_from_the_page_of_the_account_that_pays(
    browser: Open, world: World
) -> None:
    client = browser(NINA)
    client.get(f"/console/billing/{world.ninas_subaccount}")
    client.click("Create cloud")
    assert client.form("/create")["account_id"] == world.ninas_subaccount
    client.submit("Create", name="nina-cloud")
    assert "North" not in [text_of(a) for a in client.page.iter("a")]
    client.get("/console")
    assert "nina-cloud" in text_of(next(client.page.iter("article")))


def test_staff_creates_in_a_confirmed_customers_subaccount_from_its_page_only(
    browser: Open, world: World
) -> None:
    client = browser(EDDIE)
    client.get("/console/clouds/create")
    assert world.ninas_subaccount not in payers(client)
    assert set(payers(client)) > {world.north}
    client.get(f"/console/billing/{world.ninas_subaccount}")
    client.click("Create cloud")
    answer = client.submit("Create", name="for-nina")
    assert answer.status_code == 200
    assert "for-nina" in client.text


def test_an_unconfirmed_subaccount_pays_for_nothing(browser: Open, world: World) -> None:
    client = browser(OLGA)
    before = stored_rows()
    client.get(f"/console/clouds/create?account={world.carls_subaccount}")
    answer = client.submit("Create", name="early", account_id=world.carls_subaccount)
    assert answer.status_code == 422
    assert "The customer has not confirmed the partnership yet" in notices(client)[0]
    assert client.form("/create")["name"] == "early"
    assert stored_rows() == before


@pytest.mark.parametrize("who", [DORA, VERA, OLGA])
def test_another_account_in_the_form_is_refused_with_a_sentence(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    before = stored_rows()
    refused = (world.south, world.trial, world.doras_cloud, "dn2" + "0" * 17, "", "\x00", "<b>")
    for account_id in refused:
        client.get(f"/console/clouds/create?account={world.south}")
        data = client.form("/create") | {"name": "kept", "account_id": account_id}
        assert client.post(client.url, data=data).status_code == 422
        assert errors(client) == {"account_id": "Choose one of your billing accounts."}
        assert client.form("/create")["name"] == "kept"
    assert stored_rows() == before


def test_who_can_pay_from_no_account_reads_why(browser: Open, world: World, clock: Clock) -> None:
    clock.forward(days=61)
    client = browser(DORA)
    client.get("/console")
    assert "Create cloud" not in links(client)
    client.get("/console/clouds/create")
    assert "your trial is over" in client.text
    assert links(client)["Billing"] == "/console/billing"


@pytest.mark.parametrize("email", [VERA, ACE])
def test_viewers_of_an_account_cannot_let_it_pay(browser: Open, world: World, email: str) -> None:
    client = browser(email)
    client.get(f"/console/clouds/create?account={world.north}")
    assert world.north not in payers(client)
    client.get(f"/console/billing/{world.north}")
    assert "Create cloud" not in links(client)


def test_a_form_sent_twice_creates_one_cloud(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get("/console/clouds/create")
    data = client.form("/create") | {"name": "once"}
    first, second = (client.post("/console/clouds/create", data=data) for _time in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert len(clouds_named("once")) == 1
    other = client.post("/console/clouds/create", data=data | {"name": "twice"})
    assert other.status_code == 422
    assert "This form was sent already, with other contents." in notices(client)[0]
    assert not clouds_named("twice")


BAD_NAMES = [*((typed, "") for typed in INVISIBLE.values()), ("", "required"), ("  ", "required")]
BAD_NAMES += [(LONG, "at most 63 are possible"), ("x" * 64, "at most 63"), ("a\nb", "one line")]


def test_a_bad_name_of_a_cloud_is_refused_at_its_field(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get("/console/clouds/create")
    before = stored_rows()
    for typed, what in BAD_NAMES:
        assert client.submit("Create", name=typed).status_code == 422, ascii(typed)
        assert errors(client).keys() == {"name"}
        assert what in errors(client)["name"]
        assert client.form("/create")["name"] == rendered(typed)
    client.get("/console/clouds/create")
    for typed, what in BAD_NAMES:
        assert client.submit("Create", name="good", folder_name=typed).status_code == 422
        assert errors(client).keys() == {"folder_name"}
        assert what in errors(client)["folder_name"]
        assert client.form("/create")["folder_name"] == rendered(typed)
    for typed, what in BAD_NAMES:
        client.get(f"/console/clouds/{world.doras_cloud}/rename")
        assert client.submit("Rename", name=typed).status_code == 422
        assert what in errors(client)["name"]
        assert client.form("/rename")["name"] == rendered(typed)
    assert stored_rows() == before


def test_odd_names_are_names_of_clouds_and_folders(browser: Open, world: World) -> None:
    client = browser(DORA)
    for typed, kept in UNUSUAL_NAMES.values():
        client.get("/console/clouds/create")
        answer = client.submit("Create", name=typed)
        assert answer.status_code == 200, ascii(typed)
        assert text_of(next(client.page.iter("h1"))) == (kept or typed)
        assert client.submit("Create folder", name=typed).status_code == 200
        assert sorted(folders(client)) == sorted(["default", kept or typed])
        assert "<script>alert" not in answer.text


def test_a_folder_is_created_and_renamed(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get(f"/console/clouds/{world.doras_cloud}")
    client.submit("Create folder", name="  staging ")
    assert notices(client, "success") == ["The folder staging is created."]
    assert folders(client) == ["default", "staging"]
    client.click("Rename folder default")
    assert client.form("/rename")["name"] == "default"
    assert world.doras_folder in client.text
    client.submit("Rename", name="production")
    assert notices(client, "success") == ["The folder is renamed."]
    assert folders(client) == ["production", "staging"]
    assert world.doras_folder in client.text
    client.click("Rename folder production")
    assert client.submit("Rename").status_code == 200, "its own name is no duplicate"


def test_a_folders_name_stands_once_in_its_cloud(browser: Open, world: World) -> None:
    client = browser(DORA)
    page = f"/console/clouds/{world.doras_cloud}"
    client.get(page)
    client.submit("Create folder", name="staging")
    before = stored_rows()
    taken = "This cloud has a folder named “default” already. Choose another name."
    assert client.submit("Create folder", name=" default ").status_code == 422
    assert errors(client) == {"name": taken}
    assert folders(client) == ["default", "staging"]
    client.get(page)
    client.click("Rename folder staging")
    assert client.submit("Rename", name="default").status_code == 422
    assert errors(client) == {"name": taken}
    assert client.form("/rename")["name"] == "default"
    assert stored_rows() == before


def test_a_bad_name_of_a_folder_is_refused_at_its_field(browser: Open, world: World) -> None:
    client = browser(DORA)
    page = f"/console/clouds/{world.doras_cloud}"
    before = stored_rows()
    for typed, what in BAD_NAMES:
        client.get(page)
        assert client.submit("Create folder", name=typed).status_code == 422, ascii(typed)
        assert what in errors(client)["name"]
        assert client.form("/folders/create")["name"] == rendered(typed)
        assert folders(client) == ["default"]
        client.get(f"{page}/folders/{world.doras_folder}/rename")
        assert client.submit("Rename", name=typed).status_code == 422, ascii(typed)
        assert what in errors(client)["name"]
        assert client.form("/rename")["name"] == rendered(typed)
    assert stored_rows() == before


def test_a_folder_form_sent_twice_creates_one_folder(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get(f"/console/clouds/{world.doras_cloud}")
    data = client.form("/folders/create") | {"name": "once"}
    target = f"/console/clouds/{world.doras_cloud}/folders/create"
    assert [client.post(target, data=data).status_code for _time in range(2)] == [303, 303]
    client.get(f"/console/clouds/{world.doras_cloud}")
    assert folders(client) == ["default", "once"]


@pytest.mark.parametrize("form", ["create", "rename"])
def test_what_was_typed_for_a_folder_survives_a_dead_session(
    browser: Open, world: World, clock: Clock, form: str
) -> None:
    client = browser(DORA)
    page = f"/console/clouds/{world.doras_cloud}"
    rename = f"{page}/folders/{world.doras_folder}/rename"
    client.get(page if form == "create" else rename)
    clock.forward(hours=1)
    before = stored_rows()
    button = "Create folder" if form == "create" else "Rename"
    client.submit(button, name="Kept")
    client.submit("Sign in", email=DORA, password=PASSWORD)
    assert client.form("/folders")["name"] == "Kept"
    assert stored_rows()["folders"] == before["folders"]
    client.submit(button)
    assert "Kept" in folders(client)


@pytest.mark.parametrize("form", ["create", "rename"])
def test_a_stale_token_keeps_the_folders_name(browser: Open, world: World, form: str) -> None:
    client = browser(DORA)
    page = f"/console/clouds/{world.doras_cloud}/folders"
    path = f"{page}/create" if form == "create" else f"{page}/{world.doras_folder}/rename"
    before = stored_rows()
    data = {"csrf_token": "stale", "name": "Kept", "form_key": "k" * 20}
    assert client.post(path, data=data).status_code == 422
    assert "press the button again" in notices(client)[0]
    assert client.form("/folders")["name"] == "Kept"
    assert stored_rows() == before
    client.submit("Create folder" if form == "create" else "Rename")
    assert "Kept" in folders(client)


def let_sam_in(world: World, role: CloudRole) -> None:
    def unit() -> None:
        access.assign_cloud_role(role, cloud_id=world.doras_cloud, user_id=user(SAM).id, by=COMMAND)

    db.write(unit)


@pytest.mark.parametrize("role", CloudRole)
def test_folders_are_edited_by_those_who_may_edit_the_cloud(
    browser: Open, world: World, role: CloudRole
) -> None:
    let_sam_in(world, role)
    may = role in (CloudRole.OWNER, CloudRole.ADMIN, CloudRole.EDITOR)
    client = browser(SAM)
    page = f"/console/clouds/{world.doras_cloud}"
    assert client.get(page).status_code == 200
    assert ("Rename" in links(client)) == may
    assert ("Create folder" in client.text) == may
    assert (
        "Folders are created and renamed by those who may edit the cloud." in client.text
    ) != may
    fresh = client.form("/sign-out")["csrf_token"]
    data = {"csrf_token": fresh, "name": "new", "form_key": "k" * 20}
    wanted = 303 if may else 403
    assert client.post(f"{page}/folders/create", data=data).status_code == wanted
    rename = f"{page}/folders/{world.doras_folder}/rename"
    assert client.get(rename).status_code == (200 if may else 403)
    assert client.post(rename, data=data | {"name": "other"}).status_code == wanted
    assert client.get(f"{page}/rename").status_code == (200 if may else 403)
    assert client.post(f"{page}/rename", data=data | {"name": "renamed"}).status_code == wanted
    client.get(page)
    assert text_of(next(client.page.iter("h1"))) == ("renamed" if may else "dora-cloud")
    assert folders(client) == (["new", "other"] if may else ["default"])


@pytest.mark.parametrize(
    ("who", "status"), [(OLGA, 200), (VERA, 200), (NINA, 200), (CARL, 404), (SAM, 404), (DORA, 404)]
)
def test_a_customers_cloud_is_seen_by_its_people_and_its_partners(
    browser: Open, world: World, who: str, status: int
) -> None:
    assert browser(who).get(f"/console/clouds/{world.ninas_cloud}").status_code == status


def test_a_closed_cloud_says_so_and_takes_nothing(browser: Open, world: World) -> None:
    carl = browser(CARL)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Decline")
    client = browser(OLGA)
    page = f"/console/clouds/{world.carls_cloud}"
    client.get(page)
    assert "Closed, and kept for history since" in client.text
    assert "Create folder" not in client.text
    assert "Rename" not in links(client)
    before = stored_rows()
    fresh = client.form("/sign-out")["csrf_token"]
    data = {"csrf_token": fresh, "name": "late", "form_key": "k" * 20}
    assert client.post(f"{page}/folders/create", data=data).status_code == 422
    assert "This cloud is closed." in client.text
    assert client.post(f"{page}/rename", data=data).status_code == 422
    assert "This cloud is closed." in client.text
    assert stored_rows() == before


def test_a_role_on_the_account_shows_its_clouds(browser: Open, world: World) -> None:
    def unit() -> None:
        direct, role = db.lock(BillingAccount, world.direct), AccountRole.VIEWER
        access.assign_account_role(role, to=user(SAM).id, account=direct, by=COMMAND)

    db.write(unit)
    client = browser(SAM)
    assert client.get(f"/console/clouds/{world.doras_cloud}").status_code == 200
    assert "Dora Direct" in client.text
    client.get("/console")
    assert world.doras_cloud not in client.text, "they have no role on the cloud itself"
    client.get(f"/console/billing/{world.direct}")
    client.click("dora-cloud")
    found = select(Folder.name).where(Folder.cloud_id == world.doras_cloud)
    assert folders(client) == db.read(lambda: list(db.session.scalars(found)))
