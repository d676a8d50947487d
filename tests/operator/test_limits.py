"""*Clouds* of a connection: operators find one and limit it; everybody who sees it reads that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import connections
from portal.domain.connections import BUILTIN_ID
from tests.support.answers import errors, links, notices
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.pretended_cloud import cloud_now
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, World

Open = Callable[..., Browser]


@pytest.fixture
def by_hand(app: Flask, world: World) -> str:
    """The default connection, whose clouds an operator creates; its ID. Dora is an operator."""
    clear_mails()
    by = appoint_operator()

    def unit() -> str:
        connection = connections.add("manual", name="Racks", values={}, by=by)
        connections.make_default(connection, by=by)
        return connection.id

    return db.write(unit)


def test_an_operator_limits_a_cloud_and_new_ones(browser: Open, by_hand: str) -> None:
    shop = create_cloud(DORA, name="shop")
    dora = browser(DORA)
    dora.get(f"/operator/connections/{by_hand}")
    dora.click("1")
    dora.get(f"/operator/connections/{by_hand}/clouds?q=sho")
    dora.click("Change limits: shop")
    dora.submit("Save", cpu="many", memory="8")
    assert errors(dora) == {"cpu": "Enter a whole number from 1 to 1,000,000."}
    dora.submit("Save", cpu="1", memory="8")
    assert notices(dora, "success") == ["The limits are changed."]
    assert "1 CPU, 8 GiB of memory" in dora.text
    dora.get(f"/console/clouds/{shop}")
    assert "Limits: 1 CPU, 8 GiB of memory" in dora.text
    dora.get("/operator/to-carry-out")
    assert "Set its limits: 1 CPU, 8 GiB of memory." in dora.text
    dora.get(f"/operator/connections/{by_hand}/limits")
    dora.submit("Save", instances="3")
    assert "3 instances" in dora.text
    assert cloud_now(create_cloud(DORA, name="blog")).limits == {"instances": 3}
    dora.get(f"/operator/connections/{by_hand}/clouds?q=nothing")
    assert "No cloud of this connection has this name or ID." in dora.text


def test_what_is_built_in_has_no_limits(browser: Open, app: Flask, world: World) -> None:
    clear_mails()
    appoint_operator()
    shop = create_cloud(DORA, name="shop")
    dora = browser(DORA)
    dora.get(f"/operator/connections/{BUILTIN_ID}/clouds")
    assert "Change limits" not in " ".join(links(dora))
    for path in (f"clouds/{shop}", f"connections/{BUILTIN_ID}"):
        dora.get(f"/operator/{path}/limits")
        dora.submit("Save", cpu="1")
        assert "Clouds of this connection can’t be limited here." in dora.text


def test_the_command_shows_and_changes_limits(app: Flask, by_hand: str) -> None:
    shop, runner = create_cloud(DORA, name="shop"), app.test_cli_runner()

    def run(*arguments: str) -> str:
        return str(runner.invoke(args=["cloud", "limits", *arguments]).output)

    assert run(shop) == "no limits\n"
    assert run(shop, "--cpu", "4", "--disk", "20") == "4 CPUs, 20 GiB of disk\n"
    assert run(shop, "--cpu", "none") == "20 GiB of disk\n"
    assert "Or: none." in run(shop, "--cpu", "0")
    assert "There is no cloud b1g." in run("b1g")
