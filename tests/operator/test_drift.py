"""*Drift*: an operator compares a connection, decides what differs, assigns what is not here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import connections
from portal.providers.contract import NeedsPerson
from tests.support.answers import errors, notices
from tests.support.browser import Browser
from tests.support.claims import clouds_with
from tests.support.clouds import create_cloud, own_account_id
from tests.support.pretended_cloud import cloud_now, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, World

Open = Callable[..., Browser]


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def test_an_operator_decides_and_assigns(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    shop, blog = create_cloud(DORA, name="shop"), create_cloud(DORA, name="blog")
    run_orders()
    there.clouds[f"ext-{shop}"]["name"] = "bazaar"
    there.clouds[f"ext-{blog}"]["is_suspended"] = True
    there.add("prj-1", name="Old racks")
    appoint_operator()
    dora = browser(DORA)
    dora.get("/operator/connections")
    dora.click("Frankfurt")
    dora.click("Drift")
    assert "It was not compared yet" in dora.text
    assert "differs" not in dora.page.findtext(".//main//h2", "")
    dora.submit("Reconcile")
    run_orders()
    dora.get(f"/operator/connections/{db.read(connections.default).id}/drift")
    assert "It is named bazaar there." in dora.text
    dora.click("Adopt theirs: shop")
    dora.submit("Adopt theirs")
    assert cloud_now(shop).name == "bazaar"
    dora.click("Restore ours: blog")
    dora.submit("Restore ours")
    assert notices(dora, "success") == ["It is ordered at the connection."]
    dora.click("Assign: Old racks")
    dora.submit("Assign", account_id="dn2nobody")
    assert errors(dora) == {"account_id": "There is no account with this ID."}
    dora.submit("Assign", account_id=own_account_id(DORA))
    assert [cloud.name for cloud in clouds_with("prj-1")] == ["Old racks"]
    assert "No cloud of the portal differs" in dora.text


def test_a_cloud_that_is_suspended_there_stays_so_until_an_operator_resumes_it(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    there.add("prj-1", name="Old racks")
    there.clouds["prj-1"]["is_suspended"] = True
    appoint_operator()
    dora = browser(DORA)
    path = f"/operator/connections/{db.read(connections.default).id}/drift"
    dora.get(path)
    dora.submit("Reconcile")
    run_orders()
    dora.get(path)
    dora.click("Assign: Old racks")
    assert "It is suspended there, and stays so" in dora.text
    dora.submit("Assign", account_id=own_account_id(DORA))
    run_orders()
    assert there.clouds["prj-1"]["is_suspended"]
    (cloud,) = clouds_with("prj-1")
    by_hand = "It was suspended at Frankfurt, not here."
    dora.get(f"/console/clouds/{cloud.id}")
    assert by_hand in dora.text

    dora.get(path)
    dora.click("Restore ours: Old racks")
    assert "The cloud is resumed there." in dora.text
    dora.submit("Restore ours")
    run_orders()
    assert not there.clouds["prj-1"]["is_suspended"]
    dora.get(f"/console/clouds/{cloud.id}")
    assert by_hand not in dora.text


def test_what_is_decided_by_hand_is_compared_again_by_done(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    shop = create_cloud(DORA, name="shop")
    run_orders()
    there.add("copy", name="shop", our_id=shop)
    appoint_operator()
    dora = browser(DORA)
    path = f"/operator/connections/{db.read(connections.default).id}/drift"
    dora.get(path)
    dora.submit("Reconcile")
    run_orders()
    dora.get(path)
    assert "copy is marked as this cloud, too. Delete one of the two there" in dora.text
    dora.click("Done: shop")
    dora.submit("Done")
    run_orders()
    dora.get(path)
    assert "copy is marked as this cloud, too." in dora.text
    del there.clouds["copy"]
    dora.click("Done: shop")
    dora.submit("Done")
    run_orders()
    dora.get(path)
    assert "No cloud of the portal differs" in dora.text


def test_a_comparison_that_failed_says_why(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = use_pretended(monkeypatch)
    there.fail(NeedsPerson("credentials-unreadable"))
    appoint_operator()
    dora = browser(DORA)
    connection_id = db.read(connections.default).id
    dora.get(f"/operator/connections/{connection_id}/drift")
    dora.submit("Reconcile")
    run_orders()
    dora.get(f"/operator/connections/{connection_id}/drift")
    assert "The last comparison failed." in dora.text
    assert "The credentials can’t be decrypted." in dora.text
