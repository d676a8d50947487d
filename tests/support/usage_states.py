"""The states of the pages of usage, with kept sums of a year for the demo's partner."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page

from portal.demo.people import EDDIE, OLGA
from portal.domain.reports import MONTHS, shift
from tests.support.claim_states import NINA
from tests.support.page_states import state
from tests.support.tour import PageState, Tour

Key = tuple[str, str, str, str]
SERVICES = (("Compute", "Hours"), ("Object storage", "GB-months"), ("Network", "GB"))


def add_sums(database: Path) -> None:
    """Add what the customers of each partner cost in the last MONTHS, once."""
    today = datetime.now(UTC).date()
    last = today.replace(day=1)
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        if connection.execute("SELECT 1 FROM usage_sums LIMIT 1").fetchone():
            return
        customers = "SELECT partner_id, subaccount_id, default_cloud_id FROM customers"
        partners: dict[str, list[tuple[str, str]]] = {}
        for partner_id, account_id, cloud_id in connection.execute(customers):
            partners.setdefault(partner_id, []).append((account_id, cloud_id or ""))
        for partner_id, listed in partners.items():
            for number in range(MONTHS):
                _add_month(connection, partner_id, listed, shift(last, number - MONTHS + 1), number)
            _add_day(connection, partner_id, today)


def _add_month(
    connection: sqlite3.Connection,
    partner_id: str,
    listed: list[tuple[str, str]],
    month: date,
    number: int,
) -> None:
    costs = {
        it: 10**6 * (max(4_000 - 290 * place, 40) + 97 * number * (place % 3))
        for place, it in enumerate(listed)
    }
    if number == MONTHS - 1 and listed:
        costs[listed[min(2, len(listed) - 1)]] = 0
    _add(connection, (partner_id, "total", "", ""), month, sum(costs.values()))
    for (account_id, cloud_id), micros in costs.items():
        _add(connection, (partner_id, "customer", account_id, ""), month, micros)
        _add(connection, (account_id, "total", "", ""), month, micros)
        for whose in (partner_id, account_id):
            if cloud_id:
                _add(connection, (whose, "cloud", cloud_id, ""), month, micros)
        connection.execute(
            "INSERT INTO usage_totals (account_id, cloud_id, month_on, payer_id, micros, service,"
            " category, unit, rest, quantity, nanos)"
            " VALUES (?, ?, ?, ?, ?, '', 'Usage', '', 0, 0, 0)",
            (account_id, cloud_id, month.isoformat(), partner_id, micros),
        )
        for service, unit in SERVICES:
            _add(connection, (account_id, "service", service, ""), month, micros // 3)
            _add(connection, (account_id, "quantity", service, unit), month, micros // 3)
    for service, unit in SERVICES:
        third = sum(costs.values()) // 3
        _add(connection, (partner_id, "service", service, ""), month, third)
        _add(connection, (partner_id, "quantity", service, unit), month, third)


def _add(connection: sqlite3.Connection, which: Key, month: date, micros: int) -> None:
    """Add the sum of a month: `which` are account, grouping, key and unit."""
    before = connection.execute(
        "SELECT micros FROM usage_sums WHERE account_id = ? AND grouped_by = ? AND key = ?"
        " AND unit = ? AND month_on = ?",
        (*which, shift(month, -1).isoformat()),
    ).fetchone()
    quantity = micros // 3_000_000 if which[3] else 0
    change = micros - (before[0] if before else 0)
    connection.execute(
        "INSERT INTO usage_sums (account_id, grouped_by, key, unit, month_on, micros, rest,"
        " quantity, nanos, change) VALUES (?, ?, ?, ?, ?, ?, 0, ?, 500000000, ?)",
        (*which, month.isoformat(), micros, quantity, change),
    )


def _add_day(connection: sqlite3.Connection, partner_id: str, today: date) -> None:
    """A day with usage, from which the forecast counts, and what it entered."""
    posting_id, now = f"pst{partner_id[3:]}", datetime.now(UTC).isoformat(" ")
    connection.execute(
        "INSERT INTO postings (id, kind, subject, reason, created_by, created_at, posted_at)"
        " VALUES (?, 'delivery', '', '', 'command', ?, ?)",
        (posting_id, now[:26], now[:26]),
    )
    connection.execute(
        "INSERT INTO day_sums (posting_id, account_id, usage_on, is_purchase, is_waivable, micros,"
        " rest) VALUES (?, ?, ?, FALSE, FALSE, 0, 0)",
        (posting_id, partner_id, (today - timedelta(days=1)).isoformat()),
    )
    connection.execute(
        "INSERT INTO entries (account_id, seq, posting_id, bearer, amount, balance, at)"
        " VALUES (?, 1, ?, 'personal', -287654321, -287654321, ?)",
        (partner_id, posting_id, now[:26]),
    )
    connection.execute(
        "UPDATE ledgers SET balance = -287654321, entries = 1 WHERE account_id = ?", (partner_id,)
    )


def used(name: str, endpoint: str, email: str, path: str) -> PageState:
    """The state that a page has with these sums."""
    plain = state(name, endpoint, email, path)

    def navigate(tour: Tour, page: Page) -> None:
        add_sums(tour.database)
        plain.navigate(tour, page)

    return replace(plain, navigate=navigate)


USAGE = [
    state("usage-none", "partner.usage.index", OLGA, "{partner}/usage"),
    state("customer-usage-none", "customers.usage", OLGA, "{active}/usage"),
    used("usage", "partner.usage.index", OLGA, "{partner}/usage"),
    used("usage-month", "partner.usage.index", OLGA, "{partner}/usage?month=2000-01&by=service"),
    used("usage-clouds", "partner.usage.index", OLGA, "{partner}/usage?by=cloud"),
    used("usage-quantities", "partner.usage.index", EDDIE, "{partner}/usage"),
    used("customer-usage", "customers.usage", OLGA, "{active}/usage"),
    used("customer-usage-services", "customers.usage", OLGA, "{active}/usage?by=service"),
    used("customer-usage-quantities", "customers.usage", EDDIE, "{active}/usage"),
    used("account-money", "billing.show", OLGA, "{account}"),
    used("account-payers", "billing.show", OLGA, "{subaccount}"),
    used("account-usage", "console.usage.show", NINA, "{subaccount}/usage"),
]
