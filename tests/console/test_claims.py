"""*Register an existing cloud*: a person registers, reads that it is not verified, withdraws."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal.domain.claims import ClaimState
from tests.support.answers import errors, links, notices
from tests.support.browser import Browser
from tests.support.claims import claim_now, clouds_with, register
from tests.support.connections import use_manual
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, NINA, World

Open = Callable[..., Browser]


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def test_a_person_registers_an_existing_cloud_and_an_operator_verifies_it(
    browser: Open, world: World
) -> None:
    connection_id = use_manual("Own racks")
    nina = browser(NINA)
    nina.get("/console/clouds/create")
    nina.click("Does it exist already? Register it.")
    nina.submit("Register", connection_id=connection_id, external_id="", name="shop")
    assert errors(nina) == {"external_id": "Fill this in; it is required."}
    nina.submit("Register", external_id="rack 7")
    assert notices(nina, "success") == ["The cloud is registered."]
    nina.submit("Check again")
    assert "It was checked less than a minute ago." in nina.text
    nina.get("/console")
    assert "Not verified" in nina.text
    nina.get(f"/console/billing/{world.ninas_subaccount}/link")
    assert "Not verified yet: it is not known whether this cloud is yours." in nina.text

    appoint_operator()
    dora = browser(DORA)
    dora.get("/operator/connections")
    dora.click("Registered clouds")
    assert "The connection does not know this person." in dora.text
    dora.click("Verify: shop")
    dora.submit("Verify")
    assert notices(dora, "success") == ["It is a cloud here now."]
    assert [cloud.name for cloud in clouds_with("rack 7")] == ["shop"]
    nina.get("/console")
    assert "Not verified" not in nina.text
    assert "shop" in links(nina)


def test_a_registration_is_withdrawn_or_refused_with_a_reason(browser: Open, world: World) -> None:
    connection_id = use_manual("Own racks")
    first, second = (
        register(connection_id, name, by=NINA, account_id=world.ninas_subaccount)
        for name in ("rack 7", "rack 8")
    )
    nina = browser(NINA)
    nina.get(f"/console/claims/{first}")
    nina.submit("Withdraw")
    assert claim_now(first).state is ClaimState.WITHDRAWN
    appoint_operator()
    dora = browser(DORA)
    dora.get(f"/operator/claims/{second}/refuse")
    dora.submit("Refuse", reason="Rack 8 is empty.")
    nina.get(f"/console/claims/{second}")
    assert "Rack 8 is empty." in nina.text


def test_without_a_connection_nothing_can_be_registered(browser: Open) -> None:
    nina = browser(NINA)
    nina.get("/console/claims/register")
    assert "There is no connection whose clouds could be registered" in nina.text
