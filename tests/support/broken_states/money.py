"""Broken states of money: Dora's lot pays for one row, and for each check a step breaks that."""

from __future__ import annotations

from sqlalchemy import insert

from portal import db
from portal.domain.usage import DeliveryPart
from tests.support.broken_states.steps import APRIL
from tests.support.broken_states.usage import NO_PARQUET, PUBLISH
from tests.support.state_breaking import Case, Params
from tests.support.usage_files import kept_parts

DAY = "'2026-03-02', FALSE, FALSE"
PAID = (
    *PUBLISH,
    "UPDATE usage_keys SET cloud_id = :doras_cloud WHERE id = :usage_key",
    "INSERT INTO postings (id, kind, subject, reason, created_by, created_at, posted_at)"
    f" VALUES ('pst', 'delivery', :delivery, '', 'sql', {APRIL}, {APRIL})",
    "INSERT INTO charges (posting_id, number, source_id, scope_on, account_id, payer_id, cloud_id,"
    " service, category, month_on, usage_on, is_purchase, is_waivable, micros, rest)"
    " VALUES ('pst', 0, :source, '2026-03-01', :direct, :direct, :doras_cloud, '', 'Usage',"
    f" '2026-03-01', {DAY}, 1, 1)",
    "INSERT INTO charge_sums (posting_id, number, month_on, payer_id, account_id, cloud_id,"
    " service, category, is_correction, micros, rest) VALUES ('pst', 0, '2026-03-01', :direct,"
    " :direct, :doras_cloud, '', 'Usage', FALSE, 1, 1)",
    "INSERT INTO day_sums (posting_id, account_id, usage_on, is_purchase, is_waivable, micros,"
    f" rest) VALUES ('pst', :direct, {DAY}, 1, 1)",
    "INSERT INTO draws (posting_id, account_id, usage_on, is_purchase, is_waivable, bearer, micros)"
    f" VALUES ('pst', :direct, {DAY}, :lot, 1)",
    "UPDATE lots SET used = 1 WHERE account_id = :direct",
    "INSERT INTO entries (account_id, seq, posting_id, bearer, amount, balance, at)"
    f" VALUES (:direct, 1, 'pst', :lot, -1, 0, {APRIL})",
    "UPDATE ledgers SET entries = 1 WHERE account_id = :direct",
    "INSERT INTO usage_totals (account_id, payer_id, cloud_id, service, category, unit, month_on,"
    " micros, rest, quantity, nanos) VALUES (:direct, :direct, :doras_cloud, '', 'Usage', 'Hours',"
    " '2026-03-01', 1, 1, 1, 0)",
    *(
        "INSERT INTO usage_sums (account_id, grouped_by, key, unit, month_on, micros, rest,"
        f" quantity, nanos, change) VALUES (:direct, '{by}', {key}, '{unit}', '2026-03-01',"
        " 1, 1, 1, 0, 1)"
        for by, key, unit in (
            ("total", "''", ""),
            ("customer", ":direct", ""),
            ("cloud", ":doras_cloud", ""),
            ("service", "''", ""),
            ("quantity", "''", "Hours"),
        )
    ),
)
"""Steps that publish a row of Dora's cloud, which her lot pays."""


def borne_by(bearer: str) -> tuple[str, ...]:
    """Steps after which something else than the lot bears the row."""
    tables = ("draws", "entries")
    return (
        *(f"UPDATE {table} SET bearer = '{bearer}'" for table in tables),
        "UPDATE lots SET used = 0 WHERE account_id = :direct",
    )


ROW = {
    "BilledCost": "0.000001000000001",
    "SubAccountId": "project-0",
    "ServiceName": "",
    "BillingPeriodStart": "2026-03-01",
    "BillingPeriodEnd": "2026-04-01",
    "ChargePeriodStart": "2026-03-02T10:00:00Z",
    "ChargePeriodEnd": "2026-03-02T11:00:00Z",
}


def keep_rows(params: Params) -> None:
    """A step that keeps the row as it was delivered."""
    (content,) = kept_parts(ROW)
    part = {"delivery_id": params["delivery"], "content": content}
    db.session.execute(insert(DeliveryPart), [{**NO_PARQUET, **part}])


PRICE_TABLES = ("prices", "price_totals", "price_sums")
PRICE_KEY = "account_id, payer_id, cloud_id, service, month_on"
PRICE_AMOUNTS = "micros, rest, whole, millionths, missing"
PRICED = (
    "INSERT INTO postings (id, kind, subject, reason, created_by, created_at, posted_at)"
    f" VALUES ('pst', 'repricing', :north, '', 'sql', {APRIL}, {APRIL})",
    "INSERT INTO rates (partner_id, number, subaccount_id, service, starts_on, percent,"
    f" created_at, created_by) VALUES (:north, 1, '', '', '2026-03-01', 0, {APRIL}, 'sql')",
    f"INSERT INTO prices (posting_id, number, {PRICE_KEY}, category, usage_on, {PRICE_AMOUNTS})"
    " VALUES ('pst', 0, :ninas_subaccount, :north, :ninas_cloud, '', '2026-03-01', 'Usage',"
    " '2026-03-02', 0, 0, 0, 0, 0)",
    f"INSERT INTO price_totals (posting_id, number, {PRICE_KEY}, category, {PRICE_AMOUNTS}) VALUES"
    " ('pst', 0, :ninas_subaccount, :north, :ninas_cloud, '', '2026-03-01', 'Usage', 0, 0, 0, 0,"
    " 0)",
    *(
        f"INSERT INTO price_sums (account_id, payer_id, service, month_on, {PRICE_AMOUNTS})"
        f" VALUES ({of}, :north, '', '2026-03-01', 0, 0, 0, 0, 0)"
        for of in (":ninas_subaccount", ":north")
    ),
)
"""Steps that price nothing."""


CASES = (
    Case(
        "priced-cost-differs-from-charges",
        (*PRICED, *(f"UPDATE {table} SET micros = 2, millionths = 2" for table in PRICE_TABLES)),
        ("ninas_subaccount",),
    ),
    Case(
        "prices-differ-from-rates",
        (*PRICED, *(f"UPDATE {table} SET millionths = 1" for table in PRICE_TABLES)),
        ("ninas_subaccount",),
    ),
    Case(
        "price-total-differs",
        (*PRICED, *(f"UPDATE {table} SET missing = 1" for table in PRICE_TABLES[1:])),
        ("ninas_subaccount",),
    ),
    Case(
        "price-sum-differs",
        (*PRICED, "UPDATE price_sums SET whole = 1 WHERE account_id = :north"),
        ("north",),
    ),
    Case(
        "charges-differ-from-links",
        (
            *(*PAID, keep_rows, "UPDATE charges SET account_id = :south"),
            "UPDATE charge_sums SET account_id = :south",
            "UPDATE usage_totals SET account_id = :south, quantity = 0, unit = ''",
            "DELETE FROM usage_sums WHERE grouped_by = 'quantity'",
            "UPDATE usage_sums SET quantity = 0",
            "UPDATE usage_sums SET key = :south WHERE grouped_by = 'customer'",
            "INSERT INTO usage_sums (account_id, grouped_by, key, unit, month_on, micros, rest,"
            " quantity, nanos, change) SELECT :south, grouped_by, key, unit, month_on, micros,"
            " rest, quantity, nanos, change FROM usage_sums"
            " WHERE grouped_by IN ('total', 'cloud', 'service')",
        ),
        ("direct", "south"),
        also=(("priced-cost-differs-from-charges", "south"),),
    ),
    Case(
        "charges-differ-from-rows",
        (*PAID, "UPDATE usage_keys SET cloud_id = NULL WHERE id = :usage_key"),
        ("source",),
    ),
    Case("day-differs-from-charges", (*PAID, "UPDATE day_sums SET rest = 2"), ("direct",)),
    Case(
        "draws-differ-from-day",
        (
            *PAID,
            "UPDATE draws SET micros = 2",
            "UPDATE lots SET used = 2 WHERE account_id = :direct",
            "UPDATE entries SET amount = -2",
        ),
        ("direct",),
    ),
    Case("entries-differ-from-draws", (*PAID, "UPDATE entries SET amount = -2"), ("direct",)),
    Case(
        "entries-chain-broken",
        (
            *PAID,
            "UPDATE entries SET balance = 5",
            "UPDATE ledgers SET balance = 5 WHERE account_id = :direct",
        ),
        ("direct",),
    ),
    Case(
        "balance-differs-from-entries",
        (*PAID, "UPDATE ledgers SET balance = 7 WHERE account_id = :direct"),
        ("direct",),
    ),
    Case("lot-differs-from-draws", ("UPDATE lots SET used = 2 WHERE id = :lot",), ("lot",)),
    Case(
        "debited-before-lot-is-spent",
        (
            *PAID,
            *borne_by("personal"),
            "UPDATE entries SET balance = -1",
            "UPDATE ledgers SET balance = -1 WHERE account_id = :direct",
        ),
        ("direct",),
    ),
    Case("day-not-covered", (*PAID, *borne_by("waived")), ("direct",)),
    Case(
        "ledger-missing-or-of-another-mode",
        ("UPDATE ledgers SET paid_since = NULL WHERE account_id = :north",),
        ("north",),
    ),
    Case(
        "total-differs-from-charges",
        (*PAID, "UPDATE usage_totals SET rest = 2", "UPDATE usage_sums SET rest = 2"),
        ("direct",),
    ),
    Case(
        "correction-differs-from-charges",
        (
            *PAID,
            "INSERT INTO corrected_totals (account_id, payer_id, cloud_id, service, category, unit,"
            " month_on, micros, rest, quantity, nanos) VALUES (:direct, :direct, :doras_cloud, '',"
            " 'Usage', 'Hours', '2026-03-01', 1, 1, 1, 0)",
        ),
        ("direct",),
    ),
    Case(
        "sum-differs-from-totals",
        (*PAID, "UPDATE usage_sums SET nanos = 5 WHERE grouped_by = 'quantity'"),
        ("direct",),
    ),
    Case(
        "change-differs-from-sums",
        (*PAID, "UPDATE usage_sums SET change = 5 WHERE grouped_by = 'cloud'"),
        ("direct",),
    ),
)
