"""Reading usage files: which rows are good, and their exact sum."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from portal import usage_files
from portal.usage_files import Reason, Terms, UsageReading, engine, pieces
from tests.support.usage_files import FOCUS, focus_rows, write_focus

TERMS = Terms("EUR", "Europe/Berlin")


@contextmanager
def reading(folder: Path, *files: Path, terms: Terms = TERMS) -> Iterator[UsageReading]:
    """Read files; what is unpacked goes into a folder of its own."""
    own = folder / "unpacked"
    own.mkdir(exist_ok=True)
    facts = [usage_files.unpack(file, own) for file in files]
    with UsageReading.open(facts, terms, own) as opened:
        yield opened


def read_text(folder: Path, text: str, terms: Terms = TERMS) -> tuple[int, Decimal, list[str]]:
    """Number and sum of the good rows of a CSV file, and the reasons of the bad ones."""
    path = folder / "usage.csv"
    path.write_bytes(text.encode())
    with reading(folder, path, terms=terms) as opened:
        reasons = [f"{row.row}:{row.reason}:{row.column}" for row in opened.bad.listed]
        assert len(reasons) == opened.bad.count
        return opened.rows, opened.total, reasons


def test_fifteen_decimals_negative_and_zero_rows_and_twins_are_summed_exactly(
    tmp_path: Path,
) -> None:
    costs = ["0.000000000000001", "-2.5", "0", "999999999999.999999999999999", "1.10", "1.10"]
    rows = [{"BilledCost": cost} for cost in [*costs, "7.", ".5", "+1", "1.500000000000000000"]]
    assert read_text(tmp_path, focus_rows(*rows)) == (
        10,
        Decimal("1000000000009.700000000000000"),
        [],
    )


def test_amounts_with_an_exponent_are_exact(tmp_path: Path) -> None:
    rows = [{"BilledCost": cost} for cost in ("3.52E-6", "1e2", "-1E-15", "1e-16", "1e99")]
    rows_read, total, reasons = read_text(tmp_path, focus_rows(*rows))
    assert (rows_read, total) == (3, Decimal("100.000003519999999"))
    assert reasons == ["5:decimals:BilledCost", "6:too-large:BilledCost"]


BAD_VALUES = {
    "BilledCost": {
        "1_000": Reason.NOT_A_NUMBER,
        "infinity": Reason.NOT_A_NUMBER,
        "1,5": Reason.NOT_A_NUMBER,
        "0.1234567890123456": Reason.DECIMALS,
        "1000000000000": Reason.TOO_LARGE,
        "NULL": Reason.MISSING,
    },
    "BillingCurrency": {"USD": Reason.CURRENCY, "(null)": Reason.MISSING},
    "ChargeCategory": {"Fee": Reason.CATEGORY, "null": Reason.MISSING},
    "ChargePeriodStart": {
        "2026-13-01": Reason.DATE,
        "01.10.2026": Reason.DATE,
        "2026-10-01T00:00:00 UTC": Reason.DATE,
        "0001-01-01": Reason.DATE,
        "2026-10-05T10:00:00+99:00": Reason.DATE,
        "2026-10-05T10:00:00+03:99": Reason.DATE,
        "2026-10-05T10:00:61Z": Reason.DATE,
        "2026-12-01": Reason.REVERSED,
    },
    "BillingPeriodEnd": {"": Reason.MISSING, "2026-09-01": Reason.REVERSED},
    "SubAccountId": {"x" * 501: Reason.KEY_LONG},
}


def test_each_bad_value_has_its_row_column_and_reason(tmp_path: Path) -> None:
    faults = [
        ({column: value}, f"{reason}:{'ChargePeriodEnd' if reversed_ else column}")
        for column, values in BAD_VALUES.items()
        for value, reason in values.items()
        for reversed_ in [reason is Reason.REVERSED and column == "ChargePeriodStart"]
    ]
    faults.append(({"SubAccountId": "", "BillingAccountId": ""}, "no-key:SubAccountId"))
    rows, total, reasons = read_text(tmp_path, focus_rows({}, *(row for row, _why in faults)))
    assert (rows, total) == (1, Decimal("1.5"))
    assert reasons == [f"{number}:{why}" for number, (_row, why) in enumerate(faults, start=3)]


def test_times_have_a_zone_or_are_utc_and_the_period_is_that_as_written(tmp_path: Path) -> None:
    times = ["2026-10-05", "2026-10-05 23:30", "2026-10-05T23:30:00.1234567Z"]
    times += ["2026-10-05T00:30:00+03:00", "2026-10-05T00:30:00-0130", "2026-10-05T12:00+02"]
    rows = [{"ChargePeriodStart": time, "ChargePeriodEnd": "2026-10-07"} for time in times]
    rows.append({"BillingPeriodStart": "2026-10-01T00:00:00+03:00"})
    path = write_focus(tmp_path / "usage.csv", *rows)
    with reading(tmp_path, path) as opened:
        days = opened.select("SELECT strftime(usage_on, '%d') FROM checked ORDER BY n")
        assert [day for (day,) in days] == ["05", "06", "06", "04", "05", "05", "05"]
        assert [str(scope.period_on) for scope in pieces.scopes(opened)] == ["2026-10-01"]


def test_a_category_in_any_case_of_letters_and_a_point_in_time_are_good(tmp_path: Path) -> None:
    start = FOCUS["ChargePeriodStart"]
    text = focus_rows({"ChargeCategory": "TAX"}, {"ChargePeriodEnd": start, "BilledCost": "-1"})
    assert read_text(tmp_path, text) == (2, Decimal("0.5"), [])


@pytest.mark.parametrize(("delimiter", "ending"), [(",", "\n"), (";", "\r\n"), ("\t", "\r")])
def test_delimiters_line_ends_byte_order_marks_and_quoted_breaks(
    tmp_path: Path, delimiter: str, ending: str
) -> None:
    names = [*FOCUS][:-2]
    lines = [delimiter.join(names)]
    lines += [delimiter.join(f'"{FOCUS[name]}"' for name in names)] * 2
    lines += [delimiter.join(FOCUS[n] if n != "ServiceName" else f'"a{ending}b"' for n in names)]
    text = "\ufeff" + ending.join(lines) + ending
    assert read_text(tmp_path, text) == (3, Decimal("4.5"), [])


def test_mixed_line_ends_are_read_by_another_reader(tmp_path: Path) -> None:
    head, row = focus_rows({}).splitlines()
    assert read_text(tmp_path, f"{head}\r\n{row}\n{row}\r\n")[:2] == (2, Decimal(3))


def test_ragged_rows_are_bad_and_the_first_thousand_are_listed(tmp_path: Path) -> None:
    head, row = focus_rows({}).splitlines()
    lines = [head, row, row + ",,", "x,y", row, 'a,"b', '"c,d', *["z"] * 2000]
    rows, total, _ = read_all(tmp_path, "\n".join(lines))
    assert (rows, total) == (2, Decimal(3))
    with reading(tmp_path, tmp_path / "usage.csv") as opened:
        assert (opened.bad.count, len(opened.bad.listed)) == (2003, usage_files.MAX_LISTED)
        assert [(bad.row, bad.reason, bad.value) for bad in opened.bad.listed[:4]] == [
            (3, "columns", "14"),
            (4, "columns", "2"),
            (6, "quotes", "6–7"),
            (7, "columns", "1"),
        ]


def read_all(folder: Path, text: str) -> tuple[int, Decimal, int]:
    path = folder / "usage.csv"
    path.write_text(text)
    with reading(folder, path) as opened:
        return opened.rows, opened.total, opened.bad.count


def test_a_snapshot_in_several_files_with_other_columns_is_read_together(tmp_path: Path) -> None:
    one = write_focus(tmp_path / "1.csv", {}, {"BilledCost": "x"})
    two = tmp_path / "2.csv"
    two.write_text(focus_rows({"BilledCost": "2"}, columns=[*reversed(FOCUS)]))
    three = tmp_path / "3.csv.gz"
    months = {"BillingPeriodStart": "2026-09-01", "BillingPeriodEnd": "2026-10-01"}
    three.write_bytes(gzip.compress(focus_rows({"BilledCost": "4", **months}).encode()))
    with reading(tmp_path, one, two, three) as opened:
        assert (opened.rows, opened.total) == (3, Decimal("7.5"))
        assert [(bad.file, bad.row) for bad in opened.bad.listed] == [("1.csv", 3)]
        assert [str(scope.period_on) for scope in pieces.scopes(opened)] == [
            "2026-09-01",
            "2026-10-01",
        ]


def test_what_names_the_cloud(tmp_path: Path) -> None:
    cloud = "b1g" + "0" * 17
    rows = [{}, {"SubAccountId": "NULL"}, {"BillingAccountId": cloud}]
    path = write_focus(tmp_path / "usage.csv", *rows)
    with reading(tmp_path, path) as opened:
        assert [*pieces.keys(opened)] == ["account-9", cloud, "project-1"]
    chosen = TERMS._replace(key_column="BillingAccountId")
    with reading(tmp_path, path, terms=chosen) as opened:
        assert [*pieces.keys(opened)] == ["account-9", cloud]


def test_the_plain_csv_has_the_calendar_month_as_its_period(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text(
        "cloud,start,end,service,quantity,unit,cost,currency\n"
        "web,2026-10-31T22:00:00Z,2026-11-01,Compute,1,h,2.25,EUR\n"
        "web,2026-12-01,2027-01-01,Support,,,10,eur\n"
    )
    with reading(tmp_path, path) as opened:
        assert (opened.rows, opened.total, opened.bad.count) == (2, Decimal("12.25"), 0)
        rows = opened.select(
            "SELECT key, category, usage_on::VARCHAR, period_on::VARCHAR FROM checked ORDER BY n"
        )
    assert rows == [
        ("web", "Usage", "2026-10-31", "2026-10-01"),
        ("web", "Usage", "2026-12-01", "2026-12-01"),
    ]


def test_a_bad_row_of_plain_csv_names_its_own_columns_and_each_reason(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text(
        "cloud,start,end,service,cost,currency\n"
        "web,2026-10-01,2026-10-02,Compute,much,USD\n"
        ",2026-13-01,2026-10-02,Compute,1,EUR\n"
        "web,2199-12-15,2199-12-16,Compute,1,EUR\n"
    )
    with reading(tmp_path, path) as opened:
        listed = [(row.row, row.reason, row.column, row.value) for row in opened.bad.listed]
    assert opened.bad.count == 3
    assert listed == [
        (2, Reason.NOT_A_NUMBER, "cost", "much"),
        (2, Reason.CURRENCY, "currency", "USD"),
        (3, Reason.DATE, "start", "2026-13-01"),
        (3, Reason.NO_KEY, "cloud", ""),
        (4, Reason.DATE, "end", "2200-01-01"),
    ]


def write_parquet(path: Path, cost: str) -> Path:
    """A Parquet file whose cost is this expression of DuckDB."""
    values = {**{name: f"'{value}'" for name, value in FOCUS.items()}, "BilledCost": cost}
    values["ChargePeriodStart"] = "TIMESTAMPTZ '2026-10-05 10:00:00+02'"
    values["ChargePeriodEnd"] = "TIMESTAMP '2026-10-05 09:00:00'"
    values["Tags"] = "MAP {'a': 'b'}"
    values["SubAccountId"] = "'NULL'"
    columns = ", ".join(f'{value} AS "{name}"' for name, value in values.items())
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.mark.parametrize(
    ("cost", "total", "doubles", "bad"),
    [
        ("0.1::DOUBLE", "0.1", ("BilledCost",), 0),
        ("1.23456789e-7::DOUBLE", "0.000000123456789", ("BilledCost",), 0),
        ("'nan'::DOUBLE", "0", ("BilledCost",), 1),
        ("1.5::DECIMAL(38,30)", "1.5", (), 0),
        ("1e-20::DECIMAL(38,30)", "0", (), 1),
        ("7::BIGINT", "7", (), 0),
    ],
)
def test_parquet_of_every_type(
    tmp_path: Path, cost: str, total: str, doubles: tuple[str, ...], bad: int
) -> None:
    with reading(tmp_path, write_parquet(tmp_path / "usage.parquet", cost)) as opened:
        assert (opened.total, opened.doubles, opened.bad.count) == (Decimal(total), doubles, bad)
        assert [*pieces.keys(opened)] == ["account-9"] * (1 - bad)


def test_the_connection_reads_nothing_else_and_writes_nowhere_else(tmp_path: Path) -> None:
    with reading(tmp_path, write_focus(tmp_path / "usage.csv", {})) as opened:
        for statement in (
            "SELECT * FROM read_csv('/etc/passwd')",
            f"COPY (SELECT 1) TO '{tmp_path / 'other.csv'}'",
            "SET memory_limit = '10GB'",
            "SET enable_external_access = true",
            "LOAD httpfs",
        ):
            with pytest.raises(duckdb.Error, match=r"disabled|locked|external"):
                opened.select(statement)


def test_a_file_larger_than_the_memory_of_the_engine_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MEMORY", "120MB")  # less than half a buffer of the default size
    header, row = focus_rows({"x_Vendor": "x" * 2_000}).splitlines(keepends=True)
    path = tmp_path / "usage.csv"
    path.write_text(header + row * 60_000)
    with reading(tmp_path, path) as opened:
        assert opened.select("SELECT current_setting('memory_limit')") == [("114.4 MiB",)]
        assert (opened.rows, opened.bad.count) == (60_000, 0)
