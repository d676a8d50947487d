"""The console's *Home*: invitations, subaccounts as cards, my other clouds."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree.ElementTree import Element

import pytest

from portal import db
from portal.domain import access, accounts, clouds, customers, invitations
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.new_customer import add_customer
from tests.support.page import text_of
from tests.support.world import (
    CARL,
    DORA,
    NINA,
    OLGA,
    SAM,
    TINA,
    VERA,
    World,
    actor,
    register,
    user,
)

Open = Callable[..., Browser]


def cards(client: Browser) -> dict[str, Element]:
    """The cards on the page, by their titles."""
    return {text_of(next(card.iter("h3"))): card for card in client.page.iter("article")}


def others(client: Browser) -> list[list[str]]:
    """The rows of *My other clouds*."""
    (table,) = (t for t in client.page.iter("table") if t.get("aria-labelledby") == "mine")
    return [[text_of(cell) for cell in row] for row in table.iter("tr")][1:]


def test_a_newcomer_reads_what_a_cloud_is_and_where_invitations_appear(browser: Open) -> None:
    db.write(lambda: register("new@comer.example", "New"))
    client = browser("new@comer.example")
    client.get("/console")
    assert "No clouds yet" in client.text
    assert links(client)["Create cloud"] == "/console/clouds/create"
    assert "Their invitation appears here; it must be for new@comer.example." in client.text
    assert "Partner subaccounts" not in client.text
    assert "My other clouds" not in client.text


def test_an_invited_person_sees_the_invitation_on_top(browser: Open, world: World) -> None:
    client = browser(CARL)
    client.get("/console")
    (section,) = (e for e in client.page.iter("section") if e.get("class", "").startswith("answer"))
    assert text_of(section) == (
        "North asks to look after your cloud – confirmation required "
        f"Subaccount {world.carls_subaccount}, cloud default {world.carls_cloud}. "
        "Nothing changes until you answer. Review and answer"
    )
    assert links(client)["Review and answer"] == f"/invite/accept/{world.carls_subaccount}"
    assert not cards(client)


def test_a_customer_sees_their_subaccount_with_its_cloud(browser: Open, world: World) -> None:
    client = browser(NINA)
    client.get("/console")
    assert "confirmation required" not in client.text
    (title,) = cards(client)
    card = cards(client)[title]
    assert title == "North"
    for words in (world.ninas_subaccount, "Active", "default", world.ninas_cloud):
        assert words in text_of(card)
    hrefs = {a.get("href") for a in card.iter("a")}
    assert hrefs == {
        f"/console/clouds/{world.ninas_cloud}",
        f"/console/billing/{world.ninas_subaccount}",
        f"/console/billing/{world.ninas_subaccount}/link?next=/console",
    }
    assert "Carl" not in client.text


def test_a_partners_staff_sees_its_customers_subaccounts(browser: Open, world: World) -> None:
    client = browser(VERA)
    client.get("/console")
    assert cards(client).keys() == {"Carl & Sons", "Nina GmbH"}
    carls = text_of(cards(client)["Carl & Sons"])
    for words in ("customer of North", "SUBACCOUNT-ACCEPTANCE-REQUIRED", world.carls_cloud):
        assert words in carls
    assert "Elsewhere" not in client.text


def test_a_closed_subaccount_is_no_card(browser: Open, world: World) -> None:
    db.write(lambda: customers.decline(invitations.open_for(actor(CARL))[0], by=actor(CARL)))
    client = browser(OLGA)
    client.get("/console")
    assert cards(client).keys() == {"Nina GmbH"}


def test_my_other_clouds_say_that_i_pay_for_them(browser: Open, world: World) -> None:
    client = browser(DORA)
    client.get("/console")
    assert others(client) == [["dora-cloud", world.doras_cloud, "Active", f"you {world.direct}"]]
    assert "Paid by you, not linked to a partner." in client.text
    assert "If you don’t link a cloud, you pay for it separately in Test Cloud." in client.text


def test_another_payer_is_another_account(browser: Open, world: World) -> None:
    def let_sam_in() -> None:
        role, sam = CloudRole.VIEWER, user(SAM).id
        access.assign_cloud_role(role, cloud_id=world.doras_cloud, user_id=sam, by=COMMAND)

    db.write(let_sam_in)
    client = browser(SAM)
    client.get("/console")
    assert others(client) == [["dora-cloud", world.doras_cloud, "Active", "another account"]]
    assert "Paid by you" not in client.text
    client.click("dora-cloud")
    assert "another account" in client.text
    for page in ("/console", f"/console/clouds/{world.doras_cloud}"):
        answer = client.get(page)
        assert world.direct not in answer.text
        assert "Dora" not in answer.text


def test_of_clouds_with_several_payers_only_the_own_are_said_to_be_paid_by_the_person(
    browser: Open, world: World
) -> None:
    role, dora = CloudRole.VIEWER, user(DORA).id
    db.write(
        lambda: access.assign_cloud_role(role, cloud_id=world.ninas_cloud, user_id=dora, by=COMMAND)
    )
    client = browser(DORA)
    client.get("/console")
    assert "Paid by you, not linked to a partner." not in client.text
    assert "What you pay yourself is not linked to a partner." in client.text


def test_a_cloud_of_the_partners_own_is_not_called_the_persons(browser: Open, world: World) -> None:
    def create() -> None:
        north = db.lock(BillingAccount, world.north)
        clouds.create(north, by=actor(OLGA), name="norths-own")

    db.write(create)
    client = browser(OLGA)
    client.get("/console")
    assert [row[0] for row in others(client)] == ["norths-own"]
    assert "Paid by you, not linked to a partner." not in client.text


def fill(world: World, count: int) -> None:
    for number in range(count):
        add_customer(world, f"n{number}@client.example", name=f"Number {number:02}")


def test_subaccounts_are_searched_and_paged(browser: Open, world: World) -> None:
    fill(world, accounts.PAGE + 1)
    client = browser(OLGA)
    client.get("/console")
    newest = [f"Number {n:02}" for n in range(accounts.PAGE, 0, -1)]
    assert list(cards(client)) == newest
    client.click("Next subaccounts")
    assert next(iter(cards(client))) == "Number 00"
    assert set(cards(client)) == {"Number 00", "Carl & Sons", "Nina GmbH"}
    assert "Next subaccounts" not in links(client)
    client.click("First page")
    assert list(cards(client)) == newest
    client.submit("Search", q="NUMBER 03")
    assert list(cards(client)) == ["Number 03"]
    client.submit("Search", q=f" {world.ninas_subaccount.upper()} ")
    assert list(cards(client)) == ["Nina GmbH"]
    client.submit("Search", q="number")
    assert list(cards(client)) == newest
    client.click("Next subaccounts")
    assert list(cards(client)) == ["Number 00"]
    client.submit("Search", q="Elsewhere")
    assert "No subaccount matches" in client.text
    client.click("Show all subaccounts")
    assert list(cards(client)) == newest


def test_the_lists_come_alone_and_each_keeps_the_place_of_the_other(
    browser: Open, world: World
) -> None:
    fill(world, accounts.PAGE + 1)
    client = browser(OLGA)
    client.get("/console")
    alone = client.get("/console?q=number&clouds_after=none", headers={"HX-Request": "true"})
    assert alone.text.lstrip().startswith('<div id="list" ')
    assert 'name="q"' not in alone.text, "nobody's typing is disturbed"
    (follow,) = (a for a in client.page.iter("a") if a.get("rel") == "next")
    assert follow.get("hx-get") == follow.get("href")
    asked = parse_qs(urlsplit(follow.attrib["href"]).query)
    assert asked.keys() == {"q", "after", "clouds_after"}


def test_other_clouds_are_paged(browser: Open, world: World) -> None:
    for number in range(clouds.PAGE):

        def create(number: int = number) -> None:
            direct = db.lock(BillingAccount, world.direct)
            clouds.create(direct, by=actor(DORA), name=f"cloud-{number:02}")

        db.write(create)
    client = browser(DORA)
    client.get("/console")
    assert [row[0] for row in others(client)] == [f"cloud-{n:02}" for n in range(49, -1, -1)]
    client.click("Next clouds")
    assert [row[0] for row in others(client)] == ["dora-cloud"]
    client.click("First page")
    assert others(client)[0][0] == "cloud-49"


@pytest.mark.parametrize("path", ["/console", "/console/billing"])
@pytest.mark.parametrize(
    "query", ["q=\x07", "q=%", "after=none", "after='", "clouds_after=x", "q="]
)
def test_odd_queries_are_no_error(browser: Open, path: str, query: str) -> None:
    name, _, value = query.partition("=")
    assert browser(DORA).get(f"{path}?{name}={quote(value)}").status_code == 200


def test_accounts_are_listed_searched_and_paged(browser: Open, world: World) -> None:
    fill(world, accounts.PAGE)
    client = browser(OLGA)
    client.get("/console/billing")

    def names() -> list[str]:
        return [text_of(e) for e in client.page.iter("th") if e.get("scope") == "row"]

    first = ["North", *(f"Number {n:02}" for n in range(accounts.PAGE - 1, 0, -1))]
    assert names() == first
    client.click("Next accounts")
    assert names()[0] == "Number 00"
    assert set(names()[1:]) == {"Carl & Sons", "Nina GmbH"}
    client.submit("Search", q="north")
    assert names() == ["North"]
    row = [text_of(cell) for cell in list(client.page.iter("tr"))[1]]
    assert row == ["North", world.north, "partner", "ACTIVE", "paid"]
    client.submit("Search", q=world.carls_subaccount)
    assert names() == ["Carl & Sons"]
    client.submit("Search", q="South")
    assert "No billing account matches" in client.text
    client.click("Show all accounts")
    assert names() == first


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        (DORA, {"Dora Direct"}),
        (CARL, {"Carl Customer"}),
        (NINA, {"Nina Customer", "Nina GmbH"}),
        (VERA, {"Vera Viewer", "North", "Carl & Sons", "Nina GmbH"}),
        (TINA, {"Trial Partner"}),
    ],
)
def test_each_sees_their_own_accounts(browser: Open, who: str, wanted: set[str]) -> None:
    client = browser(who)
    client.get("/console/billing")
    assert {text_of(e) for e in client.page.iter("th") if e.get("scope") == "row"} == wanted
    assert AccountRole.VIEWER not in client.text
