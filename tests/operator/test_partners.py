"""*Partners*: operators list them, give partner status and take it back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import work
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actors import COMMAND
from tests.support.answers import definition_list, errors, links, notices
from tests.support.browser import Browser
from tests.support.work import appoint_operator
from tests.support.world import DORA, OLGA, World, actor

Open = Callable[..., Browser]


@pytest.fixture
def dora(app: Flask, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    appoint_operator()
    return browser(DORA)


def names(search: str = "", after: str = "") -> list[str]:
    rows = db.read(lambda: work.partners_for(COMMAND, search=search, after=after))
    return [row.account.name for row in rows]


def test_partners_are_listed_by_name_with_their_customers_and_found_by_name_or_id(
    dora: Browser, world: World
) -> None:
    every = names()
    assert every == sorted(every)
    assert len(every) == 3
    assert names(every[0].upper()[:4]) == every[:1]
    assert names(world.north) == ["North"]
    first = db.read(lambda: work.partners_for(COMMAND)[0].account.id)
    assert names(after=first) == every[1:]
    dora.get("/operator")
    dora.click("Partners")
    assert set(every) <= set(links(dora))
    dora.click("North")
    facts = definition_list(dora)
    assert (facts["Mode"], "olga" in facts["Owners"].lower()) == ("paid", True)
    assert dora.get("/operator/partners?q=nobody").status_code == 200
    assert "No partner has this name or ID." in dora.text


def test_others_see_no_partner(app: Flask, world: World) -> None:
    olga = actor(OLGA)
    assert db.read(lambda: work.partners_for(olga)) == []
    assert db.read(lambda: work.find_partner(olga, world.north)) is None


def test_an_own_account_becomes_a_partners_and_a_direct_one_again(
    dora: Browser, world: World
) -> None:
    def kind() -> Kind:
        return db.read(lambda: db.session.get_one(BillingAccount, world.direct).kind)

    dora.get("/operator/partners")
    dora.click("Make a partner")
    dora.submit("Make a partner", email=DORA, name="Direct & Sons")
    assert notices(dora, "success") == [
        "The account has partner status. Its owner can add customers."
    ]
    assert kind() is Kind.PARTNER
    assert "Direct & Sons" in dora.text
    dora.click("Take back partner status")
    dora.submit("Take back")
    assert kind() is Kind.DIRECT
    assert notices(dora, "success") == ["The account has no partner status any more."]


@pytest.mark.parametrize(
    ("email", "said"),
    [
        (OLGA, "Only a direct account can become a partner’s."),
        ("nobody@nowhere.example", "No account here has this address."),
    ],
)
def test_who_has_no_direct_account_is_made_no_partner(
    dora: Browser, world: World, email: str, said: str
) -> None:
    dora.get("/operator/partners/make")
    answer = dora.submit("Make a partner", email=email, name="Firm")
    assert answer.status_code == 422
    assert errors(dora) == {"email": said}


def test_a_partner_with_customers_keeps_its_status(dora: Browser, world: World) -> None:
    dora.get(f"/operator/partners/{world.north}/revoke")
    assert dora.submit("Take back").status_code == 422
    assert db.session.get_one(BillingAccount, world.north).kind is Kind.PARTNER


def test_partners_and_people_are_listed_at_a_terminal(app: Flask, world: World) -> None:
    def run(*arguments: str) -> list[str]:
        return str(app.test_cli_runner().invoke(args=[*arguments]).output).splitlines()

    (north,) = (line for line in run("partner", "list") if world.north in line)
    assert north.split()[1:] == ["paid", "2", "North"]
    listed = [json.loads(line) for line in run("partner", "list", "--json")]
    assert {"id": world.north, "name": "North", "mode": "paid", "customers": 2} in listed
    assert any(OLGA in line and " active " in line for line in run("user", "list"))
    people = {row["email"]: row for row in map(json.loads, run("user", "list", "--json"))}
    assert (people[OLGA]["state"], people[OLGA]["is_operator"]) == ("active", False)
