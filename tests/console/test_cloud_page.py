"""A cloud's page follows what is carried out; what suspending, revoking and closing say of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from portal import db
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from tests.support.answers import notices
from tests.support.browser import Browser
from tests.support.clouds import create_cloud, refusal_code
from tests.support.memberships import add_memberships, pretend_connection, put_on
from tests.support.pretended_cloud import PretendedCloud, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.world import DORA, NINA, OLGA, World, user

Open = Callable[..., Browser]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def there(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


@pytest.fixture
def shop(app: Flask, world: World) -> str:
    """The path of Nina's cloud, which is at a connection with a console."""

    def unit() -> None:
        connection = db.session.get_one(Connection, pretend_connection())
        connection.settings = {"console_url": "https://console.example/projects/{id}"}
        put_on(connection.id, world.ninas_cloud, external_id="a/b")
        cloud = db.session.get_one(Cloud, world.ninas_cloud)
        cloud.carried_out_name = cloud.name

    db.write(unit)
    return f"/console/clouds/{world.ninas_cloud}"


def poll_url(client: Browser) -> str | None:
    """The address that the page asks by itself."""
    polls = [part for part in client.page.iter("div") if part.get("id") == "cloud"]
    return polls[0].get("hx-get")


def test_the_page_follows_until_the_cloud_is_there(there: PretendedCloud, browser: Open) -> None:
    client = browser(DORA)
    client.get(f"/console/clouds/{create_cloud(DORA)}")
    url = poll_url(client)
    assert url is not None
    assert client.get(url, headers=HTMX).status_code == 204
    run_orders()
    answer = client.get(url, headers=HTMX)
    assert answer.status_code == 200
    assert "Active" in answer.text
    assert 'hx-trigger="every' not in answer.text


def test_a_created_cloud_is_said_to_be_created_only_when_it_is(
    there: PretendedCloud, browser: Open
) -> None:
    client = browser(DORA)
    client.get("/console/clouds/create")
    client.submit("Create", name="shop")
    assert notices(client, "success") == ["The creation of the cloud shop is requested."]


def test_the_page_leads_to_the_clouds_own_console(shop: str, browser: Open, world: World) -> None:
    nina, olga = browser(NINA), browser(OLGA)
    nina.get(shop)
    assert '"https://console.example/projects/a%2Fb"' in nina.get(shop).text
    assert "Folders" not in nina.text
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}/suspend")
    olga.submit("Suspend")
    assert "Open console" not in nina.get(shop).text


def test_suspending_says_what_stops_by_the_connection(
    shop: str, browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}/suspend")
    assert "1 cloud on Paris: sign-ins are refused." in olga.text
    assert "Who is signed in has access for 5 more minutes at most." in olga.text


def test_revoking_and_explaining_say_what_is_in_the_cloud(
    shop: str, browser: Open, world: World
) -> None:
    nina, revoke = browser(NINA), f"{shop}/access/{user(NINA).id}/revoke"
    nina.get(revoke)
    assert "No access was taken in the cloud" in nina.text
    nina.get(f"{shop}/access/explain?email={NINA}")
    assert "no access taken yet" in nina.text
    db.write(lambda: add_memberships(NINA, world.ninas_cloud))
    nina.get(revoke)
    assert "Open sign-ins end within 5 minutes after that." in nina.text
    nina.get(f"{shop}/access/explain?email={NINA}")
    assert "Up to date" in nina.text


def test_a_cloud_that_is_to_be_closed_can_not_be_linked(app: Flask, world: World) -> None:
    cloud_id = create_cloud(NINA)
    assert refusal_code(cloud_id, world.ninas_subaccount, by=NINA) is None

    def unit() -> None:
        db.lock(Cloud, cloud_id).closes_at = db.now() + timedelta(days=7)

    db.write(unit)
    assert refusal_code(cloud_id, world.ninas_subaccount, by=NINA) == "cloud-closing"
