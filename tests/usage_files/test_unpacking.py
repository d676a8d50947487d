"""Unpacking usage files: what is no usage file is refused with its code."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.usage_files import Fault, Terms, UsageFileError, UsageReading, unpack, unpacking
from tests.support.usage_files import FOCUS, focus_rows

GOOD = focus_rows({"ServiceName": "Größe"}).encode()
PACKED = gzip.compress(GOOD)
WRONG_CRC = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]
TWICE = GOOD.replace(b"x_Vendor", b"billedcost")
LACKING = focus_rows({}, columns=[*FOCUS][1:]).encode()

FILES: dict[str, tuple[bytes, Fault]] = {
    "an empty file": (b"", Fault.EMPTY),
    "an Excel file": (b"PK\x03\x04 xlsx", Fault.EXCEL),
    "an old Excel file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Fault.EXCEL),
    "a packed Excel file": (gzip.compress(b"PK\x03\x04 xlsx"), Fault.EXCEL),
    "UTF-16": (GOOD.decode().encode("utf-16"), Fault.UTF16),
    "cp1251": (GOOD.replace("Größe".encode(), "Вычисления".encode("cp1251")), Fault.NOT_UTF8),
    "half a letter": (GOOD + "ß".encode()[:1], Fault.NOT_UTF8),
    "NUL": (GOOD + b"a\0b", Fault.NUL),
    "half a gzip": (PACKED[: len(PACKED) // 2], Fault.GZIP_CUT),
    "a gzip without its end": (PACKED[:-3], Fault.GZIP_CUT),
    "a gzip with a wrong CRC": (WRONG_CRC, Fault.GZIP_BROKEN),
    "no gzip": (b"\x1f\x8b" + b"x" * 50, Fault.GZIP_BROKEN),
    "an empty gzip": (gzip.compress(b""), Fault.EMPTY),
    "half a Parquet file": (b"PAR1" + b"x" * 99, Fault.BROKEN_PARQUET),
    "two columns of one name": (TWICE, Fault.COLUMN_TWICE),
    "a missing column": (LACKING, Fault.COLUMNS_MISSING),
    "another table": (b"name,age\nNina,40\n", Fault.COLUMNS_MISSING),
    "an open quotation mark": (GOOD + b'"x,y\nz\n', Fault.QUOTES),
}


def read(path: Path, folder: Path) -> int:
    with UsageReading.open([unpack(path, folder)], Terms("EUR", "UTC"), folder) as reading:
        return reading.rows


@pytest.mark.parametrize("what", FILES)
def test_what_is_no_usage_file_is_refused(tmp_path: Path, what: str) -> None:
    content, code = FILES[what]
    path = tmp_path / "usage"
    path.write_bytes(content)
    with pytest.raises(UsageFileError) as error:
        read(path, tmp_path)
    assert (error.value.code, error.value.facts["file"]) == (code, "usage")


def test_gzip_of_several_members_is_read_and_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    head, _line, rows = GOOD.partition(b"\n")
    content = gzip.compress(head + b"\n" + rows) + gzip.compress(rows) + b"\0" * 100
    path = tmp_path / "usage.csv.gz"
    path.write_bytes(content)
    facts = unpack(path, tmp_path)
    assert (facts.sha256, facts.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert read(path, tmp_path) == 2


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_a_file_beyond_the_limit_is_refused(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(pack(GOOD * 100))
    with pytest.raises(UsageFileError) as error:
        unpack(path, tmp_path, max_bytes=len(GOOD) * 50)
    assert error.value.code == Fault.TOO_LARGE


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "SPARE_BYTES", 1024)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\n" * 8 * 1024**2))
    with pytest.raises(UsageFileError) as error:
        unpack(path, tmp_path)
    assert error.value.code == Fault.TOO_LARGE
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 3 * 1024**2
