"""The pages of statements: of a partner, of a customer, and a draft."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from playwright.sync_api import Page

from tests.support.tour import Tour

MONTH, AT = "2024-01-01", "2024-02-10 00:00:00.000000"
"""Before the demonstration began."""
PARTIES = {
    "issuer": '{"name": "Halden Integration GmbH", "lines": ["Speicherstraße 4", "20457 Hamburg"],'
    ' "tin": "DE811569869", "email": "billing@halden.example"}',
    "recipient": '{"name": "Nettlecombe Instruments Ltd", "lines": ["4 Cooper Row", "BS1 6QF"],'
    ' "tin": "GB421908733", "email": ""}',
}
PRICED = """SELECT account_id, month_on, 1000000 * SUM(whole) + SUM(millionths) FROM price_sums
    WHERE payer_id = ? AND account_id <> payer_id
    GROUP BY account_id, month_on HAVING SUM(whole) > 0 AND SUM(missing) = 0
    ORDER BY month_on DESC, account_id LIMIT 1"""
"""A customer's month with prices, whose sum is the total of the draft."""
TOTAL = 477_470_000
FIRST_NUMBER = 9001
STATEMENT = """INSERT INTO statements (id, kind, state, account_id, issuer_id, month_on, created_at,
    released_at, released_by, prefix, number, currency, total, carried, is_last, missing, issuer,
    recipient, payments) VALUES (?, ?, 'draft', ?, ?, ?, ?, NULL, '', '', NULL, 'EUR', ?, 0,
    FALSE, ?, '{}', '{}', '[["personal", "477.47"]]')"""
LINE = """INSERT INTO statement_lines (statement_id, number, account_id, customer, cloud_id, cloud,
    service, is_correction, amount, micros, rest) VALUES (?, ?, ?, '', 'b1g1k3camo0gsg0lio44',
    'default', ?, ?, ?, 0, 0)"""
RELEASE = """UPDATE statements SET state = 'released', released_at = ?, released_by = 'sql',
    prefix = 'HI-2026-', number = ?, issuer = ?, recipient = ? WHERE id = ?"""
CUSTOMERS = """SELECT subaccount_id FROM customers WHERE partner_id = ? AND status = 'Active'
    ORDER BY name LIKE '%Quillmoor%' DESC, id LIMIT 1"""


def add(page: Page, tour: Tour) -> str:
    """Give the partner and two of its customers statements; the path of the partner's page."""
    path = tour.resolve(page, "{partner}")
    partner = path.rpartition("/")[2]
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        (first,) = connection.execute(CUSTOMERS, [partner]).fetchone()
        _add_released(connection, 0, partner, "")
        _add_released(connection, 1, first, partner)
        account, month, micros = connection.execute(PRICED, [partner]).fetchone()
        total = (micros + 5_000) // 10_000 * 10_000
        _add(connection, 2, account, partner, month=month, total=total)
    return f"{path}/statements"


def _add(
    connection: sqlite3.Connection,
    number: int,
    account: str,
    issuer: str,
    *,
    month: str = MONTH,
    total: int = TOTAL,
) -> str:
    """Add a draft; its ID."""
    ident = "stm" + f"pages{number}".ljust(17, "0")
    kind, missing = ("customer" if issuer else "account"), number - 1 if issuer else 0
    connection.execute(STATEMENT, [ident, kind, account, issuer, month, AT, total, missing])
    return ident


def _add_released(connection: sqlite3.Connection, number: int, account: str, issuer: str) -> None:
    ident = _add(connection, number, account, issuer)
    for line, (service, is_correction, amount) in enumerate(
        (("Compute", 0, 489_870_000), ("Object storage", 1, -12_400_000))
    ):
        connection.execute(LINE, [ident, line, account, service, is_correction, amount])
    values = [AT, FIRST_NUMBER + number, PARTIES["issuer"], PARTIES["recipient"], ident]
    connection.execute(RELEASE, values)


def path_of(number: int, prefix: str = "{statements}") -> str:
    """The path of one of the statements."""
    return f"{prefix}/{'stm' + f'pages{number}'.ljust(17, '0')}"
