"""`flask usage`: import, list, remove, unassigned, assigned, assign, unassign."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from portal import db
from portal.cli import serve
from portal.domain import usage
from portal.domain.actors import COMMAND
from portal.domain.usage import State
from tests.cli.test_cli import call
from tests.conftest import make_app
from tests.support.clouds import create_cloud
from tests.support.jobs import run_usage
from tests.support.metering import days_in_force, use_metered, used
from tests.support.money import MARCH
from tests.support.pretended_cloud import run_orders
from tests.support.processes import run_flask
from tests.support.relay import clear_mails
from tests.support.usage import add_source, deliver, in_force, problems
from tests.support.usage_files import write_focus
from tests.support.world import DORA, World

OVERWRITE = "--mode", "overwrite", "--yes"


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in the folder of the test's files."""
    monkeypatch.chdir(tmp_path)


def states() -> list[State]:
    """The states of the deliveries, oldest first, without that of the cast."""
    return db.read(lambda: [row.state for row in usage.deliveries_for(COMMAND)][-2::-1])


def test_an_import_prints_rows_sum_unassigned_and_before_the_portal(
    app: Flask, world: World, tmp_path: Path
) -> None:
    old = {"ChargePeriodStart": "2026-01-01", "ChargePeriodEnd": "2026-01-02"}
    write_focus(
        tmp_path / "october.csv",
        {"BilledCost": "0.000000000000001"},
        {"SubAccountId": world.doras_cloud, "BilledCost": "-3.5", **old},
    )
    code, said = call(app, "usage", "import", "october.csv", *OVERWRITE)
    assert code == 0, said
    for line in (
        "Rows: 2",
        "Sum: -3.499999999999999 EUR",
        "Bad rows: 0",
        "Billing period 2026-10-01: 2 rows, -3.499999999999999 EUR",
        "Unassigned: 1 rows, 0.000000000000001 EUR",
        "Before the portal: 1 rows, -3.50 EUR",
        "Accounts that pay something else: 0",
    ):
        assert line in said.splitlines(), said
    assert "Published: dlv" in said
    code, said = call(app, "usage", "import", "october.csv", *OVERWRITE)
    assert code == 1
    assert "Already there" in said
    assert problems() == []


def test_an_import_prints_what_changes_for_accounts(
    app: Flask, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.cli.usage.LISTED", 1)
    doras, ninas = world.doras_cloud, world.ninas_cloud
    write_focus(tmp_path / "a.csv", {"SubAccountId": doras}, {"SubAccountId": ninas})
    assert call(app, "usage", "import", "a.csv", *OVERWRITE)[0] == 0
    rows = {"SubAccountId": doras, "BilledCost": "0.000000000000001"}, {"SubAccountId": ninas}
    write_focus(tmp_path / "b.csv", *rows, {"SubAccountId": ninas, "BilledCost": "-7"})
    _code, said = call(app, "usage", "import", "b.csv", *OVERWRITE)
    assert "Accounts that pay something else: 2\n" in said
    assert f"  {world.north}  1.50 → -5.50 EUR, difference -7.00  " in said
    assert "The other 1 are on the delivery’s page." in said


def test_what_the_issuer_says_is_compared(app: Flask, tmp_path: Path) -> None:
    write_focus(tmp_path / "a.csv", {}, {})
    for option, value in (("--rows", "3"), ("--sum", "3.01")):
        code, said = call(app, "usage", "import", "a.csv", option, value, *OVERWRITE)
        assert code == 1
        assert f"is {value}. Nothing is published." in said
    assert call(app, "usage", "import", "a.csv", "--sum", "x", *OVERWRITE)[0] == 2
    assert (in_force(), states()) == ({}, [])
    assert call(app, "usage", "import", "a.csv", "--rows", "2", "--sum", "3", *OVERWRITE)[0] == 0


def test_bad_rows_are_written_to_a_file_and_skipped_when_told(app: Flask, tmp_path: Path) -> None:
    write_focus(tmp_path / "a.csv", {"BilledCost": "1_000"}, {})
    code, said = call(app, "usage", "import", "a.csv", *OVERWRITE)
    assert (code, "--skip-bad-rows publishes the others" in said) == (1, True)
    lines = (tmp_path / "a.csv.bad.csv").read_text().splitlines()
    assert lines[1] == "a.csv,2,BilledCost,1_000,This is not a number such as 1234.56."
    assert (in_force(), states()) == ({}, [])
    assert call(app, "usage", "import", "a.csv", "--skip-bad-rows", *OVERWRITE)[0] == 0
    assert in_force() == {"project-1": Decimal("1.5")}


def test_the_mode_is_asked_and_nothing_is_published_without_a_yes(
    app: Flask, tmp_path: Path
) -> None:
    write_focus(tmp_path / "a.csv", {})
    run = app.test_cli_runner().invoke
    result = run(args=["usage", "import", "a.csv"], input="append\nn\n")
    assert (result.exit_code, "Publish it?" in result.output) == (1, True)
    assert (in_force(), states()) == ({}, [State.REFUSED])
    assert run(args=["usage", "import", "a.csv"], input="append\ny\n").exit_code == 0
    result = run(args=["usage", "import", "a.csv"], input="append\nn\n")
    assert "Append it again?" in result.output
    assert states() == [State.REFUSED, State.PUBLISHED]
    assert run(args=["usage", "import", "a.csv"], input="append\ny\ny\n").exit_code == 0
    assert in_force() == {"project-1": Decimal(3)}


def test_a_start_with_another_currency_or_zone_is_refused(
    app: Flask, cast: tuple[str, World], tmp_path: Path
) -> None:
    serve.refuse_other_money(app)
    write_focus(tmp_path / "a.csv", {})
    assert call(app, "usage", "import", "a.csv", *OVERWRITE)[0] == 0
    serve.refuse_other_money(app)
    for changed in ({"CURRENCY": "USD"}, {"TIME_ZONE": "Asia/Tokyo"}):
        other = make_app(cast[0], **changed)
        with pytest.raises(serve.OtherMoney, match="CURRENCY=EUR and BILLING_TIME_ZONE=UTC"):
            serve.refuse_other_money(other)
    make_app(cast[0])  # the settings are those of the process
    with run_flask("run --port 1", cast[0], CURRENCY="USD") as program:
        said, _nothing = program.communicate(timeout=60)
    assert (program.returncode, "Usage was published with CURRENCY=EUR" in said) == (1, True)


def test_a_file_that_can_not_be_read_is_a_sentence(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
    code, said = call(app, "usage", "import", "a.gz", *OVERWRITE)
    assert (code, said.startswith("Error: a.gz ends in the middle.")) == (1, True)


def test_deliveries_are_listed_removed_and_keys_assigned(
    app: Flask, world: World, tmp_path: Path
) -> None:
    write_focus(tmp_path / "a.csv", {})
    call(app, "usage", "import", "a.csv", "--source", "Vendor", *OVERWRITE)
    _code, said = call(app, "usage", "list")
    assert "published overwrite" in said
    assert "Vendor: a.csv" in said
    _code, listed = call(app, "usage", "unassigned")
    assert listed == "Vendor  project-1  2026-10-05 to 2026-10-05  1 rows, 1.50 EUR\n"
    assert call(app, "usage", "assign", "Vendor", "x", "dora-cloud")[0] == 1
    assert call(app, "usage", "assign", "Vendor", "project-1", "x")[0] == 1
    assert call(app, "usage", "assign", "Vendor", "project-1", "dora-cloud")[0] == 0
    run_usage()
    assert call(app, "usage", "unassigned") == (0, "")
    assigned = f"Vendor  project-1  {world.doras_cloud}  dora-cloud\n"
    assert call(app, "usage", "assigned") == (0, assigned)
    assert call(app, "usage", "unassign", "Vendor", "x")[0] == 1
    assert call(app, "usage", "unassign", "Vendor", "project-1")[0] == 0
    run_usage()
    assert call(app, "usage", "unassigned") == (0, listed)
    code, unassigned = call(app, "usage", "unassign", "Vendor", "project-1")
    assert (code, "No cloud is assigned." in unassigned) == (1, True)
    assert call(app, "usage", "remove", "dlv0")[0] == 1
    delivery_id = said.split()[0]
    assert call(app, "usage", "remove", delivery_id)[0] == 0
    assert in_force() == {}


def test_the_key_column_of_a_source_is_chosen_once(app: Flask, tmp_path: Path) -> None:
    add_source("Vendor", key_column="BillingAccountId")
    write_focus(tmp_path / "a.csv", {})
    vendor = "usage", "import", "a.csv", "--source", "vendor", *OVERWRITE
    assert call(app, *vendor, "--key-column", "ResourceId")[0] == 1
    assert call(app, *vendor)[0] == 0
    assert [*in_force()] == ["account-9"]


def test_a_connection_is_fetched_again_and_takes_no_files(
    app: Flask, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_mails()
    there = use_metered(monkeypatch)
    cloud_id = create_cloud(DORA, name="shop")
    run_orders()
    there.usage_rows = [used(cloud_id)]
    code, said = call(app, "usage", "fetch", "Frankfurt", "--from", "2026-03-01")
    assert (code, "The worker fetches it" in said) == (0, True)
    run_orders()
    assert [str(day) for day in days_in_force()] == ["2026-03-01"]
    write_focus(tmp_path / "march.csv", {})
    code, said = call(app, "usage", "import", "march.csv", "--source", "Frankfurt", *OVERWRITE)
    assert (code, "A connection delivers this source." in said) == (1, True)


def test_an_invoice_is_recorded_and_listed_beside_our_sum(app: Flask, world: World) -> None:
    deliver(MARCH, source="Vendor")
    assert call(app, "invoice", "list")[1] == "2026-03  Vendor  1.50 EUR  no invoice\n"
    for amount in ("-2", "1.25"):
        assert call(app, "invoice", "record", "Vendor", "2026-03", amount)[0] == 0
    said = call(app, "invoice", "list")[1]
    assert said == "2026-03  Vendor  1.50 EUR  invoice 1.25 EUR, difference -0.25 EUR\n"
    assert call(app, "invoice", "remove", "Vendor", "2026-03")[0] == 0
    assert "no invoice" in call(app, "invoice", "list")[1]
    code, said = call(app, "invoice", "record", "Nobody", "2026-03", "1")
    assert (code, "There is no source of files Nobody." in said) == (1, True)
    assert call(app, "invoice", "record", "Vendor", "2026-03", "0.0000001")[0] == 1
