"""The columns of usage files: FOCUS 1.0 to 1.4 and the plain CSV, found by their names.

https://focus.finops.org/focus-columns/
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from portal.usage_files.faults import Fault, UsageFileError

KEY_COLUMNS = ("SubAccountId", "BillingAccountId", "ResourceId")
"""Each may name a cloud; without another choice the first that is not null does."""
NEEDED = (
    "BilledCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
)
PLAIN_COLUMNS = ("cloud", "start", "end", "service", "quantity", "unit", "cost", "currency")
"""The columns of the plain CSV; every row is a charge of the category Usage."""
PLAIN_NEEDED = ("cloud", "start", "end", "cost", "currency")
PLAIN_NAMES = {
    "BilledCost": "cost",
    "BillingCurrency": "currency",
    "BillingPeriodStart": "start",
    "BillingPeriodEnd": "end",
    "ChargePeriodStart": "start",
    "ChargePeriodEnd": "end",
    "SubAccountId": "cloud",
}
"""What the plain CSV calls the columns of FOCUS."""
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
APART = frozenset(
    name.casefold()
    for name in (
        "Tags",
        "ResourceName",
        "SubAccountName",
        "BillingAccountName",
        "CommitmentDiscountName",
        "ChargeDescription",
        "AllocatedTags",
        "AllocatedResourceName",
        "AllocatedMethodDetails",
    )
)
"""FOCUS columns with names and texts of people, kept apart from the amounts like unknown ones."""
WITH_AMOUNTS = frozenset(
    name.casefold()
    for name in (
        *NEEDED,
        *KEY_COLUMNS,
        *PLAIN_COLUMNS,
        *("AvailabilityZone", "ChargeClass", "ChargeFrequency", "RegionId", "RegionName"),
        *("ServiceCategory", "ServiceSubcategory", "ServiceName", "ResourceType", "InvoiceId"),
        *("SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "CommitmentDiscountId"),
        *("EffectiveCost", "ListCost", "ContractedCost", "ListUnitPrice", "ContractedUnitPrice"),
        *("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit"),
        *("PricingCategory", "PricingCurrency", "ServiceProviderName", "ProviderName"),
        *("PublisherName", "HostProviderName", "InvoiceIssuerName", "InvoiceIssuer"),
    )
)
"""Columns that are kept with the amounts; all others lie apart."""
MAX_HEADER_BYTES = 1024 * 1024
OURS = "portal_"
"""The beginning of our own columns' names in kept pieces."""


class Layout(NamedTuple):
    """The columns of a file: `names` as delivered, `places` by case-folded name; `delimiter` is
    empty for Parquet. `doubles` are needed columns that are binary fractions."""

    names: tuple[str, ...]
    places: dict[str, int]
    delimiter: str = ""
    doubles: tuple[str, ...] = ()

    @property
    def is_focus(self) -> bool:
        return "billedcost" in self.places

    def place(self, name: str) -> int | None:
        return self.places.get(name.casefold())


def read_header(path: Path, file: str) -> Layout:
    """The layout of a CSV file by its first row, whose delimiter is one of `, ; tab`. Raises
    UsageFileError."""
    with path.open(encoding="utf-8-sig", newline="") as content:
        start = content.read(MAX_HEADER_BYTES)
    line = start.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=line.count)
    names = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])
    return layout_of(names, file, delimiter=delimiter)


def layout_of(
    names: list[str], file: str, *, delimiter: str = "", doubles: tuple[str, ...] = ()
) -> Layout:
    """The layout of these columns. Raises UsageFileError if two have one name, or needed ones are
    missing."""
    stripped = tuple(name.strip() for name in names)
    keys = [name.casefold() for name in stripped]
    twice = [name for name, count in Counter(keys).items() if count > 1 or name.startswith(OURS)]
    if twice:
        raise UsageFileError(Fault.COLUMN_TWICE, file=file, column=twice[0] or "–")
    layout = Layout(stripped, {key: place for place, key in enumerate(keys)}, delimiter, doubles)
    if missing := _missing(layout):
        raise UsageFileError(Fault.COLUMNS_MISSING, file=file, columns=missing)
    return layout


def _missing(layout: Layout) -> str:
    """The names of needed columns that the file does not have."""
    is_plain = not layout.is_focus and layout.place("cloud") is not None
    needed = PLAIN_NEEDED if is_plain else NEEDED
    missing = [name for name in needed if layout.place(name) is None]
    if not is_plain and all(layout.place(name) is None for name in KEY_COLUMNS):
        missing.append(KEY_COLUMNS[0])
    return ", ".join(missing)


def is_apart(name: str) -> bool:
    """Whether a column is kept apart from the amounts."""
    return name.casefold() in APART or name.casefold() not in WITH_AMOUNTS
