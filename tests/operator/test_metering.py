"""Usage of connections: operators read when it came last, fetch it again, set rates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from portal import db
from portal.providers.contract import NeedsPerson
from tests.support.answers import definition_list, errors, links, notices
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.metering import (
    days_in_force,
    deliver_due,
    deliveries,
    find_ability,
    place,
    use_metered,
    used,
)
from tests.support.pretended_cloud import PretendedCloud, run_orders
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, Clock, World


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    there = use_metered(monkeypatch)
    cloud_id = create_cloud(DORA, name="shop")
    run_orders()
    there.usage_rows = [used(cloud_id)]
    return there


@pytest.fixture
def sign_in(there: PretendedCloud, browser: Callable[..., Browser]) -> Callable[[], Browser]:
    """Sign Dora in, who is an operator; a session ends when the clock goes on for long."""
    appoint_operator()
    return lambda: browser(DORA)


def page() -> str:
    return f"/operator/connections/{db.read(lambda: place().id)}"


def test_the_pages_say_when_a_connection_delivered_and_why_it_did_not(
    sign_in: Callable[[], Browser], there: PretendedCloud, clock: Clock
) -> None:
    dora = sign_in()
    dora.get(page())
    assert definition_list(dora)["Delivered last"] == "Not yet"
    clock.forward(days=1)
    deliver_due()
    dora = sign_in()
    dora.get(page())
    assert definition_list(dora)["Delivered last"] != "Not yet"
    assert (notices(dora, "warn"), "Set rates" in links(dora)) == ([], False)
    clock.forward(days=2, hours=1)
    there.fail(NeedsPerson("openstack-no-rating"))
    deliver_due()
    dora = sign_in()
    dora.get(page())
    (warning,) = notices(dora, "warn")
    assert "It has not delivered for two days." in warning
    assert "There is no CloudKitty." in warning
    dora.get("/operator/usage")
    assert "There is no CloudKitty." in definition_list(dora)["Frankfurt"]
    (delivery,) = deliveries()
    dora.get(f"/operator/usage/{delivery.id}")
    day = delivery.created_at.date() - timedelta(days=1)
    assert definition_list(dora)[f"Day {day:%-d %b %Y}"] == "1 row, €1.00"


def test_an_operator_has_days_fetched_again(
    sign_in: Callable[[], Browser], there: PretendedCloud, clock: Clock
) -> None:
    clock.forward(days=4)
    deliver_due()
    there.usage_rows = []
    dora = sign_in()
    dora.get(page())
    dora.click("Fetch usage")
    last = days_in_force().popitem()[0]
    dora.submit("Fetch", since_on=f"{last + timedelta(days=1)}")
    (sentence,) = errors(dora).values()
    assert sentence.startswith("Choose a day from ")
    dora.submit("Fetch", since_on=f"{last - timedelta(days=1)}")
    assert notices(dora, "success") == ["The usage is fetched by a worker."]
    run_orders()
    assert list(days_in_force().values()) == [1, 1, 0, 0]


def test_rates_are_set_from_a_day_on(sign_in: Callable[[], Browser]) -> None:
    find_ability("usage-sample")
    dora = sign_in()
    dora.get("/operator/usage")
    assert "It has no rates: its usage costs nothing." in definition_list(dora)["Frankfurt"]
    dora.get(page())
    dora.click("Set rates")
    dora.submit("Set rates", since_on="2026-03-01", cpu="a cent")
    assert errors(dora) == {
        "cpu": "Enter an amount below a million with at most nine decimals, such as 0.0125."
    }
    dora.submit("Set rates", since_on="2026-03-01", cpu="0,0125")
    assert notices(dora, "success") == ["The rates are set."]
    assert definition_list(dora)["Rates"].startswith(
        "€0.0125 for a vCPU and hour; €0.00 for a GiB of memory and hour; "
        "€0.00 for a GiB of disk and month; from 1 Mar 2026 on"
    )
    dora.click("Set rates")
    (field,) = dora.page.iterfind(".//input[@name='cpu']")
    assert field.get("value") == "0.0125"
