"""Generated FOCUS files for benchmarks: 44 columns, about 480 bytes a row, 3,000 accounts.

*hourly*: clouds run for 100 hours on end; *scattered*: nearly each row is a group of its own.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

HOURLY = """SELECT i, (i // 100) % 3000 AS account, (i // 100) * 7 % 6 AS service,
    (i // 100) * 13 % 640 + i % 100 AS hour FROM range({rows}) t(i)"""
SCATTERED = """SELECT i, hash('account' || i) % 3000 AS account,
    hash('service' || i) % 10 AS service, hash('hour' || i) % 744 AS hour
    FROM range({rows}) t(i)"""
"""Hashes, since multiples of the row's number fall into few groups together."""
SOURCES = {"hourly": HOURLY, "scattered": SCATTERED}

TEXT = "'%Y-%m-%dT%H:%M:%SZ'"
START = "TIMESTAMP '2026-10-01' + to_hours(hour::INTEGER)"
COST = "printf('%.11f', i * 7919 % 1000003 / 1000003.0)"
COLUMNS = {
    "BillingAccountId": "'account-1'",
    "BillingAccountName": "'Reseller'",
    "SubAccountId": "'project-' || account",
    "SubAccountName": "'Project ' || account",
    "BillingCurrency": "'EUR'",
    "BillingPeriodStart": "'2026-10-01T00:00:00Z'",
    "BillingPeriodEnd": "'2026-11-01T00:00:00Z'",
    "ChargePeriodStart": f"strftime({START}, {TEXT})",
    "ChargePeriodEnd": f"strftime({START} + INTERVAL 1 HOUR, {TEXT})",
    "ChargeCategory": "CASE WHEN i % 50 = 0 THEN 'Tax' ELSE 'Usage' END",
    "ChargeClass": "''",
    "ChargeDescription": "'Virtual machine, ' || service || ' cores'",
    "ChargeFrequency": "'Usage-Based'",
    **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), COST),
    **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), "'1'"),
    **dict.fromkeys(("ConsumedUnit", "PricingUnit"), "'Hours'"),
    **dict.fromkeys(("ListUnitPrice", "ContractedUnitPrice"), "'0.5'"),
    "PricingCategory": "'Standard'",
    "ServiceProviderName": "'Provider'",
    "InvoiceIssuerName": "'Provider'",
    "PublisherName": "'Provider'",
    "InvoiceId": "'invoice-2026-10'",
    "RegionId": "'eu-' || i % 3",
    "RegionName": "'Europe ' || i % 3",
    "AvailabilityZone": "'eu-' || i % 3 || 'a'",
    "ResourceId": "'vm-' || (account * 10 + i % 10)",
    "ResourceName": "'Machine ' || (account * 10 + i % 10)",
    "ResourceType": "'VM'",
    "ServiceCategory": "'Compute'",
    "ServiceSubcategory": "'Virtual Machines'",
    "ServiceName": "'Service ' || service",
    "SkuId": "'sku-' || i % 40",
    "SkuMeter": "'Hours of a core'",
    "SkuPriceId": "'price-' || i % 40",
    "CommitmentDiscountId": "''",
    "CommitmentDiscountName": "''",
    "CommitmentDiscountType": "''",
    "CapacityReservationId": "''",
    "Tags": """'{"environment": "production", "team": "' || account % 100 || '"}'""",
}


def generate(path: Path, kind: str, rows: int) -> None:
    """Write a file of this kind."""
    columns = ", ".join(f'{value} AS "{name}"' for name, value in COLUMNS.items())
    source = SOURCES[kind].format(rows=rows)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {columns} FROM ({source})) TO '{path}' (HEADER)")


def to_parquet(path: Path, target: Path) -> None:
    """What DuckDB alone takes to turn the CSV into Parquet: the measure of an import."""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    with duckdb.connect(config={"memory_limit": "400MB"}) as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{path}', auto_detect=false, header=true,"
            f" columns={{{columns}}}, delim=',', quote='\"', escape='\"'))"
            f" TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
