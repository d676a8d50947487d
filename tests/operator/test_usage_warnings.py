"""*Usage* says what is odd about a delivery before it is published, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal.domain.usage import Mode
from tests.support.answers import definition_list, table_rows
from tests.support.browser import Browser
from tests.support.money import row
from tests.support.months import close
from tests.support.usage import deliver, publish, stage
from tests.support.work import appoint_operator
from tests.support.world import DORA, Clock, World

Open = Callable[..., Browser]
NOON = "2026-10-05T12:00:00Z"
LATER = {"BillingPeriodStart": "2027-03-01", "BillingPeriodEnd": "2027-04-01"}


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def dora(app: Flask, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    appoint_operator()
    return browser(DORA)


def show(client: Browser, delivery: str, step: str = "") -> str:
    client.get(f"/operator/usage/{delivery}{step}")
    return client.text


def test_a_preview_warns_of_the_future_of_points_and_of_rows_without_a_service(
    dora: Browser,
) -> None:
    odd = {"ServiceName": "", "ChargePeriodStart": NOON, "ChargePeriodEnd": NOON}
    staged = stage(odd, LATER)
    for text in (show(dora, staged), show(dora, staged, "/publish")):
        assert "March 2027: in the future." in text
        assert "1 row has no length" in text
        assert "1 row names no service. Pages show it as “Without a name”." in text


def test_files_that_were_appended_before_are_named_in_the_preview(dora: Browser) -> None:
    deliver({}, mode=Mode.APPEND)
    assert "These files were appended before" in show(dora, stage({}, mode=Mode.APPEND))


def test_a_delivery_for_a_closed_month_says_where_its_differences_go(
    browser: Open, world: World, clock: Clock
) -> None:
    appoint_operator()
    deliver(row("3", world.ninas_cloud))
    close(clock)
    dora = browser(DORA)
    late = stage(row("4", world.ninas_cloud))
    said = "March 2026: closed. What changes is a correction in April 2026."
    assert said in show(dora, late)
    publish(late)
    assert said in show(dora, late)


def test_publishing_repeats_what_the_delivery_says(dora: Browser, world: World) -> None:
    staged = stage({"SubAccountId": world.doras_cloud}, {"SubAccountId": "unknown"})
    dora.get(f"/operator/usage/{staged}/publish")
    facts = definition_list(dora)
    assert (facts["Rows"], facts["Sum"], facts["Bad rows"]) == ("2", "€3.00", "0")
    assert facts["Unassigned"] == "1 row, €1.50"
    assert facts["1 Oct 2026"] == "2 rows, €3.00"
    assert facts["What changes"] == "1 account pays something else."


def test_removing_says_what_a_snapshot_an_addition_and_a_replaced_one_leave(dora: Browser) -> None:
    replaced, snapshot = deliver({}), deliver({"BilledCost": "2"})
    added = deliver({}, mode=Mode.APPEND)
    assert "no cost changes" in show(dora, replaced, "/remove")
    assert "Its billing periods become empty." in show(dora, snapshot, "/remove")
    assert "Its rows count no more." in show(dora, added, "/remove")
    dora.get("/operator/usage")
    assert [each[1:4] for each in table_rows(dora, "deliveries")[:3]] == [
        ["October 2026", "Append", "Published, Append"],
        ["October 2026", "Overwrite", "Published, Overwrite"],
        ["October 2026", "Overwrite", "Replaced, Overwrite"],
    ]


def test_the_days_of_an_unassigned_key_include_the_last_one(dora: Browser) -> None:
    deliver({"ChargePeriodStart": "2026-10-20", "ChargePeriodEnd": "2026-10-22"})
    dora.get("/operator/usage")
    (found,) = table_rows(dora, "unassigned")
    assert found[2] == "20 Oct 2026 – 21 Oct 2026"
