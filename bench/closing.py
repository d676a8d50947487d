"""Benchmark of closing a month: a partner's statement of all its customers, and their drafts.

`python -m bench.closing [CUSTOMERS]` (100,000), on SQLite and PostgreSQL. It prints how long drafts
and the statement take, and the longest wait of another writer.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import func, insert, select

from bench.usage_import import other_writer
from portal import db
from portal.domain import statements
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actors import COMMAND
from portal.domain.charges import ChargeSum
from portal.domain.clouds import Cloud
from portal.domain.connections import BUILTIN_ID
from portal.domain.ledger import Draw, Ledger, Posting, PostingKind
from portal.domain.prices import PriceSum
from portal.domain.statements import StatementLine
from portal.domain.totals import UsageTotal
from portal.worker import statement_making
from tests.conftest import KINDS, Databases, make_app

PARTNER, POSTING = "dn2partner0000000000", "pst00000000000000000"
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
MONTH = "2025-01-01"
SERVICES = ("Compute", "Block storage")
MICROS = 1_234_567


def add_customers(customers: int) -> None:
    """Add the partner, and customers with a cloud each, which used each service in the month."""
    named = {"name": "Client", "name_key": "client", "created_at": BEGAN, "mode": Mode.PAID}
    partner = {"id": PARTNER, "kind": Kind.PARTNER, **named}
    db.session.execute(insert(BillingAccount), [partner])
    db.session.execute(insert(Ledger), [{"account_id": PARTNER, "paid_since": BEGAN}])
    posting = {"id": POSTING, "kind": PostingKind.DELIVERY, "subject": "bench", "reason": ""}
    times = {"created_at": BEGAN, "posted_at": BEGAN, "open_on": date.min, "created_by": "bench"}
    db.session.execute(insert(Posting), [{**posting, **times}])
    pairs = [(f"dn2{number:017}", f"b1g{number:017}") for number in range(customers)]
    accounts = [
        {"id": account_id, "kind": Kind.SUBACCOUNT, "parent_id": PARTNER, **named}
        for account_id, _cloud_id in pairs
    ]
    db.session.execute(insert(BillingAccount), accounts)
    clouds = [
        {"id": cloud_id, "connection_id": BUILTIN_ID, "name": "default", "name_key": "default"}
        for _account_id, cloud_id in pairs
    ]
    db.session.execute(insert(Cloud), [{**cloud, "created_at": BEGAN} for cloud in clouds])
    for model, columns, rows in _sums(pairs):
        db.insert_rows(model, columns, rows)


def _sums(pairs: list[tuple[str, str]]) -> Iterator[tuple[Any, tuple[str, ...], Iterator[Any]]]:
    """What is kept of usage: tables with columns and rows."""
    each = [(*pair, service) for pair in pairs for service in SERVICES]
    yield (
        ChargeSum,
        (
            *("posting_id", "number", "month_on", "payer_id", "account_id", "cloud_id"),
            *("service", "category", "is_correction", "micros", "rest"),
        ),
        (
            (POSTING, number, MONTH, PARTNER, *key, "Usage", False, MICROS, 1)
            for number, key in enumerate(each)
        ),
    )
    yield (
        UsageTotal,
        (
            *("account_id", "cloud_id", "service", "payer_id", "category", "unit", "month_on"),
            *("micros", "rest", "quantity", "nanos"),
        ),
        ((*key, PARTNER, "Usage", "Hours", MONTH, MICROS, 1, 24, 0) for key in each),
    )
    yield (
        PriceSum,
        (
            *("account_id", "month_on", "service", "payer_id", "micros", "rest"),
            *("whole", "millionths", "missing"),
        ),
        ((pair[0], MONTH, "Compute", PARTNER, MICROS, 1, 2, 5, 0) for pair in pairs),
    )
    bearer = (POSTING, PARTNER, "2025-01-31", False, False, "personal", len(each) * MICROS)
    names = ("posting_id", "account_id", "usage_on", "is_purchase", "is_waivable", "bearer")
    yield Draw, (*names, "micros"), iter([bearer])


def measure(database: str, customers: int, databases: Databases) -> None:
    app = make_app(databases.empty(database))
    waits: list[float] = []
    with app.app_context():
        flask_migrate.upgrade()
        db.write(lambda: add_customers(customers))
        db.write(lambda: statements.close(date.fromisoformat(MONTH), by=COMMAND))
        with other_writer(app, waits):
            begin = time.perf_counter()
            books = db.read(statements.next_books)
            assert books is not None
            while db.read(lambda: statements.undrafted(books)):
                statement_making.advance()
            drafted, drafts_wait = time.perf_counter(), max(waits, default=0)
            waits.clear()
            while statement_making.advance():
                pass
            end = time.perf_counter()
        query = select(func.count()).select_from(StatementLine)
        lines = db.read(lambda: db.session.scalar(query))
        print(f"{database:11}drafts {drafted - begin:7.2f} s, longest wait {drafts_wait:.2f} s")
        print(f"{'':11}{lines} lines {end - drafted:7.2f} s, longest wait {max(waits):.2f} s")
        db.session.remove()
        db.extension.engine.dispose()


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        databases = Databases(Path(name))
        try:
            for database in KINDS:
                measure(database, customers, databases)
        finally:
            if databases.server is not None:
                databases.server.stop()


if __name__ == "__main__":
    main()
