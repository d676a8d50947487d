"""The Prices tab: rates, missing prices, margin, and what of them a customer can reach."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import db
from portal.domain.audit import INSTALLATION, AuditLine
from tests.support.answers import errors
from tests.support.browser import Browser
from tests.support.jobs import run_usage
from tests.support.money import row
from tests.support.page import text_of
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.usage_files import FOCUS
from tests.support.world import ACE, AMIR, EDDIE, NINA, OLGA, SAM, VERA, World

Open = Callable[..., Browser]
COST, RATE, PRICE = "6543.210987", "12.3456", "€7,351.009643"


def path(world: World, suffix: str = "", customer: str = "") -> str:
    query = f"?customer={customer}" if customer else ""
    return f"/partner/{world.north}/prices{suffix}{query}"


def lines() -> list[AuditLine]:
    return db.read(lambda: list(db.session.scalars(select(AuditLine))))


def main_text(client: Browser) -> str:
    return " ".join(text_of(element) for element in client.page.iter("main"))


def test_an_owner_sets_a_rate_and_reads_price_and_margin(browser: Open, world: World) -> None:
    deliver(row("200", world.ninas_cloud))
    olga = browser(OLGA)
    olga.get(path(world))
    assert "Prices are missing." in main_text(olga)
    olga.click("Set rate")
    olga.submit("Set rate", percent="12,5 %", starts_on="2026-03-01")
    assert "A rate is being applied." in main_text(olga)
    run_usage()
    olga.get(path(world))
    shown = main_text(olga)
    assert "missing." not in shown
    assert all(text in shown for text in ("March 2026", "225.00", "25.00", "+12.5 %"))


def test_a_rate_of_one_customer_is_set_from_its_page(browser: Open, world: World) -> None:
    deliver(row("200", world.ninas_cloud))
    apply_rate(world.north, "10")
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}/clouds")
    targets = [link.get("href") for link in olga.page.iter("a") if text_of(link) == "Prices"]
    assert targets == [path(world), path(world, customer=world.ninas_customer)]
    olga.get(targets[1])
    assert "no rate of its own" in main_text(olga)
    assert "All customers All services +10 %" in main_text(olga)
    olga.click("Set rate")
    olga.submit("Set rate", percent="-50", starts_on="2026-03-01")
    run_usage()
    olga.get(path(world, customer=world.ninas_customer))
    assert "−50 %" in main_text(olga)
    assert "100.00" in main_text(olga)
    assert olga.get(path(world, customer=world.souths_customer)).status_code == 404


def test_a_rate_of_a_service_that_usage_does_not_name_is_refused_or_warned_of(
    browser: Open, world: World
) -> None:
    deliver(row("200", world.ninas_cloud))
    olga = browser(OLGA)
    olga.get(path(world, "/set-rate"))
    assert "For all customers," in main_text(olga)
    terms = {"percent": "5", "starts_on": "2026-03-01"}
    assert olga.submit("Set rate", service="compute", **terms).status_code == 422
    assert errors(olga) == {"service": "Usage names this service “Compute”."}
    olga.submit("Set rate", service="Disk", **terms)
    assert "No usage of your customers names this service yet." in olga.text


NO_RATES = ("much", "%", "1_000", "1,000", "1e3", "１２", "NaN", "−100.1", "1000001", "0.00001")


def test_a_rate_that_is_none_is_refused_at_its_field(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(path(world, "/set-rate"))
    for percent in NO_RATES:
        response = olga.submit("Set rate", percent=percent)
        assert (percent, response.status_code) == (percent, 422)
        assert list(errors(olga)) == ["percent"]
        assert ("Write 1000 or 1.000." in errors(olga)["percent"]) is (percent == "1,000")
    for day in ("", "2026-02-30", "0000-01-01", "soon"):
        olga.submit("Set rate", percent="+1", starts_on=day)
        assert list(errors(olga)) == ["starts_on"]
    for service in ("x" * 301, "a\nb", "a\0", "\u202eabc"):
        olga.submit("Set rate", percent="1", starts_on="2026-03-01", service=service)
        assert list(errors(olga)) == ["service"]
    assert olga.get(path(world) + "?before=99999999999999999999").status_code == 200


def test_costs_margins_and_rates_are_for_who_may_see_cost(browser: Open, world: World) -> None:
    deliver(row("200", world.ninas_cloud))
    apply_rate(world.north, "12.5")
    for email, sees in ((AMIR, True), (ACE, True), (EDDIE, False), (VERA, False)):
        client = browser(email)
        client.get(path(world))
        shown = main_text(client)
        assert "225.00" in shown
        assert [text in shown for text in ("200.00", "Margin", "+12.5 %")] == [sees] * 3
        expected = 200 if email == AMIR else 403
        assert client.get(path(world, "/set-rate")).status_code == expected
    assert browser(SAM).get(path(world)).status_code == 404


def test_a_partner_without_rates_reads_what_that_means(browser: Open, world: World) -> None:
    sam = browser(SAM)
    sam.get(f"/partner/{world.south}/prices")
    assert "At a rate of 0 percent the price is the cost." in main_text(sam)


def test_prices_are_published_and_withdrawn(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    for customer in ("", world.ninas_customer):
        olga.get(path(world, customer=customer))
        button = "Publish prices" if not customer else "Withdraw prices"
        olga.click(button)
        olga.submit(button)
    assert "This customer sees no prices yet" in main_text(olga)
    olga.get(path(world))
    assert "Customers see the prices of their usage" in main_text(olga)
    olga.click("Withdraw prices")
    assert "Withdraw prices from all customers?" in main_text(olga)
    assert "It replaces what you chose for 1 customer." in main_text(olga)
    actions = [line.action for line in lines() if line.action.startswith("price.")]
    assert actions == ["price.publish", "price.withdraw"]


def reachable(client: Browser, *starts: str) -> dict[str, str]:
    """What following all links from these pages answers, by path."""
    found: dict[str, str] = {}
    waiting = list(starts)
    while waiting:
        url = waiting.pop()
        if url in found or not url.startswith("/") or url.startswith(("/static", "/help")):
            continue
        response = client.get(url)
        found[url] = contents(response)
        if response.mimetype == "text/html":
            hrefs = re.findall(r'href="([^"#]+)', found[url])
            waiting += [href.replace("&amp;", "&") for href in hrefs]
        elif location := response.headers.get("Location"):
            waiting.append(location)
    return found


def contents(response: TestResponse) -> str:
    """The text of an answer, of a spreadsheet that of all its parts."""
    if not response.mimetype.endswith("spreadsheetml.sheet"):
        return response.get_data(as_text=True)
    with zipfile.ZipFile(io.BytesIO(response.data)) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


def digits(text: str) -> str:
    """The text without what formats of numbers put between digits."""
    return re.sub(r"(?<=\d)[.,\s’']|&nbsp;", "", text)


def test_nothing_that_a_customer_can_reach_holds_a_cost_or_a_rate(
    browser: Open, world: World
) -> None:
    used = {"ConsumedQuantity": "2.5", "ConsumedUnit": "Hours"}
    deliver(row(COST, world.ninas_cloud, **used), columns=(*FOCUS, *used))
    apply_rate(world.north, RATE)
    olga = browser(OLGA)
    olga.get(path(world))
    secrets = [digits(each) for each in (COST, "6543.21", RATE)]
    urls = path(world), f"/partner/{world.north}/usage/export?month=2026-03"
    shown = "".join(digits(olga.get(url).get_data(as_text=True)) for url in urls)
    assert all(each in shown for each in secrets)
    olga.get(path(world))
    nina, account = browser(NINA), f"/console/billing/{world.ninas_subaccount}"
    assert "7,351" not in nina.get(account).get_data(as_text=True)
    olga.click("Publish prices")
    olga.submit("Publish prices")
    found = reachable(nina, "/", "/console", account)
    assert PRICE in found[account]
    assert any("Hours" in text for url, text in found.items() if "format=xlsx" in url)
    leaks = [url for url, text in found.items() if any(each in digits(text) for each in secrets)]
    assert leaks == []
    chains = [str(line.facts) for line in lines() if line.chain != INSTALLATION]
    assert not any(each in digits(facts) for facts in chains for each in secrets)
