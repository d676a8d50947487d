"""Why a usage file can't be read, and why a row of it is bad: codes, without sentences."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """Why a whole file is refused."""

    EMPTY = "usage-file-empty"
    EXCEL = "usage-file-excel"
    UTF16 = "usage-file-utf16"
    NOT_UTF8 = "usage-file-not-utf8"
    NUL = "usage-file-nul"
    GZIP_CUT = "usage-file-gzip-cut"
    GZIP_BROKEN = "usage-file-gzip-broken"
    TOO_LARGE = "usage-file-too-large"
    BROKEN_PARQUET = "usage-file-broken-parquet"
    CHANGED = "usage-file-changed"
    QUOTES = "usage-file-quotes"
    COLUMN_TWICE = "usage-file-column-twice"
    COLUMNS_MISSING = "usage-file-columns-missing"
    AMOUNTS_LARGE = "usage-file-amounts-large"
    NO_SPACE = "usage-file-no-space"


class Reason(StrEnum):
    """Why a row is bad."""

    COLUMNS = "columns"
    QUOTES = "quotes"
    MISSING = "missing"
    NOT_A_NUMBER = "not-a-number"
    TOO_LARGE = "too-large"
    DECIMALS = "decimals"
    CURRENCY = "currency"
    DATE = "date"
    REVERSED = "reversed"
    CATEGORY = "category"
    NO_KEY = "no-key"
    KEY_LONG = "key-long"


class UsageFileError(Exception):
    """A file that can't be read; `file` is its name."""

    def __init__(self, code: Fault, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
