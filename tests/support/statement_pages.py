"""The pages of statements: of a partner, of a customer, and a draft."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from playwright.sync_api import Page

from tests.support.tour import Tour

MONTH, AT = "2026-01-01", "2026-02-10 00:00:00.000000"
PARTIES = {
    "issuer": '{"name": "Halden Integration GmbH", "lines": ["Speicherstraße 4", "20457 Hamburg"],'
    ' "tin": "DE811569869", "email": "billing@halden.example"}',
    "recipient": '{"name": "Nettlecombe Instruments Ltd", "lines": ["4 Cooper Row", "BS1 6QF"],'
    ' "tin": "GB421908733", "email": ""}',
}
STATEMENT = """INSERT INTO statements (id, kind, state, account_id, issuer_id, month_on, created_at,
    released_at, released_by, prefix, number, currency, total, carried, is_last, missing, issuer,
    recipient, payments) VALUES (?, ?, 'draft', ?, ?, ?, ?, NULL, '', '', NULL, 'EUR', 477470000, 0,
    FALSE, ?, '{}', '{}', '[["personal", "477.47"]]')"""
LINE = """INSERT INTO statement_lines (statement_id, number, account_id, customer, cloud_id, cloud,
    service, is_correction, amount, micros, rest) VALUES (?, ?, ?, '', 'b1g1k3camo0gsg0lio44',
    'default', ?, ?, ?, 0, 0)"""
RELEASE = """UPDATE statements SET state = 'released', released_at = ?, released_by = 'sql',
    prefix = 'HI-2026-', number = ?, issuer = ?, recipient = ? WHERE id = ?"""
CUSTOMERS = """SELECT subaccount_id FROM customers WHERE partner_id = ? AND status = 'Active'
    ORDER BY name LIKE '%Quillmoor%' DESC, id LIMIT 2"""


def add(page: Page, tour: Tour) -> str:
    """Give the partner and two of its customers statements; the path of the partner's page."""
    path = tour.resolve(page, "{partner}")
    partner = path.rpartition("/")[2]
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        first, second = (row[0] for row in connection.execute(CUSTOMERS, [partner]))
        for number, (account, issuer) in enumerate(
            ((partner, ""), (first, partner), (second, partner))
        ):
            _add(connection, number, account, issuer)
    return f"{path}/statements"


def _add(connection: sqlite3.Connection, number: int, account: str, issuer: str) -> None:
    ident = "stm" + f"pages{number}".ljust(17, "0")
    kind, missing = ("customer" if issuer else "account"), number - 1 if issuer else 0
    connection.execute(STATEMENT, [ident, kind, account, issuer, MONTH, AT, missing])
    if number == 2:
        return  # stays a draft
    for line, (service, is_correction, amount) in enumerate(
        (("Compute", 0, 489_870_000), ("Object storage", 1, -12_400_000))
    ):
        connection.execute(LINE, [ident, line, account, service, is_correction, amount])
    values = [AT, number + 1, PARTIES["issuer"], PARTIES["recipient"], ident]
    connection.execute(RELEASE, values)


def path_of(number: int, prefix: str = "{statements}") -> str:
    """The path of one of the statements."""
    return f"{prefix}/{'stm' + f'pages{number}'.ljust(17, '0')}"
