"""Benchmark of usage pages: 12 million rows behind them against 1,000.

`python -m bench.usage_pages [KIND]`, on SQLite and PostgreSQL, or one of them. What rows add up to
by cloud and service is generated, not the rows, since no page reads them; the product's own
statements make the sums that pages read. Both databases are asked in turn, so that a busy machine
slows both.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import flask_migrate
from flask import Flask
from sqlalchemy import insert

from bench.usage_import import seconds
from portal import db
from portal.domain import identity, ledger, prices, totals
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud, Link
from portal.domain.connections import BUILTIN_ID
from portal.domain.ledger import UNITS_OF_MICRO, DayKind, PostingKind
from portal.domain.prices import PriceList
from portal.domain.totals import NANO, ChangeRow
from tests.conftest import KINDS, Databases, make_app
from tests.support.world import NINA, OLGA, World, build, user

ROUNDS = 40
MONTHS = [f"2026-{month:02}-01" for month in range(1, 11)]
SERVICES = 10
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Size(NamedTuple):
    """How many customers with a cloud each, how many services each of them uses, and how many
    clouds Nina's subaccount has; each total stands for so many rows."""

    customers: int
    services: int
    clouds: int
    rows: int


FEW = Size(51, 1, 51, 1)
MANY = Size(3_000, SERVICES, 10_000, 30)


class Side(NamedTuple):
    app: Flask
    world: World
    browsers: dict[str, Any]


def rows_behind(size: Size) -> int:
    return len(MONTHS) * size.rows * (size.customers * size.services + size.clouds)


def add_totals(world: World, size: Size) -> None:
    """Add clouds, and post their totals month by month."""
    pairs = [*_pairs(world, size)]
    _add_clouds(world, pairs)
    db.session.add(PriceList(partner_id=world.north, is_published=True))
    for month_on in MONTHS:
        posting = ledger.begin(PostingKind.DELIVERY, subject="bench", by=COMMAND)
        changes = [_change(world.north, pair, month_on, size.rows) for pair in pairs]
        day = DayKind(datetime.fromisoformat(f"{month_on[:8]}28").date(), False, False)
        ledger.add_days(posting.id, {world.north: {day: 10**15}})
        totals.add_changes(posting.id, 0, changes)
        totals.keep(posting.id)
        prices.insert_totals(
            (
                *(posting.id, number, row.payer_id, row.account_id, row.cloud_id, row.service),
                *(month_on, *divmod(row.units, UNITS_OF_MICRO), 1, 0, 0),
            )
            for number, row in enumerate(changes)
        )
        prices.keep_totals(posting.id)


def _pairs(world: World, size: Size) -> Iterator[tuple[str, str, int]]:
    """Account, cloud and the number of a service."""
    for number in range(size.customers):
        for service in range(size.services):
            yield f"dn2{number:017}", f"b1g{number:017}", number + service
    for number in range(size.clouds):
        yield world.ninas_subaccount, f"b1gn{number:016}", number


def _add_clouds(world: World, pairs: list[tuple[str, str, int]]) -> None:
    accounts, clouds, links = dict[str, Any](), dict[str, Any](), list[dict[str, Any]]()
    for number, (cloud_id, account_id) in enumerate({pair[1]: pair[0] for pair in pairs}.items()):
        named = {"name": f"Cloud {number}", "name_key": f"cloud {number}", "created_at": BEGAN}
        clouds[cloud_id] = {"id": cloud_id, "connection_id": BUILTIN_ID, **named}
        if account_id != world.ninas_subaccount:
            kind = {"kind": Kind.SUBACCOUNT, "mode": Mode.PAID, "parent_id": world.north}
            accounts[account_id] = {"id": account_id, **kind, **named, "confirmed_at": BEGAN}
        link = {"cloud_id": cloud_id, "account_id": account_id, "since_at": BEGAN}
        links.append({"id": f"lnk{number:017}", **link, "linked_by": "bench"})
    for model, rows in ((BillingAccount, accounts), (Cloud, clouds)):
        db.session.execute(insert(model), list(rows.values()))
    db.session.execute(insert(Link), links)


def _change(payer_id: str, pair: tuple[str, str, int], month_on: str, rows: int) -> ChangeRow:
    account_id, cloud_id, number = pair
    return ChangeRow(
        account_id=account_id,
        payer_id=payer_id,
        cloud_id=cloud_id,
        service=f"Service {number % SERVICES}",
        category="Usage",
        unit="Hours",
        month_on=month_on,
        units=(hash((cloud_id, number, month_on)) % 10**6 + 1) * 10**12,
        nanos=rows * NANO,
    )


def open_side(databases: Databases, kind: str, size: Size) -> Side:
    app = make_app(databases.empty(kind))
    with app.app_context():
        flask_migrate.upgrade()
        world = build()
        db.write(lambda: add_totals(world, size))
        if kind == "postgresql":  # as autovacuum does
            with db.extension.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("VACUUM ANALYZE")
        browsers = {email: _browser(app, email) for email in (OLGA, NINA)}
    return Side(app, world, browsers)


def _browser(app: Flask, email: str) -> Any:
    browser = app.test_client()
    who = user(email).id
    token = db.write(lambda: identity.open_session(who, user_agent="Browser"))
    with browser.session_transaction() as session:
        session["_user_id"] = token
    return browser


def pages_of(world: World) -> dict[str, tuple[str, str]]:
    """Who opens which page."""
    partner, month = f"/partner/{world.north}", "month=2026-10"
    customer = f"{partner}/customers/{world.ninas_customer}/usage?{month}"
    account = f"/console/billing/{world.north}/usage?{month}"
    return {
        "partner, by customer": (OLGA, f"{partner}/usage?{month}&by=customer"),
        "partner, by cloud": (OLGA, f"{partner}/usage?{month}&by=cloud"),
        "partner, by service": (OLGA, f"{partner}/usage?{month}&by=service"),
        "customer’s page, by cloud": (OLGA, f"{customer}&by=cloud"),
        "console, by cloud": (OLGA, f"{account}&by=cloud"),
        "what the customer sees": (
            NINA,
            f"/console/billing/{world.ninas_subaccount}/usage?{month}",
        ),
    }


def get(side: Side, email: str, url: str) -> None:
    answer = side.browsers[email].get(url)
    assert answer.status_code == 200, (url, answer.status)


def measure(kind: str, databases: Databases) -> None:
    sides = [open_side(databases, kind, size) for size in (FEW, MANY)]
    listed = [pages_of(side.world) for side in sides]
    for name in listed[0]:
        times: list[list[float]] = [[], []]
        for round_ in range(ROUNDS + 1):
            for side, pages, mine in zip(sides, listed, times, strict=True):
                taken = seconds(lambda: get(side, *pages[name]))  # noqa: B023 - runs at once
                if round_:  # the first fills caches
                    mine.append(taken * 1000)
        few, many = map(statistics.median, times)
        print(f"  {kind:11}{name:26}{few:7.1f} ms{many:8.1f} ms{many / few:8.2f}")


def main() -> None:
    print(f"Usage pages: {rows_behind(FEW):,} rows behind them, {rows_behind(MANY):,}, ratio")
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        databases = Databases(Path(name))
        try:
            for kind in sys.argv[1:] or KINDS:
                measure(kind, databases)
        finally:
            if databases.server is not None:
                databases.server.stop()


if __name__ == "__main__":
    main()
