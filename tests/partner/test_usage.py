"""Partner → *Usage*: the cost of a month by customer, cloud and service; the files of it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from portal.domain.access import AccountRole
from tests.domain.test_charges import move
from tests.support.browser import Browser
from tests.support.clouds import assign_account_role
from tests.support.money import problems, row
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.usage_files import FOCUS, check_focus
from tests.support.world import ACE, CARL, DORA, EDDIE, NINA, OLGA, SAM, VERA, Clock, World

Open = Callable[..., Browser]
HOURS = {"ConsumedQuantity": "2.5", "ConsumedUnit": "Hours"}
COLUMNS = (*FOCUS, *HOURS)
APRIL = {"BillingPeriodStart": "2026-04-01", "BillingPeriodEnd": "2026-05-01"}


def april(cost: str, cloud_id: str, day: int, **more: str) -> dict[str, str]:
    times = {
        "ChargePeriodStart": f"2026-04-{day:02}T10:00:00Z",
        "ChargePeriodEnd": f"2026-04-{day:02}T11:00:00Z",
    }
    return row(cost, cloud_id) | APRIL | times | more


@pytest.fixture(autouse=True)
def usage(app: Flask, world: World, clock: Clock) -> Iterator[None]:
    """North's customer Nina cost 10 in March and 6 in the first five days of April."""
    clock.now = clock.now.replace(month=4, day=11, hour=12)
    deliver(
        row("10", world.ninas_cloud, **HOURS),
        april("4", world.ninas_cloud, 2, **HOURS),
        april("2.000000000000001", world.ninas_cloud, 5, ServiceName="=Storage"),
        columns=COLUMNS,
    )
    yield
    assert problems() == []


def table(text: str) -> list[list[str]]:
    """The rows of a CSV file."""
    return list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))


def test_the_page_shows_cost_forecast_and_change(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/usage")
    for shown in (
        "Cost of April 2026 so far, 5 of 30 days",
        "€6.00",
        "€36.00",  # 6 ÷ 5 days × 30 days
        "+260 %",
        "+€26.00",
        "Nina",
    ):
        assert shown in olga.text
    olga.get(f"/partner/{world.north}/usage?by=cloud")
    assert "default (Nina GmbH) before: €10.00" in olga.text
    olga.get(f"/partner/{world.north}/usage?by=service&month=2026-03")
    assert "Cost of March 2026" in olga.text
    assert "Forecast" not in olga.text


def test_an_accountant_reads_cost_and_opens_a_customers(browser: Open, world: World) -> None:
    ace = browser(ACE)
    ace.get(f"/partner/{world.north}/usage")
    assert "€36.00" in ace.text
    ace.click("Nina GmbH")
    assert "What this customer’s clouds cost you." in ace.text


@pytest.mark.parametrize("who", [EDDIE, VERA])
def test_who_may_not_see_cost_reads_quantities(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    client.get(f"/partner/{world.north}/usage")
    assert "Hours" in client.text
    assert "€" not in client.text
    answer = client.get(f"/partner/{world.north}/usage/export?format=focus")
    assert answer.status_code == 404


def test_nobody_else_sees_it(browser: Open, world: World) -> None:
    client = browser(SAM)
    assert client.get(f"/partner/{world.north}/usage").status_code == 404


def test_a_month_without_a_day_of_usage_is_compared_with_nothing(
    browser: Open, world: World, clock: Clock
) -> None:
    clock.now = clock.now.replace(month=5, day=1)
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/usage")
    assert "Cost of May 2026 so far, 0 of 31 days" in olga.text
    assert "€6.00" in olga.text
    assert "−100 %" not in olga.text
    olga.get(f"/partner/{world.north}/usage?month=2026-04&by=service")
    assert "−60 %" in olga.text  # Compute: 10, then 4


SUBACCOUNT = "/console/billing/{ninas_subaccount}/usage"
CUSTOMER = "/partner/{north}/customers/{ninas_customer}/usage"


@pytest.mark.parametrize(("who", "path"), [(EDDIE, CUSTOMER), (NINA, SUBACCOUNT)])
def test_a_customers_usage_has_quantities_and_no_amounts(
    browser: Open, world: World, who: str, path: str
) -> None:
    client = browser(who)
    where = path.format(**vars(world))
    client.get(f"{where}?by=service")
    assert "2.5" in client.text
    for cost in ("€", "6.00", "4.00", "2.0000"):
        assert cost not in client.text
    assert table(client.get(f"{where}/export?month=2026-04").text) == [
        ["Service", "Unit", "2026-03", "2026-04"],
        ["Compute", "Hours", "2.50", "2.50"],
    ]
    assert client.get(f"{where}/export?format=focus").status_code == 404


def test_a_customer_reads_published_prices_beside_quantities(browser: Open, world: World) -> None:
    apply_rate(world.north, "50", service="Compute")
    nina, eddie = browser(NINA), browser(EDDIE)
    where = SUBACCOUNT.format(**vars(world))
    nina.get(where)
    assert "€" not in nina.text
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/prices")
    olga.click("Publish prices")
    olga.submit("Publish prices")
    nina.get(where)
    assert (
        "Compute Hours before: 2.5 2.5 Price March 2026: €15.00 Price April 2026: €6.00"
        in nina.text
    )
    assert "Sum March 2026: €15.00 April 2026: not complete yet" in nina.text
    apply_rate(world.north, "50", service="=Storage")
    nina.get(where)
    assert "=Storage before: 0 0 Price March 2026: €0.00 Price April 2026: €3.00" in nina.text
    assert "Sum March 2026: €15.00 April 2026: €9.00" in nina.text
    assert table(nina.get(f"{where}/export?month=2026-04").text) == [
        ["Service", "Unit", "2026-03", "2026-04", "Price 2026-03 (EUR)", "Price 2026-04 (EUR)"],
        ["'=Storage", "", "0.00", "0.00", "0.00", "3.00"],
        ["Compute", "Hours", "2.50", "2.50", "15.00", "6.00"],
    ]
    eddie.get(CUSTOMER.format(**vars(world)))
    assert "€" not in eddie.text


@pytest.mark.parametrize("path", [CUSTOMER, SUBACCOUNT])
def test_the_partner_sees_what_a_customer_costs(browser: Open, world: World, path: str) -> None:
    olga = browser(OLGA)
    where = path.format(**vars(world))
    olga.get(f"{where}?by=customer")  # which a customer does not have
    assert "By cloud" in olga.text
    assert "default before: €10.00" in olga.text
    rows = list(csv.DictReader(io.StringIO(olga.get(f"{where}/export?format=focus").text[1:])))
    assert {row["BillingAccountId"] for row in rows} == {world.north}
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("6.000000000000001")


def test_who_owns_an_account_sees_what_it_costs(browser: Open, world: World) -> None:
    deliver(april("1.5", world.doras_cloud, 3), source="Other")
    dora = browser(DORA)
    dora.get(f"/console/billing/{world.direct}/usage?by=service")
    assert "What the clouds of this account cost." in dora.text
    assert "€1.50" in dora.text


def test_the_account_shows_who_paid_for_its_clouds(browser: Open, world: World) -> None:
    olga, nina = browser(OLGA), browser(NINA)
    path = f"/console/billing/{world.ninas_subaccount}"
    olga.get(path)
    assert "now €16.00" in olga.text
    value = "default: North, in subaccount Nina GmbH, 2 Mar 2026 – now"
    labels = [each.get("aria-label") for each in olga.page.iter()]
    assert labels.count(f"{value}, €16.00") == 3  # for each width
    payers_file = olga.get(f"{path}/usage/payers").text
    assert "16.000000000000001" in payers_file
    assert '"North, in subaccount Nina GmbH"' in payers_file
    olga.get(f"/console/clouds/{world.ninas_cloud}")
    assert "Who pays North, in subaccount Nina GmbH" in olga.text
    nina.get(path)
    assert "Who paid for each cloud" in nina.text
    assert [each.get("aria-label") for each in nina.page.iter()].count(value) == 3
    for text in (nina.text, nina.get(f"{path}/usage/payers").text):
        assert world.ninas_cloud in text or "default" in text
        assert "16.0" not in text


def test_who_paid_for_a_cloud_after_it_left_is_shown_to_who_sees_the_cloud(
    browser: Open, world: World
) -> None:
    assign_account_role(CARL, AccountRole.VIEWER, world.direct)
    move(world.doras_cloud, world.north)
    path = f"/console/billing/{world.direct}"
    carl, dora = browser(CARL), browser(DORA)
    assert [row[3] for row in table(carl.get(f"{path}/usage/payers").text)[1:]] == [world.direct]
    assert "now" not in carl.get(path).text.partition("Who paid for each cloud")[2]
    assert "Cost" not in carl.text
    rows = table(dora.get(f"{path}/usage/payers").text)[1:]
    assert [(row[2], row[3]) for row in rows] == [
        ("another account", ""),
        ("Dora Direct", world.direct),
    ]


def test_files_hold_what_is_shown_to_the_last_digit(
    browser: Open, world: World, clock: Clock
) -> None:
    credit = april("-0.5", world.ninas_cloud, 6, ServiceName="Credits", ChargeCategory="Credit")
    deliver(credit, source="Other")
    olga = browser(OLGA)
    path = f"/partner/{world.north}/usage/export?month=2026-04&by=service"
    assert table(olga.get(f"{path}&format=csv").text) == [
        ["Service", "ID", "2026-03 (EUR)", "2026-04 (EUR)"],
        ["Compute", "", "10.00", "4.00"],
        ["'=Storage", "", "0.00", "2.000000000000001"],
        ["Credits", "", "0.00", "-0.50"],
    ]
    with zipfile.ZipFile(io.BytesIO(olga.get(f"{path}&format=xlsx").data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<t>=Storage</t>" in sheet
    assert "<v>-0.50</v>" in sheet
    assert "<f>" not in sheet
    assert olga.get(f"{path}&format=pdf").status_code == 404
    clock.forward(days=25)
    path = f"/partner/{world.north}/usage/export?month=2026-05&by=service"
    assert table(browser(OLGA).get(path).text)[1:] == [
        ["Credits", "", "-0.50", "0.00"],
        ["Compute", "", "4.00", "0.00"],
        ["'=Storage", "", "2.000000000000001", "0.00"],
    ]


def test_the_focus_file_is_valid(browser: Open, world: World, tmp_path: Path) -> None:
    credit = april("-0.5", world.ninas_cloud, 6, ServiceName="Credits", ChargeCategory="Credit")
    deliver(credit, source="Other")
    path = f"/partner/{world.north}/usage/export?month=2026-04&format=focus"
    content = browser(OLGA).get(path).text.lstrip("\ufeff")
    lines = list(csv.DictReader(io.StringIO(content)))
    assert sum(Decimal(line["BilledCost"]) for line in lines) == Decimal("5.500000000000001")
    assert {line["ConsumedQuantity"] for line in lines} == {"2.5", ""}
    check_focus(content, tmp_path)
