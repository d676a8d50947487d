"""The invitation page: what the customer reads, and what the two buttons do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, customers
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from tests.support.answers import (
    definition_list,
    notices,
    stored_rows,
)
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to
from tests.support.page import text_of
from tests.support.world import (  # fmt: skip
    CARL,
    DORA,
    NINA,
    OLGA,
    PASSWORD,
    SAM,
    Clock,
    World,
    actor,
    draft,
)

Open = Callable[..., Browser]

INVITED = "other@else.example"  # by Sam, and without an account


def page(ident: str) -> str:
    return f"/invite/accept/{ident}"


def status_of(customer_id: str) -> Status:
    def read() -> Status:
        found = db.session.get(Customer, customer_id)
        assert found is not None
        return found.status

    return db.read(read)


def invite(partner_id: str, by: str, email: str) -> str:
    """Another invitation; the subaccount's ID."""

    def unit() -> str:
        partner = db.lock(BillingAccount, partner_id)
        return customers.add(partner, by=actor(by), draft=draft(email)).subaccount_id

    return db.write(unit)


def test_the_link_leads_through_sign_in_to_the_invitation(browser: Open, world: World) -> None:
    client = browser()
    client.get(page(world.carls_subaccount), follow_redirects=True)
    assert "Sign in" in client.text
    assert "sign in with the address that it was sent to" in client.text
    assert "North" not in client.text
    answer = client.submit("Sign in", email=CARL, password=PASSWORD)
    assert (answer.status_code, answer.request.path) == (200, page(world.carls_subaccount))
    assert "Work with North?" in client.text


def test_the_link_leads_a_newcomer_through_sign_up_to_the_invitation(
    browser: Open, world: World
) -> None:
    (mail,) = mails_to(INVITED)
    client = browser()
    client.get(link_in(mail), follow_redirects=True)
    client.click("Sign up")
    assert "With the address that the invitation was sent to." in client.text
    client.submit("Sign up", name="Other Person", email=INVITED.upper())
    letter = mails_to("OTHER@else.example")[-1]
    client.get(link_in(letter))
    password = "a fine long password"
    answer = client.submit("Create account", password=password, password_again=password)
    assert answer.request.path == link_in(mail)
    assert "Work with South?" in client.text
    client.submit("Confirm")
    assert status_of(world.souths_customer) is Status.ACTIVE


def test_the_page_says_who_asks_what_for_and_what_happens(browser: Open, world: World) -> None:
    client = browser(CARL)
    client.get(page(world.carls_subaccount))
    assert f"Signed in as {CARL}." in client.text
    assert (
        definition_list(client).items()
        >= {
            "Subaccount": world.carls_subaccount,
            "Its cloud default": world.carls_cloud,
            "Asked on": "2 Mar 2026, 09:00:00 UTC",
        }.items()
    )
    for words in (
        "If you confirm You can use the cloud default as soon as it is ready, usually within a "
        "minute, and say who else may.",
        "From that moment North pays for what is in the subaccount and sees its usage.",
        "Its owner role lets it manage this one cloud.",
        "What does not change Your other clouds, who may enter them and who pays for them",
        "If you decline The subaccount is closed with its empty cloud.",
        "opening this page has changed nothing",
    ):
        assert words in client.text
    (main,) = client.page.iter("main")  # the theme is chosen above it
    assert {e.get("action") for e in main.iter("form")}
    assert not [e for e in main.iter("form") if "hx-post" in e.attrib]


def test_without_a_cloud_none_is_spoken_of(browser: Open, world: World) -> None:
    def unit() -> str:
        north = db.lock(BillingAccount, world.north)
        asked = draft(DORA, name="Dora & Co", with_cloud=False)
        return customers.add(north, by=actor(OLGA), draft=asked).subaccount_id

    client = browser(DORA)
    client.get(page(db.write(unit)))
    assert "Work with North?" in client.text
    assert "Its cloud" not in client.text
    assert "owner role" not in client.text
    assert client.submit("Confirm").status_code == 200


def test_opening_it_however_often_changes_nothing(browser: Open, world: World) -> None:
    client = browser(CARL)
    before = stored_rows()
    for _time in range(3):
        assert client.get(page(world.carls_subaccount)).status_code == 200
        assert client.head(page(world.carls_subaccount)).status_code == 200
    assert client.get(f"/invite/decline/{world.carls_subaccount}").status_code == 405
    assert stored_rows() == before


def test_confirming_makes_everything_usable_at_once(browser: Open, world: World) -> None:
    client, partner = browser(CARL), browser(OLGA)
    client.get("/console")
    assert "North asks to look after your cloud – confirmation required" in client.text
    assert world.carls_subaccount in client.text
    assert world.carls_cloud in client.text
    assert client.get(f"/console/clouds/{world.carls_cloud}").status_code == 404
    client.get("/console")
    client.click("Review and answer")
    answer = client.submit("Confirm")
    assert answer.request.path == "/console"
    assert notices(client, "success") == [
        "You confirmed the partnership. Its subaccount is below: begin in its cloud, or, with "
        "⋯ → Link cloud, link one that you have already."
    ]
    assert "confirmation required" not in client.text
    (card,) = client.page.iter("article")
    for words in ("North", world.carls_subaccount, "Active", "default", world.carls_cloud):
        assert words in text_of(card)
    assert client.get(f"/console/clouds/{world.carls_cloud}").status_code == 200
    assert client.submit("Create folder", name="mine").status_code == 200
    assert client.get(f"/console/billing/{world.carls_subaccount}").status_code == 200
    partner.get(f"/partner/{world.north}/customers?status=Active")
    assert "Carl & Sons" in partner.text

    def roles() -> tuple[frozenset[AccountRole], frozenset[CloudRole]]:
        carl, subaccount = actor(CARL), db.session.get(BillingAccount, world.carls_subaccount)
        assert subaccount is not None
        on_cloud = access.roles_on_cloud(carl, world.carls_cloud)
        return access.roles_on_account(carl, subaccount), on_cloud

    assert db.read(roles) == ({AccountRole.ADMIN}, {CloudRole.OWNER})


def test_confirming_again_says_it_is_confirmed(browser: Open, world: World) -> None:
    client, tab = browser(CARL), browser(CARL)
    for each in (client, tab):
        each.get(page(world.carls_subaccount))
    good = {"csrf_token": tab.form("/invite/accept")["csrf_token"]}
    client.submit("Confirm")
    before = stored_rows()
    for verb in ("accept", "decline"):
        target = f"/invite/{verb}/{world.carls_subaccount}"
        answer = tab.post(target, data=good, follow_redirects=True)
        assert answer.request.path == page(world.carls_subaccount)
        assert "You have already confirmed this" in tab.text
        assert "You have worked with North since" in tab.text
    for ident in (world.carls_subaccount, world.north):
        assert client.get(page(ident)).status_code == 200
        assert "already confirmed" in client.text
    assert stored_rows() == before


def test_declining_closes_the_subaccount_with_its_cloud(browser: Open, world: World) -> None:
    client, tab, partner = browser(CARL), browser(CARL), browser(OLGA)
    tab.get(page(world.carls_subaccount))
    client.get(page(world.carls_subaccount))
    answer = client.submit("Decline")
    assert answer.request.path == "/console"
    assert notices(client, "success") == ["You declined. Nothing changes for you."]
    assert world.carls_subaccount not in client.text
    assert status_of(world.carls_customer) is Status.INACTIVE
    cloud = db.read(lambda: db.session.get(Cloud, world.carls_cloud))
    assert cloud is not None
    assert cloud.closed_at is not None
    assert not mails_to(CARL), "its mail had not left, and does not"
    partner.get(f"/partner/{world.north}/customers?status=Inactive")
    assert "Carl & Sons" in partner.text
    good = {"csrf_token": tab.form("/invite/accept")["csrf_token"]}
    for verb in ("accept", "decline"):
        answer = tab.post(f"/invite/{verb}/{world.carls_subaccount}", data=good)
        assert answer.status_code == 404
        assert "No invitation for this account here" in tab.text
    assert status_of(world.carls_customer) is Status.INACTIVE


def test_a_partners_id_leads_to_ones_own_invitation(browser: Open, world: World) -> None:
    client = browser(CARL)
    client.get(page(world.north))
    assert "Work with North?" in client.text
    assert world.carls_subaccount in client.text
    client.submit("Confirm")
    assert status_of(world.carls_customer) is Status.ACTIVE
    assert browser(CARL).get(page(world.south)).status_code == 404


def test_of_several_invitations_of_a_partner_the_open_one_is_found(
    browser: Open, world: World
) -> None:
    client = browser(DORA)
    first = invite(world.north, OLGA, DORA)
    client.get(page(first))
    client.submit("Decline")
    second = invite(world.north, OLGA, DORA)
    third = invite(world.south, SAM, DORA)
    client.get(page(world.north))
    assert definition_list(client)["Subaccount"] == second
    client.get("/console")
    heads = [text_of(h2) for h2 in client.page.iter("h2") if "confirmation required" in text_of(h2)]
    assert [head.split()[0] for head in heads] == ["South", "North"]
    client.get(page(third))
    assert "Work with South?" in client.text


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_a_stale_token_answers_nothing_and_shows_the_page_again(
    browser: Open, world: World, verb: str
) -> None:
    client = browser(CARL)
    before = stored_rows()
    for data in ({}, {"csrf_token": "stale"}):
        answer = client.post(f"/invite/{verb}/{world.carls_subaccount}", data=data)
        assert answer.status_code == 422
        assert "press the button again" in notices(client)[0]
        assert "Work with North?" in client.text
    assert stored_rows() == before
    client.submit("Confirm")
    assert status_of(world.carls_customer) is Status.ACTIVE


def test_a_stale_token_after_confirming_asks_nothing_again(browser: Open, world: World) -> None:
    client = browser(NINA)
    answer = client.post(f"/invite/decline/{world.ninas_subaccount}", data={"csrf_token": "stale"})
    assert "Work with North?" not in client.text
    assert "already confirmed" in client.text
    assert answer.status_code == 422


def test_a_click_after_the_session_ended_confirms_nothing_by_itself(
    browser: Open, world: World, clock: Clock
) -> None:
    client = browser(CARL)
    client.get(page(world.carls_subaccount))
    clock.forward(hours=1)
    answer = client.submit("Confirm")
    assert (answer.status_code, answer.request.path) == (422, "/sign-in")
    client.submit("Sign in", email=CARL, password=PASSWORD)
    assert status_of(world.carls_customer) is Status.WAITING
    assert "Work with North?" in client.text
    client.submit("Confirm")
    assert status_of(world.carls_customer) is Status.ACTIVE
