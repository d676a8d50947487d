"""Why a usage file can't be read, and why a row of it is bad: codes, without sentences."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """Why a whole file is refused."""

    EMPTY = "empty"
    EXCEL = "excel"
    UTF16 = "utf16"
    NOT_UTF8 = "not-utf8"
    NUL = "nul"
    GZIP_CUT = "gzip-cut"
    GZIP_BROKEN = "gzip-broken"
    TOO_LARGE = "too-large"
    BROKEN_PARQUET = "broken-parquet"
    CHANGED = "changed"
    QUOTES = "quotes"
    COLUMN_TWICE = "same-columns"
    COLUMNS_MISSING = "columns-missing"
    AMOUNTS_LARGE = "amounts-large"
    NO_SPACE = "no-space"


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
