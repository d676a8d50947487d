"""Usage files for tests: FOCUS rows as CSV."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from portal import usage_files
from portal.usage_files import Terms, UsageReading, pieces

FOCUS = {
    "BilledCost": "1.5",
    "BillingCurrency": "EUR",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargePeriodStart": "2026-10-05T10:00:00Z",
    "ChargePeriodEnd": "2026-10-05T11:00:00Z",
    "ChargeCategory": "Usage",
    "SubAccountId": "project-1",
    "BillingAccountId": "account-9",
    "ServiceName": "Compute",
    "Tags": '{"owner": "somebody"}',
    "x_Vendor": "anything",
}
"""A good row."""


def focus_rows(*rows: dict[str, str], columns: Sequence[str] = tuple(FOCUS)) -> str:
    """The text of a CSV file: each row is the good one with these values."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**FOCUS, **row} for row in rows)
    return buffer.getvalue()


def write_focus(path: Path, *rows: dict[str, str]) -> Path:
    """Write such a file."""
    path.write_text(focus_rows(*rows), encoding="utf-8")
    return path


def kept_parts(*rows: dict[str, str]) -> list[bytes]:
    """The kept pieces of a delivery of these rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_focus(folder / "usage.csv", *rows)
        files = [usage_files.unpack(path, folder)]
        with UsageReading.open(files, Terms("EUR", "UTC"), folder) as reading:
            return [p.content for p in pieces.pieces(reading) if p.kind == pieces.AMOUNTS]


def check_focus(content: str, folder: Path) -> None:
    """Fail unless the text of a CSV file is FOCUS 1.4."""
    file = folder / "focus.csv"
    file.write_text(content)
    toolkit = Path(sys.executable).with_name("focus-toolkit")
    command = [toolkit, "validate", file, "--dataset", "cost-and-usage"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
