"""*Usage*: operators upload files, look at the preview, publish, remove, and assign clouds."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from portal import db
from portal.domain import links as cloud_links
from portal.domain import usage
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.usage import Mode
from tests.support.answers import definition_list, errors, links, notices, table_rows
from tests.support.browser import Browser
from tests.support.jobs import run_usage
from tests.support.money import MARCH
from tests.support.usage import deliver, in_force, stage
from tests.support.usage_files import focus_rows
from tests.support.work import appoint_operator
from tests.support.world import DORA, OLGA, World

Open = Callable[..., Browser]


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def dora(app: Flask, browser: Open) -> Browser:
    """Dora's browser; she is an operator."""
    appoint_operator()
    return browser(DORA)


def path_of(client: Browser) -> str:
    return urlsplit(client.url).path


def add_source(client: Browser, **fields: str) -> None:
    client.get("/operator/usage")
    client.click("Add source")
    client.submit("Add", **{"name": "Vendor", **fields})


def upload(client: Browser, *texts: str, **fields: str) -> Any:
    """Upload CSV files as one delivery of the source Vendor."""
    client.get("/operator/usage/upload")
    (vendor,) = [
        option.get("value")
        for option in client.page.iterfind(".//select[@name='source']/option")
        if option.text == "Vendor"
    ]
    files = [(io.BytesIO(text.encode()), f"{n}.csv") for n, text in enumerate(texts, start=1)]
    return client.submit("Upload and read", source=vendor, files=files, **fields)


def test_files_are_uploaded_read_published_and_removed(dora: Browser) -> None:
    add_source(dora, mode="overwrite")
    assert notices(dora, "success") == ["The source is added."]
    upload(dora, focus_rows({"BilledCost": "0.1"}), focus_rows({}, {"BilledCost": "-1e-15"}))
    assert definition_list(dora)["State"] == "Waiting"
    run_usage()
    dora.get(path_of(dora))
    facts = definition_list(dora)
    assert (facts["State"], facts["Rows"], facts["Sum"]) == (
        "To be published",
        "3",
        "€1.599999999999999",
    )
    assert facts["Unassigned"] == "3 rows, €1.599999999999999"
    assert facts["Before the portal"] == "0 rows, €0.00"
    assert facts["Bad rows"] == "0"
    dora.click("Publish")
    dora.submit("Publish")
    assert notices(dora, "success") == ["The delivery is published."]
    assert [*in_force()] == ["project-1"]
    dora.click("Remove delivery")
    assert "An older snapshot does not come back" in dora.text
    dora.submit("Remove delivery")
    assert notices(dora, "success") == ["A worker removes the delivery."]
    run_usage()
    dora.get(path_of(dora))
    assert definition_list(dora)["State"].startswith("Removed")
    assert in_force() == {}


def test_a_delivery_with_bad_rows_says_why_and_is_published_without_them_when_told(
    dora: Browser,
) -> None:
    add_source(dora)
    upload(dora, focus_rows({}))
    assert errors(dora) == {"mode": "Choose what the files are; the source does not say it."}
    upload(dora, focus_rows({}, {"BilledCost": "1_000"}), mode="append")
    run_usage()
    dora.get(path_of(dora))
    page = path_of(dora)
    listed = dora.get(f"{page}/bad-rows").get_data(as_text=True).splitlines()
    assert listed[1] == "1.csv,3,BilledCost,1_000,This is not a number such as 1234.56."
    dora.get(f"{page}/publish")
    assert dora.submit("Publish").status_code == 422
    assert "1 row is bad." in dora.text
    dora.submit("Publish", skip_bad_rows="y")
    assert definition_list(dora)["State"].startswith("Published")
    upload(dora, focus_rows({}, {"BilledCost": "1_000"}), mode="append")
    run_usage()
    dora.get(f"{path_of(dora)}/publish")
    dora.submit("Publish", skip_bad_rows="y")
    assert "These files were appended before" in dora.text
    dora.submit("Publish", skip_bad_rows="y", again="y")
    assert str(in_force()["project-1"]) == "3.000000000000000"


def test_a_file_that_can_not_be_read_is_a_sentence_and_can_be_discarded(dora: Browser) -> None:
    add_source(dora, mode="overwrite")
    upload(dora, "PK\x03\x04")
    run_usage()
    dora.get(path_of(dora))
    assert "1.csv is a spreadsheet or ZIP file." in dora.text
    upload(dora, focus_rows({}))
    run_usage()
    dora.get(path_of(dora))
    dora.click("Discard")
    dora.submit("Discard")
    assert "The delivery was discarded." in dora.text
    assert in_force() == {}


def test_an_upload_beyond_the_limit_and_without_files_is_refused(
    dora: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_source(dora, mode="overwrite")
    assert upload(dora).status_code == 422
    assert errors(dora) == {"files": "Choose up to 50 files."}
    monkeypatch.setattr("portal.operator.usage_upload.MEGABYTE", 3)
    assert upload(dora, focus_rows({}) * 9).status_code == 422
    assert "100 MB" in errors(dora)["files"]


def test_a_key_is_assigned_to_a_cloud_and_unassigned(dora: Browser, world: World) -> None:
    add_source(dora, mode="overwrite")
    upload(dora, focus_rows({}))
    run_usage()
    dora.get(f"{path_of(dora)}/publish")
    dora.submit("Publish")
    dora.get("/operator/usage")
    dora.click("project-1")
    dora.submit("Assign", cloud="nothing")
    assert errors(dora) == {"cloud": "No cloud has this ID, or several have this name."}
    dora.submit("Assign", cloud="dora-cloud")
    assert notices(dora, "success") == ["A worker assigns all its rows, past and to come."]
    run_usage()
    dora.get("/operator/usage")
    assert "Every row names a cloud." in dora.text
    dora.click("project-1")
    dora.click("Unassign")
    assert "What they were charged is posted back." in dora.text
    dora.submit("Unassign")
    assert notices(dora, "success") == ["A worker takes back its charges, past and to come."]
    run_usage()
    dora.get("/operator/usage")
    assert "Every row names a cloud." not in dora.text
    dora.click("project-1")
    assert "Unassign" not in links(dora)


def test_the_template_has_the_columns_of_the_plain_csv(dora: Browser) -> None:
    answer = dora.get("/operator/usage/template")
    text = answer.get_data(as_text=True).lstrip("\ufeff")
    assert text == "cloud,start,end,service,quantity,unit,cost,currency\r\n"


def test_usage_does_not_exist_for_others(dora: Browser, browser: Open, world: World) -> None:
    olga = browser(OLGA)
    for path in ("", "/upload", "/template", f"/{world.delivery}", "/sources/add"):
        assert olga.get(f"/operator/usage{path}").status_code == 404


def test_a_vendors_invoice_stands_beside_our_sum_with_the_difference(dora: Browser) -> None:
    deliver({"BilledCost": "10.000000000000001"}, {**MARCH, "BilledCost": "3"})
    dora.get("/operator/usage")
    none = ["–", "–"]
    october, march = ["October 2026", "Vendor"], ["March 2026", "Vendor"]
    assert table_rows(dora, "invoices") == [
        [*october, "Our sum: €10.000000000000001", *none],
        [*march, "Our sum: €3.00", *none],
    ]
    dora.click("October 2026")
    for amount in ("1,2,3", "1,000", "1_000", "１２", "1e3", "NaN", "0.0000001"):
        dora.submit("Record", amount=amount)
        assert errors(dora)["amount"].startswith("Enter an amount such as 49.50")
    for month in ("", "2026-13", "NaN"):
        assert dora.get(f"/operator/usage/invoices/record?month={month}").status_code == 200
    dora.get("/operator/usage")
    dora.click("October 2026")
    dora.submit("Record", amount="9,50")
    assert notices(dora, "success") == ["The invoice is recorded."]
    dora.click("October 2026")
    dora.submit("Record", amount="12.25")
    invoiced = ["Invoice: €12.25", "Difference: €2.249999999999999"]
    assert table_rows(dora, "invoices") == [
        [*october, "Our sum: €10.000000000000001", *invoiced],
        [*march, "Our sum: €3.00", *none],
    ]


def test_a_month_that_ends_after_the_last_day_there_is_does_not_exist(dora: Browser) -> None:
    assert dora.get("/operator/months/9999-12/close").status_code == 404


def test_a_staged_delivery_shows_what_changes_for_each_account_that_pays(
    dora: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    doras, ninas = world.doras_cloud, world.ninas_cloud
    deliver({"SubAccountId": doras}, {"SubAccountId": ninas})
    deliver({"SubAccountId": doras, **MARCH}, {"SubAccountId": ninas}, source="Other")
    monkeypatch.setattr("portal.domain.usage.changes.CHANGES_PAGE", 1)
    monkeypatch.setattr(usage, "CHANGES_PAGE", 1)
    staged = stage(
        {"SubAccountId": doras, "BilledCost": "0.000000000000001"},
        {"SubAccountId": ninas},
        {"SubAccountId": ninas, "BilledCost": "-7"},
    )
    dora.get(f"/operator/usage/{staged}")
    assert "2 accounts pay something else for these billing periods." in dora.text
    (row,) = table_rows(dora, "changes")
    assert row[0].endswith(world.north)
    assert row[1:] == ["So far: €1.50", "New: -€5.50", "Difference: -€7.00"]
    dora.click("Next")
    (row,) = table_rows(dora, "changes")
    assert row[0].endswith(world.direct)
    exact = ["New: €0.000000000000001", "Difference: -€1.499999999999999"]
    assert row[1:] == ["So far: €1.50", *exact]
    deliver({"SubAccountId": doras, "BilledCost": "1"}, mode=Mode.APPEND)
    dora.get(path_of(dora))
    assert "Publishing works it out again." in dora.text
    nobody = stage({"SubAccountId": "unknown"}, source="Third")
    assert "Nothing changes for any account." in dora.get(f"/operator/usage/{nobody}").text


def test_a_delivery_whose_clouds_were_linked_meanwhile_is_published_by_a_worker(
    dora: Browser, world: World
) -> None:
    staged = stage({"SubAccountId": world.doras_cloud})

    def unit() -> None:
        to = db.session.get_one(BillingAccount, world.south)
        cloud_links.move(db.lock(Cloud, world.doras_cloud), by=COMMAND, to=to)

    db.write(unit)
    dora.get(f"/operator/usage/{staged}")
    dora.click("Publish")
    dora.submit("Publish")
    assert "a worker publishes the delivery next" in notices(dora, "success")[0]
    assert definition_list(dora)["State"] == "To be published"
    run_usage()
    dora.get(path_of(dora))
    assert definition_list(dora)["State"].startswith("Published")
    assert in_force().keys() == {world.doras_cloud}
