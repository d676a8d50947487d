"""Access control: the list, adding, changing, revoking; what is refused."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest

from portal import db
from portal.domain.access import CLOUD_TABLE, CloudRole
from portal.wording import labels
from tests.support.answers import errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.cloud_access import (
    ADMIN,
    EDITOR,
    MEMBER,
    OWNER,
    VIEWER,
    access_path,
    assign_role,
)
from tests.support.odd_inputs import BAD_ADDRESSES
from tests.support.page import text_of
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    PASSWORD,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    user,
)

Open = Callable[..., Browser]


def rows(client: Browser, table: str = "staff") -> dict[str, str]:
    """What the rows of a table say, by their heads."""
    found = [t for t in client.page.iter("table") if table in t.get("class", "").split()]
    bodies = [row for t in found for body in t.iter("tbody") for row in body.iter("tr")]
    return {text_of(next(row.iter("th"))): text_of(row) for row in bodies}


# The list


def test_owners_read_who_holds_what_since_when_by_whom(
    browser: Open, world: World, clock: Clock
) -> None:
    assign_role(world.doras_cloud, EDITOR, partner_id=world.north)
    assign_role(world.doras_cloud, VIEWER, user_id=user(VERA).id)
    dora = browser(DORA)
    dora.get(f"/console/clouds/{world.doras_cloud}")
    dora.click("Access control")
    shown = rows(dora)
    assert list(shown) == [
        "North partner’s account",
        "Dora Direct you",
        "Vera Viewer staff of North",
    ]
    north, own, vera = shown.values()
    assert f"{world.north} editor An operator’s command since 2 Mar 2026" in north
    assert f"{DORA} resource-manager.clouds.owner owner Dora Direct" in own
    assert f"{VERA} viewer An operator’s command" in vera


def test_the_role_table_on_the_page_is_the_one_in_code(browser: Open, world: World) -> None:
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud))
    (table,) = (t for t in dora.page.iter("table") if "abilities" in t.get("class", ""))
    heads = [th.get("title") for th in next(table.iter("thead")).iter("th")][1:]
    assert heads == list(CloudRole)
    shown = {}
    for row in next(table.iter("tbody")).iter("tr"):
        cells = [text_of(cell) for cell in row.iter("td")]
        marked = {role for role, cell in zip(CloudRole, cells, strict=True) if "yes" in cell}
        shown[text_of(next(row.iter("th")))] = marked
    with dora.application.test_request_context():
        table_in_code = {"cloud.see": set(CloudRole), **CLOUD_TABLE}
        assert shown == {str(labels.ABILITIES[a]): set(h) for a, h in table_in_code.items()}


def test_adding_a_partners_account_counts_down_until_its_staff_may(
    browser: Open, world: World, clock: Clock
) -> None:
    dora, eddie = browser(DORA), browser(EDDIE)
    dora.get(access_path(world.doras_cloud))
    dora.click("Add")
    assert dora.form("/add")["role"] == MEMBER
    dora.submit("Add", email=f" {world.north} ", role=OWNER)
    assert notices(dora, "success") == ["North is added."]
    said = "resource-manager.clouds.owner owner, effective in 20 s"
    assert said in rows(dora)["North partner’s account"]
    eddie.get(access_path(world.doras_cloud))
    assert "owner, through the account of North, effective in 20 s" in eddie.text
    assert "textarea" not in {e.tag for e in eddie.page.iter()}, "nothing is left to ask for"
    clock.forward(seconds=20)
    eddie.get(access_path(world.doras_cloud))
    assert "Who has access" in eddie.text
    dora.get(access_path(world.doras_cloud))
    assert "effective in" not in dora.text


@pytest.mark.parametrize("who", [DORA, SAM])
def test_while_a_role_is_to_come_the_page_renews_itself_for_owners_and_for_whose_it_is(
    browser: Open, world: World, clock: Clock, who: str
) -> None:
    dora = browser(DORA)
    assert "data-poll" not in dora.get(access_path(world.doras_cloud)).text
    dora.click("Add")
    dora.submit("Add", email=SAM, role=OWNER)
    client = browser(who)
    client.get(access_path(world.doras_cloud))
    fragment = client.get(access_path(world.doras_cloud), headers={"HX-Request": "true"}).text
    assert "data-poll" in fragment
    assert "effective in" in fragment
    assert "<h1" not in fragment
    clock.forward(seconds=20)
    fragment = client.get(access_path(world.doras_cloud), headers={"HX-Request": "true"}).text
    assert "data-poll" not in fragment
    assert links(client)["Add"] == access_path(world.doras_cloud, "/add"), (
        "the new owner may, unasked"
    )


def test_a_raised_role_is_shown_beside_the_one_that_holds(browser: Open, world: World) -> None:
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud))
    dora.click("Change role of Sam Stranger")
    assert dora.form("/change")["role"] == VIEWER
    dora.submit("Save", role=ADMIN)
    assert notices(dora, "success") == ["Sam Stranger’s role is saved."]
    assert "viewer, admin, effective in 20 s" in rows(dora)["Sam Stranger"]


def test_lowering_is_seen_at_once(browser: Open, world: World) -> None:
    assign_role(world.doras_cloud, EDITOR, user_id=user(SAM).id)
    dora, sam = browser(DORA), browser(SAM)
    sam.get(f"/console/clouds/{world.doras_cloud}")
    assert "Create folder" in sam.text
    dora.get(access_path(world.doras_cloud, f"/{user(SAM).id}/change"))
    dora.submit("Save", role=MEMBER)
    sam.get(f"/console/clouds/{world.doras_cloud}")
    assert "Create folder" not in sam.text


def test_revoking_says_what_follows_and_works_at_once(browser: Open, world: World) -> None:
    assign_role(world.doras_cloud, OWNER, user_id=user(SAM).id)
    dora, sam = browser(DORA), browser(SAM)
    dora.get(access_path(world.doras_cloud))
    dora.click("Revoke the role of Sam Stranger")
    assert "can do nothing on this cloud" in dora.text
    assert "who pays does not change by this" in dora.text
    dora.submit("Revoke")
    assert notices(dora, "success") == ["Sam Stranger has no role on this cloud any more."]
    assert "Sam Stranger" not in rows(dora)
    assert sam.get(f"/console/clouds/{world.doras_cloud}").status_code == 404


def test_who_revokes_their_own_role_is_warned_and_led_out(browser: Open, world: World) -> None:
    assign_role(world.doras_cloud, OWNER, user_id=user(SAM).id)
    sam = browser(SAM)
    sam.get(access_path(world.doras_cloud, f"/{user(SAM).id}/revoke"))
    assert "This is you" in sam.text
    answer = sam.submit("Revoke")
    assert (answer.status_code, answer.request.path) == (200, "/console")


def test_revoking_says_who_keeps_access_by_another_role(browser: Open, world: World) -> None:
    assign_role(world.ninas_cloud, EDITOR, user_id=user(EDDIE).id)
    nina = browser(NINA)
    nina.get(access_path(world.ninas_cloud, f"/{world.north}/revoke"))
    own = "Eddie Editor keeps access to this cloud by: editor, their own, since"
    assert own in text_of(nina.page)
    nina.get(access_path(world.ninas_cloud, f"/{world.north}/revoke-partner"))
    assert "keeps access" not in nina.text, "it takes that role as well"

    nina.get(access_path(world.ninas_cloud, f"/{user(EDDIE).id}/revoke"))
    through = "resource-manager.clouds.owner owner, through the account of North, since"
    assert f"Eddie Editor keeps access to this cloud by: {through}" in text_of(nina.page)
    nina.submit("Revoke")
    assert notices(nina, "success") == ["The role of Eddie Editor is revoked."]


# The partner's access


def test_the_partners_access_is_revoked_in_one_press_and_the_links_stay(
    browser: Open, world: World
) -> None:
    assign_role(world.ninas_cloud, EDITOR, user_id=user(EDDIE).id)
    nina, olga, eddie = browser(NINA), browser(OLGA), browser(EDDIE)
    nina.get(access_path(world.ninas_cloud))
    nina.click("Revoke partner’s access")
    assert "North (the account), Eddie Editor (staff)" in nina.text
    assert "The cloud stays linked where it is" in nina.text
    assert "Nina GmbH" in nina.text, "who pays"
    nina.submit("Revoke partner’s access")
    assert notices(nina, "success") == ["North has no access to this cloud any more."]
    assert list(rows(nina)) == ["Nina Customer you"]
    for client in (olga, eddie):
        assert client.get(f"/console/clouds/{world.ninas_cloud}").status_code == 200
        assert "Create folder" not in client.text, "they see what they pay for, and no more"
        assert client.get(access_path(world.ninas_cloud, "/add")).status_code == 403
    nina.get(f"/console/clouds/{world.ninas_cloud}")
    assert "pays now" in nina.text
    assert world.ninas_subaccount in nina.text


def test_a_partner_without_access_has_no_such_page(browser: Open, world: World) -> None:
    dora = browser(DORA)
    before = stored_rows()
    dora.get(access_path(world.doras_cloud))
    assert "Revoke partner’s access" not in dora.text
    fresh = {"csrf_token": dora.form("/sign-out")["csrf_token"]}
    for partner in (world.north, world.direct, user(DORA).id):
        target = access_path(world.doras_cloud, f"/{partner}/revoke-partner")
        assert dora.get(target).status_code == 404
        assert dora.post(target, data=fresh).status_code == 404
    assert stored_rows() == before


def test_the_payer_of_another_is_another_account(browser: Open, world: World) -> None:
    assign_role(world.doras_cloud, OWNER, user_id=user(SAM).id)
    assign_role(world.doras_cloud, VIEWER, partner_id=world.north)
    sam = browser(SAM)
    sam.get(access_path(world.doras_cloud, f"/{world.north}/revoke-partner"))
    assert "another account" in sam.text
    assert world.direct not in sam.text


# What is refused


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (SAM, "They have a role here already. Change it instead."),
        (DORA.upper(), "They have a role here already. Change it instead."),
        ("dn2" + "0" * 17, "There is no partner with this account ID."),
        ("dn2short", "There is no partner with this account ID."),
        ("dn2" + "\x00" * 17, "There is no partner with this account ID."),
        ("own account", "There is no partner with this account ID."),
        ("cloud", "exactly one @"),
        ("", "Fill this in; it is required."),
    ],
)
def test_what_can_not_be_added_is_refused_at_its_field_and_all_is_kept(
    browser: Open, world: World, entry: str, said: str
) -> None:
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud, "/add"))
    typed = {"own account": world.direct, "cloud": world.doras_cloud}.get(entry, entry)
    form = {**dora.form("/add"), "email": typed, "role": ADMIN}
    before = stored_rows()
    assert dora.post(access_path(world.doras_cloud, "/add"), data=form).status_code == 422
    assert said in errors(dora)["email"]
    assert dora.form("/add")["role"] == ADMIN
    assert stored_rows() == before


@pytest.mark.parametrize(("typed", "said"), BAD_ADDRESSES.values(), ids=BAD_ADDRESSES)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_no_address_is_refused_at_its_field(
    browser: Open, world: World, typed: str, said: str
) -> None:
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud, "/add"))
    form = {**dora.form("/add"), "email": typed}
    before = stored_rows()
    assert dora.post(access_path(world.doras_cloud, "/add"), data=form).status_code == 422
    assert said in errors(dora)["email"]
    assert stored_rows() == before


@pytest.mark.parametrize("role", ["", "owner", "billing.accounts.owner", "\x00", "<b>"])
def test_what_is_no_role_on_a_cloud_is_refused(browser: Open, world: World, role: str) -> None:
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud, "/add"))
    form = {**dora.form("/add"), "email": TINA, "role": role}
    before = stored_rows()
    assert dora.post(access_path(world.doras_cloud, "/add"), data=form).status_code == 422
    assert errors(dora) == {"role": "Choose one of these roles."}
    changing = {"csrf_token": form["csrf_token"], "role": role}
    path = access_path(world.doras_cloud, f"/{user(SAM).id}/change")
    assert dora.post(path, data=changing).status_code == 422
    assert stored_rows() == before


def test_the_last_owner_reads_why_they_can_not_go_or_be_less(browser: Open, world: World) -> None:
    dora = browser(DORA)
    own = user(DORA).id
    before = stored_rows()
    dora.get(access_path(world.doras_cloud, f"/{own}/revoke"))
    assert dora.submit("Revoke").status_code == 422
    assert "A cloud always has an owner, and this is the last one." in notices(dora)[0]
    dora.get(access_path(world.doras_cloud, f"/{own}/change"))
    assert dora.submit("Save", role=ADMIN).status_code == 422
    assert "A cloud always has an owner" in notices(dora)[0]
    assert stored_rows() == before


def test_the_partner_reads_why_it_can_not_take_the_customers_last_role(
    browser: Open, world: World
) -> None:
    olga, nina = browser(OLGA), user(NINA).id
    before = stored_rows()
    olga.get(access_path(world.ninas_cloud))
    assert "Revoke This is the last role of the customer’s people" in rows(olga)["Nina Customer"]
    assert access_path(world.ninas_cloud, f"/{nina}/revoke") not in links(olga).values()
    olga.get(access_path(world.ninas_cloud, f"/{nina}/revoke"))
    assert olga.submit("Revoke").status_code == 422
    assert "This is the last role of the customer’s people" in notices(olga)[0]
    olga.get(access_path(world.ninas_cloud, f"/{nina}/change"))
    assert olga.submit("Save", role=MEMBER).status_code == 422
    assert "a partner can’t take or lower it" in notices(olga)[0]
    assert stored_rows() == before


def test_adding_twice_with_one_form_adds_once(browser: Open, world: World) -> None:
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud, "/add"))
    form = {**dora.form("/add"), "email": SAM, "role": VIEWER}
    for _press in range(2):
        assert dora.post(access_path(world.doras_cloud, "/add"), data=form).status_code == 303
    other = dora.post(access_path(world.doras_cloud, "/add"), data={**form, "email": TINA})
    assert other.status_code == 422
    dora.get(access_path(world.doras_cloud))
    assert len(rows(dora)) == 2


def test_who_was_revoked_meanwhile_is_not_found_any_more(browser: Open, world: World) -> None:
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    one, other = browser(DORA), browser(DORA)
    page = access_path(world.doras_cloud, f"/{user(SAM).id}/revoke")
    one.get(page)
    other.get(page)
    one.submit("Revoke")
    assert other.submit("Revoke").status_code == 404


def test_what_was_typed_survives_a_dead_session(browser: Open, world: World, clock: Clock) -> None:
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud, "/add"))
    clock.forward(hours=1)
    dora.submit("Add", email=SAM, role=ADMIN)
    dora.submit("Sign in", email=DORA, password=PASSWORD)
    assert dora.form("/add")["email"] == SAM
    assert dora.form("/add")["role"] == ADMIN
    dora.submit("Add")
    assert "Sam Stranger" in rows(dora)


def test_a_closed_clouds_list_stays_without_actions(browser: Open, world: World) -> None:
    carl = browser(CARL)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Decline")
    olga, vera = browser(OLGA), browser(VERA)
    olga.get(access_path(world.carls_cloud))
    assert "It is closed; who had access stays as it was." in olga.text
    assert list(rows(olga)) == ["North partner’s account"]
    for text in ("Add", "Change role", "Revoke", "Revoke partner’s access"):
        assert text not in links(olga)
    before = stored_rows()
    olga.get(access_path(world.carls_cloud, "/add"))
    assert olga.submit("Add", email=SAM, role=OWNER).status_code == 422
    assert "This cloud is closed." in olga.text
    vera.get(access_path(world.carls_cloud))
    assert "textarea" not in {element.tag for element in vera.page.iter()}
    assert stored_rows() == before


def test_odd_names_are_shown_as_they_are(browser: Open, world: World) -> None:
    def rename() -> None:
        user(SAM).name = "<b>%(name)s</b> {{ 7 }}"

    db.write(rename)
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    dora = browser(DORA)
    answer = dora.get(access_path(world.doras_cloud))
    assert "<b>%(name)s</b> {{ 7 }}" in rows(dora)
    assert html.escape("<b>%(name)s") in answer.text
    for step in ("change", "revoke"):
        dora.get(access_path(world.doras_cloud, f"/{user(SAM).id}/{step}"))
        assert "<b>%(name)s</b> {{ 7 }}" in dora.text
