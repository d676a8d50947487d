"""Partner → *Usage*: the cost of a month by customer, cloud and service; the files of it."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.money import problems, row
from tests.support.usage import deliver
from tests.support.usage_files import FOCUS
from tests.support.world import EDDIE, NINA, OLGA, SAM, VERA, Clock, World

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
    olga.get(f"/partner/{world.north}/usage?by=service&month=2026-03")
    assert "Cost of March 2026" in olga.text
    assert "Forecast" not in olga.text


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


@pytest.mark.parametrize(
    "path",
    ["/partner/{north}/customers/{ninas_customer}/usage", "/console/billing/{account}/usage"],
)
def test_a_customers_usage_has_quantities_and_no_amounts(
    browser: Open, world: World, path: str
) -> None:
    client = browser(NINA if path.startswith("/console") else OLGA)
    where = path.format(account=world.ninas_subaccount, **vars(world))
    client.get(where)
    assert "2.5" in client.text
    for cost in ("€", "6.00", "4.00", "2.0000"):
        assert cost not in client.text
    assert table(client.get(f"{where}/export?month=2026-04").text)[1:] == [
        ["Compute", "Hours", "2.50", "2.50"]
    ]


def test_the_account_shows_who_paid_for_its_clouds(browser: Open, world: World) -> None:
    olga, nina = browser(OLGA), browser(NINA)
    path = f"/console/billing/{world.ninas_subaccount}"
    olga.get(path)
    assert "€16.000000000000001" in olga.text
    assert "16.000000000000001" in olga.get(f"{path}/usage/payers").text
    nina.get(path)
    assert "Who paid for each cloud" not in nina.text
    assert nina.get(f"{path}/usage/payers").status_code == 403


def test_files_hold_what_is_shown_to_the_last_digit(
    browser: Open, world: World, tmp_path: Path
) -> None:
    olga = browser(OLGA)
    path = f"/partner/{world.north}/usage/export?month=2026-04"
    rows = table(olga.get(f"{path}&by=service&format=csv").text)
    assert rows[1:] == [
        ["Compute", "", "10.00", "4.00"],
        ["'=Storage", "", "0.00", "2.000000000000001"],
    ]
    content = olga.get(f"{path}&format=focus").text.lstrip("\ufeff")
    lines = list(csv.DictReader(io.StringIO(content)))
    assert sum(Decimal(line["BilledCost"]) for line in lines) == Decimal("6.000000000000001")
    assert {line["ConsumedQuantity"] for line in lines} == {"2.5", ""}
    toolkit = shutil.which("focus-toolkit", path=str(Path(".venv/bin").resolve()))
    if toolkit is None:
        pytest.skip("focus-data-toolkit is not installed: the FOCUS file was not validated")
    file = tmp_path / "focus.csv"
    file.write_text(content)
    command = [toolkit, "validate", str(file), "--dataset", "cost-and-usage"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
