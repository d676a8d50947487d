"""*Months*: what a month comes to is shown before it is closed; months close in their order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from portal import db
from portal.domain import ledger, statements, usage
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from tests.support.answers import definition_list, table_rows
from tests.support.browser import Browser
from tests.support.money import row
from tests.support.months import MARCH, make_statements
from tests.support.usage import deliver, find, stage
from tests.support.work import appoint_operator
from tests.support.world import DORA, Clock, World

Open = Callable[..., Browser]
APRIL = {
    "BillingPeriodStart": "2026-04-01",
    "BillingPeriodEnd": "2026-05-01",
    "ChargePeriodStart": "2026-04-01",
    "ChargePeriodEnd": "2026-04-02",
}


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def dora(app: Flask, world: World, browser: Open, clock: Clock) -> Browser:
    """Dora's browser in May; she is an operator. March has usage with and without a cloud."""
    appoint_operator()
    deliver(row("3", world.ninas_cloud), row("2", "unknown"))
    clock.forward(seconds=(datetime(2026, 5, 2, tzinfo=UTC) - clock.now).total_seconds())
    return browser(DORA)


def test_closing_shows_the_sum_and_what_is_not_in_order(dora: Browser, world: World) -> None:
    vendor = {"month_on": MARCH, "by": COMMAND}
    db.write(lambda: usage.record_invoice(find("Vendor"), amount=Decimal(6), **vendor))
    stage(row("9", world.ninas_cloud), source="Other")
    dora.get("/operator/months/2026-03/finalise")
    facts = definition_list(dora)
    assert (facts["Cost"], facts["Unassigned"]) == ("€3.00", "1 row, €2.00")
    assert facts["To be published"] == "1 delivery"
    assert facts["Prices missing"] == "1 customer"
    assert facts["Invoice of Vendor"] == "€6.00, difference +€1.00"


def test_closing_now_says_what_accountants_were_promised(dora: Browser) -> None:
    dora.get("/operator/months/2026-03/close")
    assert "Accountants were notified" not in dora.text
    dora.get("/operator/months/2026-03/finalise")
    dora.submit("Close in 24 hours")
    dora.get("/operator/months/2026-03/close")
    assert "Accountants were notified that it closes on 3 May 2026" in dora.text


def test_months_are_offered_in_their_order_and_say_that_statements_are_being_made(
    dora: Browser, world: World
) -> None:
    deliver(row("1", world.ninas_cloud) | APRIL)
    dora.get("/operator/months")
    assert [bool(each[4]) for each in table_rows(dora, "months")] == [False, True]
    db.write(lambda: statements.close(MARCH, by=COMMAND))
    dora.get("/operator/months")
    april, march = table_rows(dora, "months")
    assert (bool(april[4]), "being made" in march[2]) == (True, True)
    make_statements()
    dora.get("/operator/months")
    assert "being made" not in table_rows(dora, "months")[1][2]


def test_a_closed_month_shows_its_sum_and_what_its_accounts_owe(
    dora: Browser, world: World
) -> None:
    db.write(lambda: statements.close(MARCH, by=COMMAND))
    make_statements()
    db.write(lambda: _pay(world.north))
    dora.get("/operator/months/2026-03")
    assert definition_list(dora) == {"Cost": "€3.00"}
    (found,) = table_rows(dora, "statements")
    assert found[2:] == ["Total: €3.00", "Balance now: €4.50"]


def _pay(account_id: str) -> None:
    account = db.session.get_one(BillingAccount, account_id)
    ledger.record_payment(account, amount=Decimal("4.50"), reason="paid", by=COMMAND)
