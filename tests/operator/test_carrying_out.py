"""*To carry out*: what is agreed becomes so by hand; the cloud's page has both moments."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import clouds
from portal.domain.accounts import BillingAccount
from tests.support.answers import errors, notices
from tests.support.browser import Browser
from tests.support.connections import use_manual
from tests.support.relay import clear_mails
from tests.support.world import DORA, NINA, OLGA, World, actor

Open = Callable[..., Browser]
LIST = "/operator/to-carry-out"


@pytest.fixture
def cloud(app: Flask, world: World) -> str:
    """The ID of a cloud that Nina has created on a manual connection."""
    clear_mails()
    use_manual()

    def unit() -> str:
        payer = db.session.get_one(BillingAccount, world.ninas_subaccount)
        return clouds.create(payer, by=actor(NINA), name="shop").id

    return db.write(unit)


def test_a_cloud_is_being_created_until_an_operator_has_done_it(
    cloud: str, browser: Open, world: World
) -> None:
    nina, dora, olga = browser(NINA), browser(DORA), browser(OLGA)
    nina.get(f"/console/clouds/{cloud}")
    assert "It does not exist there yet." in nina.text
    assert "An operator does it." in nina.text
    lists = ((nina, "/console"), (nina, f"/console/billing/{world.ninas_subaccount}"))
    partners = f"/partner/{world.north}/customers/{world.ninas_customer}/clouds"
    for client, path in (*lists, (olga, partners)):
        client.get(path)
        assert client.text.count("Being created") == 1, path
    dora.get(LIST)
    assert "Create a cloud with this name, and note its ID." in dora.text
    dora.click("Done: shop")
    dora.submit("Done")
    assert errors(dora) == {"external_id": "Enter the ID that the new cloud has there."}
    dora.submit("Done", external_id="ext-1")
    assert notices(dora, "success") == ["It is recorded as done."]
    assert "Nothing to carry out" in dora.text
    nina.get(f"/console/clouds/{cloud}")
    assert "Up to date since" in nina.text
    assert "Being created" not in nina.text
    assert dora.get(f"{LIST}/{cloud}/done").status_code == 404


def test_what_can_not_be_done_says_why_on_the_clouds_page(cloud: str, browser: Open) -> None:
    nina, dora = browser(NINA), browser(DORA)
    dora.get(LIST)
    dora.click("Can’t be done: shop")
    dora.submit("Can’t be done")
    assert errors(dora) == {"reason": "Fill this in; it is required."}
    dora.submit("Can’t be done", reason="no room left")
    assert "Can’t be done" in dora.text
    nina.get(f"/console/clouds/{cloud}")
    assert "It can’t be done: no room left. The operator knows." in nina.text


def test_a_suspension_that_is_not_carried_out_is_a_warning(
    cloud: str, browser: Open, world: World
) -> None:
    nina, dora, olga = browser(NINA), browser(DORA), browser(OLGA)
    dora.get(f"{LIST}/{cloud}/done")
    dora.submit("Done", external_id="ext-1")
    customer = f"/partner/{world.north}/customers/{world.ninas_customer}"
    olga.get(f"{customer}/suspend")
    olga.submit("Suspend")
    nina.get(f"/console/clouds/{cloud}")
    assert [words for words in notices(nina, "warn") if "It still works." in words]
    dora.get(LIST)
    assert "Refuse sign-ins to the cloud" in dora.text
    dora.click("Done: shop")
    dora.submit("Done")
    nina.get(f"/console/clouds/{cloud}")
    assert not notices(nina, "warn")


def test_what_changed_meanwhile_is_shown_and_not_recorded(cloud: str, browser: Open) -> None:
    dora, nina = browser(DORA), browser(NINA)
    dora.get(f"{LIST}/{cloud}/done")
    nina.get(f"/console/clouds/{cloud}/rename")
    nina.submit("Rename", name="shop-2")
    assert dora.submit("Done", external_id="ext-1").status_code == 422
    assert "shop-2" in dora.text


def test_nobody_else_carries_out(cloud: str, browser: Open) -> None:
    nina = browser(NINA)
    for path in ("", f"/{cloud}/done", f"/{cloud}/fault"):
        assert nina.get(LIST + path).status_code == 404
