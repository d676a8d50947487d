"""The invitation page for others than the customer: strangers, the partner’s staff."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Status
from tests.support.answers import (
    csrf_token,
    links,
    normalized_html,
    stored_rows,
)
from tests.support.browser import Browser
from tests.support.page import text_of
from tests.support.world import (  # fmt: skip
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    PASSWORD,
    SAM,
    VERA,
    World,
    user,
)
from tests.test_invites import invite, page, status_of

Open = Callable[..., Browser]


MALFORMED = ("none", "dn2", "DN2" + "0" * 17, "%25", "x" * 2000, "dn2%0D%0A", "%E2%80%AE", "'")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_whatever_is_not_for_this_account_is_one_and_the_same_page(
    browser: Open, world: World, method: str
) -> None:
    closed = invite(world.north, OLGA, DORA)
    dora = browser(DORA)
    dora.get(page(closed))
    dora.submit("Decline")
    data = {"csrf_token": csrf_token(dora)} if method == "POST" else None
    before = stored_rows()
    paths = ["accept"] if method != "POST" else ["accept", "decline"]
    idents = [
        world.carls_subaccount,
        world.ninas_subaccount,
        world.direct,
        world.north,
        world.south,
        closed,
        world.carls_cloud,
        "dn2" + "0" * 17,
        *MALFORMED,
    ]
    answers = {
        f"{verb} {ident}": dora.open(f"/invite/{verb}/{ident}", method=method, data=data)
        for verb in paths
        for ident in idents
    }
    assert {answer.status_code for answer in answers.values()} == {404}
    pages = {normalized_html(answer) for answer in answers.values()}
    assert len(pages) == 1
    if method != "HEAD":
        assert "No invitation for this account here" in dora.text
        assert f"Signed in as {DORA}." in dora.text
        everything = "".join(answer.text for answer in answers.values())
        assert not [word for word in (CARL, NINA, "North", "Carl", "Nina") if word in everything]
    assert stored_rows() == before


def test_the_customer_of_another_reads_the_same_page(browser: Open, world: World) -> None:
    """Carl and Nina are both North's, and Sam's account is a partner's, too."""
    made_up = page("dn2" + "0" * 17)
    for who in (CARL, NINA, SAM):
        client = browser(who)
        foreign = world.ninas_subaccount if who != NINA else world.carls_subaccount
        answer = client.get(page(foreign))
        assert answer.status_code == 404
        assert normalized_html(answer) == normalized_html(client.get(made_up))


def test_from_the_wrong_account_one_signs_in_as_the_right_one_and_is_back(
    browser: Open, world: World
) -> None:
    client = browser(DORA)
    client.get(page(world.carls_subaccount))
    client.get(links(client)["Sign in as someone else"])
    answer = client.submit("Sign in", email=CARL, password=PASSWORD)
    assert answer.request.path == page(world.carls_subaccount)
    assert "Work with North?" in client.text


def test_after_pressing_a_button_as_the_wrong_one_the_way_back_is_the_page(
    browser: Open, world: World
) -> None:
    client = browser(CARL)
    client.get(page(world.carls_subaccount))
    form = client.form("/invite")
    client.get("/sign-in?switch=1")
    client.submit("Sign in", email=DORA, password=PASSWORD)
    came_from = {"Referer": f"http://localhost{page(world.carls_subaccount)}"}
    form["csrf_token"] = csrf_token(client)
    target = f"/invite/decline/{world.carls_subaccount}"
    assert client.post(target, data=form, headers=came_from).status_code == 404
    client.get(links(client)["Sign in as someone else"])
    client.submit("Sign in", email=CARL, password=PASSWORD)
    assert "Work with North?" in client.text


@pytest.mark.parametrize("who", [OLGA, AMIR, EDDIE, ACE, VERA])
def test_the_partners_staff_reads_that_only_the_customer_can_confirm(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    data = {"csrf_token": csrf_token(client)}
    before = stored_rows()
    for answer in (
        client.get(page(world.carls_subaccount)),
        client.get(page(world.north)),
        client.post(page(world.carls_subaccount), data=data),
        client.post(f"/invite/decline/{world.carls_subaccount}", data=data),
    ):
        assert answer.status_code == 403
        assert "This is your customer’s invitation" in client.text
        assert "Only they can confirm it" in client.text
        assert CARL not in answer.text
        assert "Confirm" not in {text_of(button) for button in client.page.iter("button")}
    assert stored_rows() == before
    assert client.get(page(world.souths_customer)).status_code == 404


def test_who_became_staff_after_being_invited_cannot_confirm(browser: Open, world: World) -> None:
    def hire() -> None:
        north = db.lock(BillingAccount, world.north)
        access.assign_account_role(AccountRole.VIEWER, to=user(CARL).id, account=north, by=COMMAND)

    client = browser(CARL)
    client.get(page(world.carls_subaccount))
    db.write(hire)
    answer = client.submit("Confirm")
    assert answer.status_code == 403
    assert "This is your customer’s invitation" in client.text
    assert status_of(world.carls_customer) is Status.WAITING
