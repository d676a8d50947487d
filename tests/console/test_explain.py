"""Explain: an owner asks by address what somebody may do on a cloud, and by which row."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from portal import db
from portal.domain import access
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.actors import COMMAND
from tests.support.answers import errors, stored_rows
from tests.support.browser import Browser
from tests.support.odd_inputs import BAD_ADDRESSES
from tests.support.page import text_of
from tests.support.world import DORA, EDDIE, NINA, OLGA, SAM, TINA, VERA, Clock, World, user

Open = Callable[..., Browser]

RELINK = "Link the cloud to another account (with editor or higher there)"
SEE = "See the cloud, its folders and who pays for it"
RENAME = "Rename the cloud"


def answer(client: Browser) -> dict[str, str]:
    """What it says of each action."""
    bodies = list(client.page.iter("tbody"))
    rows = [row for body in bodies for row in body.iter("tr")]
    cells = [[text_of(cell) for cell in (*row.iter("th"), *row.iter("td"))] for row in rows]
    return {head: " ".join(filter(None, rest)) for head, *rest in cells}


def ask(client: Browser, cloud_id: str, email: str) -> dict[str, str]:
    client.get(f"/console/clouds/{cloud_id}/access")
    client.click("Explain")
    client.submit("Explain", email=email)
    return answer(client)


def row_of(cloud_id: str, **holder: str) -> str:
    found = db.session.query(CloudAccess).filter_by(cloud_id=cloud_id, **holder)
    ident: str = found.one().id
    return ident


def test_an_owners_own_role_is_explained_by_its_row(browser: Open, world: World) -> None:
    said = ask(browser(NINA), world.ninas_cloud, NINA)
    row = row_of(world.ninas_cloud, user_id=user(NINA).id)
    assert said[RELINK].startswith(
        "yes resource-manager.clouds.owner owner, their own, since 2 Mar"
    )
    assert said[RELINK].endswith(f"row {row}")


def test_staff_is_explained_through_the_partners_account(browser: Open, world: World) -> None:
    said = ask(browser(NINA), world.ninas_cloud, EDDIE)
    row = row_of(world.ninas_cloud, partner_id=world.north)
    assert "yes resource-manager.clouds.owner owner, through the account of North" in said[RENAME]
    assert row in said[RENAME]
    said = ask(browser(OLGA), world.ninas_cloud, VERA)
    assert said[SEE].startswith("yes billing.accounts.viewer viewer, on the account that pays")
    assert said[RENAME] == "no"


def test_the_row_on_an_account_that_is_not_the_readers_is_not_named(
    browser: Open, world: World
) -> None:
    said = ask(browser(NINA), world.ninas_cloud, VERA)
    assert said[SEE].startswith("yes a role, on the account that pays, since 2 Mar 2026")
    assert "row" not in said[SEE]


def test_what_comes_soon_is_said_with_its_time(browser: Open, world: World, clock: Clock) -> None:
    dora = browser(DORA)
    dora.get(f"/console/clouds/{world.doras_cloud}/access/add")
    dora.submit("Add", email=SAM, role=CloudRole.EDITOR)
    said = ask(dora, world.doras_cloud, SAM.upper())
    assert said[SEE].startswith("yes editor, their own")
    assert said[RENAME].startswith("in 20 s editor, their own")
    assert "effective in 20 s" in said[RENAME]
    assert said[RELINK] == "no"
    clock.forward(seconds=20)
    assert ask(dora, world.doras_cloud, SAM)[RENAME].startswith("yes editor")


def test_an_unknown_address_and_somebody_without_a_role_read_the_same(
    browser: Open, world: World
) -> None:
    dora = browser(DORA)
    pages = []
    for email in (SAM, TINA, "who@nowhere.example"):
        said = ask(dora, world.doras_cloud, email)
        assert set(said.values()) == {"no"}
        pages.append(dora.text.replace(email, "…"))
    assert len(set(pages)) == 1
    assert "No row gives this address anything here" in pages[0]


IN_A_URL = {name: bad for name, bad in BAD_ADDRESSES.items() if name != "NUL"}
"""Those that a URL may hold; one with a NUL is answered 400, whatever the page."""


@pytest.mark.parametrize(("typed", "said"), IN_A_URL.values(), ids=IN_A_URL)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_no_address_is_refused_at_its_field(
    browser: Open, world: World, typed: str, said: str
) -> None:
    dora = browser(DORA)
    before = stored_rows()
    page = f"/console/clouds/{world.doras_cloud}/access/explain"
    assert dora.get(f"{page}?email={quote(typed)[:4000]}").status_code == 422
    assert said in errors(dora)["email"]
    assert dora.get(f"{page}?email=").status_code == 422
    assert stored_rows() == before


def test_asking_changes_nothing_and_asks_nobody_else(browser: Open, world: World) -> None:
    dora = browser(DORA)
    before = stored_rows()
    ask(dora, world.doras_cloud, SAM)
    assert stored_rows() == before
    sam = browser(SAM)
    page = f"/console/clouds/{world.doras_cloud}/access/explain?email={DORA}"
    assert sam.get(page).status_code == 404


@pytest.mark.parametrize("who", [VERA, SAM])
def test_only_owners_ask(browser: Open, world: World, who: str) -> None:
    def let_in() -> None:
        role, ident = CloudRole.ADMIN, user(SAM).id
        access.assign_cloud_role(role, cloud_id=world.ninas_cloud, user_id=ident, by=COMMAND)

    db.write(let_in)
    page = f"/console/clouds/{world.ninas_cloud}/access/explain?email={NINA}"
    assert browser(who).get(page).status_code == 403
