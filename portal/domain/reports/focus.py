"""FOCUS 1.4: cost lines as rows of the FinOps Open Cost and Usage Specification.

https://focus.finops.org/focus-specification/v1-4/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from portal.domain import billing_days, policy
from portal.domain.reports.cost import shift
from portal.domain.reports.lines import CostLine

CATEGORY_OTHER = "Other"
FOCUS_COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "ServiceSubcategory",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
)


def focus_rows(
    payer: Any, lines: Iterable[CostLine], names: Mapping[str, str], month: date
) -> Iterator[dict[str, str]]:
    """The lines of a month as FOCUS rows, with the values of FOCUS_COLUMNS in their order."""
    begin, end = (billing_days.start_of(day) for day in (month, shift(month, 1)))
    period = {"Start": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "End": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    provider = policy.current().product_name
    for line in lines:
        is_usage = line.category == "Usage"
        cost = _number(line.amount)
        quantity = _number(line.quantity) if is_usage and line.unit else ""
        unit = line.unit if is_usage else ""
        yield {
            "BilledCost": cost,
            "BillingAccountId": payer.id,
            "BillingAccountName": payer.name,
            "BillingAccountType": "BillingAccount",
            "BillingCurrency": policy.current().currency,
            "BillingPeriodEnd": period["End"],
            "BillingPeriodStart": period["Start"],
            "ChargeCategory": line.category,
            "ChargeClass": "",
            "ChargeDescription": line.service,
            "ChargePeriodEnd": period["End"],
            "ChargePeriodStart": period["Start"],
            "ConsumedQuantity": quantity,
            "ConsumedUnit": unit,
            "ContractedCost": cost,
            "EffectiveCost": cost,
            "HostProviderName": provider,
            "InvoiceIssuerName": provider,
            "ListCost": cost,
            "PricingQuantity": quantity,
            "PricingUnit": unit,
            "ServiceCategory": CATEGORY_OTHER,
            "ServiceName": line.service or CATEGORY_OTHER,
            "ServiceProviderName": provider,
            "ServiceSubcategory": "Other (Other)",
            "SubAccountId": line.cloud_id,
            "SubAccountName": names.get(line.cloud_id) or "",
            "SubAccountType": "Cloud",
        }


def _number(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text == "-0" else text
