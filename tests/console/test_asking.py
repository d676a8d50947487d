"""Who is not there yet, or no owner: texts that ask for access to a cloud."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.domain.access import CloudRole
from tests.support.answers import errors, links, stored_rows
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
from tests.support.page import text_of
from tests.support.world import ACE, DORA, EDDIE, NAMES, NINA, SAM, TINA, VERA, World, user

Open = Callable[..., Browser]


def letter(client: Browser) -> str:
    """The text to send, as its field has it; the copy button holds the same."""
    (area,) = client.page.iter("textarea")
    (button,) = (b for b in client.page.iter("button") if text_of(b).startswith("Copy "))
    assert button.get("data-copy") == area.text
    return area.text or ""


# Somebody without an account


def test_an_address_without_an_account_gets_a_text_to_send_and_is_kept_nowhere(
    browser: Open, world: World
) -> None:
    dora = browser(DORA)
    dora.get(access_path(world.doras_cloud, "/add"))
    before = stored_rows()
    answer = dora.submit("Add", email="stranger@nowhere.example", role=EDITOR)
    assert answer.status_code == 422
    assert "stranger@nowhere.example has no account here." in errors(dora)["email"]
    assert dora.form("/add")["role"] == EDITOR
    text = letter(dora)
    assert "open an account at http://localhost/sign-up" in text
    assert "with the address stranger@nowhere.example" in text
    assert "access to the cloud dora-cloud" in text
    after = stored_rows()
    (miss,) = after["address_misses"]
    assert "nowhere" not in miss
    assert after | {"address_misses": []} == before


# Who sees the cloud but does not own it


def test_who_is_no_owner_reads_their_own_standing_and_nobody_elses(
    browser: Open, world: World
) -> None:
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    assign_role(world.doras_cloud, ADMIN, user_id=user(TINA).id)
    sam = browser(SAM)
    sam.get(f"/console/clouds/{world.doras_cloud}")
    sam.click("Access control")
    assert "viewer, in effect since 2 Mar 2026" in sam.text
    for other in (DORA, NAMES[DORA], TINA, NAMES[TINA]):
        assert other not in sam.text
    assert "Add" not in links(sam)
    assert "Explain" not in links(sam)


def test_who_is_no_owner_copies_a_request_with_their_address_role_and_link(
    browser: Open, world: World
) -> None:
    assign_role(world.doras_cloud, VIEWER, user_id=user(SAM).id)
    sam = browser(SAM)
    sam.get(access_path(world.doras_cloud))
    text = letter(sam)
    assert f"E-mail: {SAM}" in text
    assert "Role: resource-manager.clouds.owner" in text
    assert f"dora-cloud ({world.doras_cloud})" in text
    assert f"http://localhost{access_path(world.doras_cloud)}" in text


@pytest.mark.parametrize("who", [EDDIE, VERA])
def test_staff_of_the_partner_that_looks_after_it_asks_for_their_account(
    browser: Open, world: World, who: str
) -> None:
    nina = browser(NINA)
    nina.get(access_path(world.ninas_cloud, f"/{world.north}/revoke"))
    nina.submit("Revoke")
    client = browser(who)
    client.get(access_path(world.ninas_cloud))
    assert "You have no role on this cloud." in client.text
    text = letter(client)
    assert f"Partner account ID: {world.north}" in text
    assert "please give North access" in text
    assert who not in text


def test_staff_of_a_partner_that_holds_a_role_asks_for_their_account(
    browser: Open, world: World
) -> None:
    assign_role(world.doras_cloud, VIEWER, partner_id=world.south)
    sam = browser(SAM)
    sam.get(access_path(world.doras_cloud))
    assert "viewer, through the account of South" in sam.text
    assert f"Partner account ID: {world.south}" in letter(sam)


@pytest.mark.parametrize("who", [VERA, ACE])
def test_staff_too_weak_where_the_partner_owns_reads_whom_to_ask(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    client.get(access_path(world.ninas_cloud))
    assert "The account of North owns this cloud" in client.text
    assert "textarea" not in {element.tag for element in client.page.iter()}
    assert NINA not in client.text


@pytest.mark.parametrize("role", [ADMIN, EDITOR, VIEWER, MEMBER])
def test_who_is_no_owner_changes_nothing(browser: Open, world: World, role: CloudRole) -> None:
    assign_role(world.doras_cloud, role, user_id=user(SAM).id)
    assign_role(world.doras_cloud, VIEWER, user_id=user(TINA).id)
    assign_role(world.doras_cloud, VIEWER, partner_id=world.north)
    sam = browser(SAM)
    sam.get(access_path(world.doras_cloud))
    data = {"csrf_token": sam.form("/sign-out")["csrf_token"], "role": OWNER, "email": SAM}
    before = stored_rows()
    tina = user(TINA).id
    for path in (
        "/add",
        f"/{tina}/change",
        f"/{tina}/revoke",
        f"/{world.north}/revoke-partner",
    ):
        assert sam.get(access_path(world.doras_cloud, path)).status_code == 403
        assert sam.post(access_path(world.doras_cloud, path), data=data).status_code == 403
    assert sam.get(access_path(world.doras_cloud, f"/explain?email={TINA}")).status_code == 403
    assert stored_rows() == before
