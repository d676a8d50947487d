"""Clouds for the benchmark of imports: 3,000 accounts, each with a cloud and a lot; 1 % moved."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from portal import db
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.clouds import Cloud, Link
from portal.domain.connections import BUILTIN_ID
from portal.domain.ledger import Ledger, Lot
from portal.domain.usage import UsageKey
from tests.support.usage import find

ACCOUNTS = 3_000
BEGAN, MOVED = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 10, 15, 12, 30, tzinfo=UTC)


def add_clouds() -> None:
    """Add them, and assign the keys of the source Bench to them."""
    source_id = find("Bench").id
    rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in MODELS}
    for number in range(ACCOUNTS):
        for model, row in _rows(number, source_id):
            rows[model].append(row)
    for model in MODELS:
        db.session.execute(insert(model), rows[model])


MODELS: tuple[Any, ...] = (BillingAccount, Ledger, Lot, Cloud, Link, UsageKey)


def _rows(number: int, source_id: str) -> list[tuple[Any, dict[str, Any]]]:
    account_id, cloud_id = f"dn2{number:017}", f"b1g{number:017}"
    name = {"name": f"Client {number}", "name_key": f"client {number}", "created_at": BEGAN}
    link = {"id": f"lnk{number:017}", "cloud_id": cloud_id, "account_id": account_id}
    link |= {"since_at": BEGAN, "linked_by": "bench"}
    is_moved = number % 100 == 0
    until = MOVED if is_moved else None
    rows: list[tuple[Any, dict[str, Any]]] = [
        (BillingAccount, {"id": account_id, "kind": Kind.DIRECT, "mode": Mode.PAID, **name}),
        (Ledger, {"account_id": account_id, "paid_since": BEGAN}),
        (Lot, _lot(account_id)),
        (Cloud, {"id": cloud_id, "connection_id": BUILTIN_ID, **name}),
        (Link, {**link, "until_at": until, "continues_at": None}),
        (
            UsageKey,
            {
                "id": f"uky{number:017}",
                "source_id": source_id,
                "key": f"project-{number}",
                "cloud_id": cloud_id,
            },
        ),
    ]
    if is_moved:
        moved = {"id": f"lnm{number:017}", "account_id": f"dn2{number + 1:017}"}
        times = {"since_at": MOVED, "continues_at": MOVED, "until_at": None}
        rows.append((Link, {**link, **moved, **times}))
    return rows


def _lot(account_id: str) -> dict[str, Any]:
    return {
        "id": f"lot{account_id[3:]}",
        "account_id": account_id,
        "amount": Decimal(50),
        "first_on": BEGAN.date(),
        "last_on": datetime(2026, 12, 31, tzinfo=UTC).date(),
        "granted_at": BEGAN,
        "granted_by": "bench",
    }
