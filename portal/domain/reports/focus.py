"""FOCUS 1.4: cost lines as rows of the FinOps Open Cost and Usage Specification.

https://focus.finops.org/focus-specification/v1-4/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Protocol

from portal.domain import billing_days, policy
from portal.domain.accounts import BillingAccount
from portal.domain.reports.cost import shift

OTHER = "Other"
INSTANT = "%Y-%m-%dT%H:%M:%SZ"
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
PROVIDERS = ("HostProviderName", "InvoiceIssuerName", "ServiceProviderName")
FOCUS_COLUMNS = (
    *(*COSTS, *PROVIDERS, "BillingAccountId", "BillingAccountName", "BillingAccountType"),
    *("BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargePeriodStart", "ChargePeriodEnd"),
    *("ConsumedQuantity", "ConsumedUnit", "InvoiceId", "PricingQuantity", "PricingUnit"),
    *("ServiceCategory", "ServiceSubcategory", "ServiceName"),
    *("SubAccountId", "SubAccountName", "SubAccountType"),
)


class Line(Protocol):
    """What a cloud cost, by service, category and unit; the unit is empty without a quantity."""

    @property
    def cloud_id(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def quantity(self) -> Decimal: ...


def focus_rows(
    account: BillingAccount,
    lines: Iterable[Line],
    names: Mapping[str, str],
    month: date,
    more: Mapping[str, object] | None = None,
) -> Iterator[list[object]]:
    """The lines of an account's month as FOCUS rows: the values of FOCUS_COLUMNS. `more` are values
    of all rows, such as who is billed."""
    payer = account.parent or account
    current = policy.current()
    begin, end = (billing_days.start_of(day) for day in (month, shift(month, 1)))
    shared: dict[str, object] = {
        **dict.fromkeys(PROVIDERS, current.product_name),
        "BillingAccountId": payer.id,
        "BillingAccountName": payer.name,
        "BillingAccountType": "BillingAccount",
        "BillingCurrency": current.currency,
        **dict.fromkeys(("BillingPeriodStart", "ChargePeriodStart"), f"{begin:{INSTANT}}"),
        **dict.fromkeys(("BillingPeriodEnd", "ChargePeriodEnd"), f"{end:{INSTANT}}"),
        "ServiceCategory": OTHER,
        "ServiceSubcategory": f"{OTHER} ({OTHER})",
        "SubAccountType": "Cloud",
        **(more or {}),
    }
    for line in lines:
        values = shared | _values_of(line) | {"SubAccountName": names.get(line.cloud_id, "")}
        yield [values.get(name, "") for name in FOCUS_COLUMNS]


def _values_of(line: Line) -> dict[str, object]:
    quantity: object = _number(line.quantity) if line.unit else ""
    return {
        **dict.fromkeys(COSTS, _number(line.amount)),
        "ChargeCategory": line.category,
        "ChargeClass": "Correction" if getattr(line, "is_correction", False) else "",
        "ChargeDescription": line.service,
        **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), quantity),
        **dict.fromkeys(("ConsumedUnit", "PricingUnit"), line.unit),
        "ServiceName": line.service or OTHER,
        "SubAccountId": line.cloud_id,
    }


def _number(value: Decimal) -> Decimal:
    return Decimal(format(value.normalize(), "f")) + 0  # no minus before zero
