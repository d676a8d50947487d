"""Lists of clouds follow what is carried out, and say which connections are down."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import circuit_breakers, customers, jobs
from tests.support.answers import notices
from tests.support.browser import Browser
from tests.support.clouds import create_cloud
from tests.support.pretended_cloud import PretendedCloud, cloud_now, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.world import NINA, OLGA, World

Open = Callable[..., Browser]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def there(app: Flask, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    return use_pretended(monkeypatch)


def pages(world: World) -> list[tuple[str, str]]:
    """The lists that have the clouds of Nina's subaccount: who opens each, and its path."""
    return [
        (NINA, "/console"),
        (NINA, f"/console/billing/{world.ninas_subaccount}"),
        (OLGA, f"/partner/{world.north}/customers/{world.ninas_customer}/clouds"),
    ]


def poll_url(client: Browser) -> str | None:
    """The address that the list of clouds asks by itself."""
    polls = [part.get("hx-get") for part in client.page.iter() if part.get("data-poll") is not None]
    return next((url for url in polls if url and "/now" not in url), None)


def test_lists_follow_until_the_cloud_is_there(
    there: PretendedCloud, browser: Open, world: World
) -> None:
    create_cloud(NINA, payer=world.ninas_subaccount)
    clients = [browser(email) for email, _path in pages(world)]
    urls = []
    for client, (_email, path) in zip(clients, pages(world), strict=True):
        assert "Being created" in client.get(path).text
        url = poll_url(client)
        assert url is not None
        assert client.get(url, headers=HTMX).status_code == 204
        urls.append(url)
    run_orders()
    for client, url in zip(clients, urls, strict=True):
        answer = client.get(url, headers=HTMX)
        assert (answer.status_code, "Being created" in answer.text) == (200, False), url
        assert "The state of a cloud has changed." in answer.text
        assert "poll=1" not in answer.text, "neither in links"


def test_lists_and_the_drop_down_say_that_a_connection_is_down_and_since_when(
    there: PretendedCloud, browser: Open, world: World
) -> None:
    cloud_id = create_cloud(NINA, payer=world.ninas_subaccount)
    run_orders()
    lane, calls = jobs.cloud_lane(cloud_now(cloud_id).connection_id), len(there.calls)

    def fail() -> None:
        for _call in range(circuit_breakers.OPENS_AFTER):
            circuit_breakers.record_failure(lane, "no route to host")

    def says() -> list[str]:
        clients = [(browser(email), path) for email, path in [*pages(world), drop_down]]
        answers = [(client.get(path), notices(client, "warn")) for client, path in clients]
        return [words for _answer, lines in answers for words in lines if "Frankfurt" in words]

    drop_down = (NINA, f"/console/billing/{world.ninas_subaccount}/link")
    assert says() == []
    db.write(fail)
    assert len(says()) == 4
    assert all(words.startswith("Frankfurt has not answered since") for words in says())
    assert len(there.calls) == calls, "no page asks a cloud"
    db.write(lambda: circuit_breakers.record_answer(lane))
    assert says() == []


def test_a_card_has_the_first_clouds_and_leads_to_all(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = create_cloud(NINA, "second", payer=world.ninas_subaccount)
    monkeypatch.setattr(customers.listing, "CARD_CLOUDS", 1)
    nina = browser(NINA)
    nina.get("/console")
    assert (world.ninas_cloud in nina.text, second in nina.text) == (True, False)
    nina.click("All clouds")
    assert second in nina.text
