"""Clouds for the benchmark of imports: 3,000 accounts with a cloud each; 1 % of the clouds moved.

One account of ten is direct, the others are subaccounts of 30 partners. Who pays has a lot. Every
second partner has rates, for all, for a service and for a customer, and has published its prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from portal import db
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.clouds import Cloud, Link
from portal.domain.connections import BUILTIN_ID
from portal.domain.ledger import Ledger, Lot
from portal.domain.prices import PriceList, Rate
from portal.domain.usage import UsageKey
from tests.support.usage import find

ACCOUNTS, PARTNERS, DIRECT = 3_000, 30, 10
BEGAN, MOVED = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 10, 15, 12, 30, tzinfo=UTC)
LAST_ON = datetime(2026, 12, 31, tzinfo=UTC).date()
MODELS: tuple[Any, ...] = (BillingAccount, Ledger, Lot, PriceList, Rate, Cloud, Link, UsageKey)
Rows = Iterator[tuple[Any, dict[str, Any]]]


def add_clouds() -> None:
    """Add them, and assign the keys of the source Bench to them."""
    source_id = find("Bench").id
    rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in MODELS}
    for number in range(PARTNERS):
        for model, row in _partner(number):
            rows[model].append(row)
    for number in range(ACCOUNTS):
        for model, row in (*_account(number), *_cloud(number, source_id)):
            rows[model].append(row)
    for model in MODELS:
        db.session.execute(insert(model), rows[model])


def _account_id(number: int) -> str:
    return f"dn2{number:017}"


def _partner_id(number: int) -> str:
    return f"dn2p{number % PARTNERS:016}"


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "name_key": name.lower(), "created_at": BEGAN}


def _partner(number: int) -> Rows:
    partner_id = _partner_id(number)
    yield from _payer(partner_id, Kind.PARTNER, _named(f"Partner {number}"))
    if number % 2 == 0:
        priced = (("", ""), ("", "Service 3"), (_account_id(number), ""))
        counts = {"rates": len(priced), "applied": len(priced), "is_published": True}
        yield PriceList, {"partner_id": partner_id, **counts}
        for count, (subaccount_id, service) in enumerate(priced, start=1):
            terms = {"starts_on": BEGAN.date(), "percent": Decimal("12.5") * count}
            made = {"number": count, "created_at": BEGAN, "created_by": "bench"}
            of = {"subaccount_id": subaccount_id, "service": service}
            yield Rate, {"partner_id": partner_id, **of, **terms, **made}


def _account(number: int) -> Rows:
    account_id, named = _account_id(number), _named(f"Client {number}")
    if number % DIRECT == 0:
        yield from _payer(account_id, Kind.DIRECT, named)
    else:
        parent = {"parent_id": _partner_id(number), "confirmed_at": BEGAN}
        kind = {"kind": Kind.SUBACCOUNT, "mode": Mode.PAID}
        yield BillingAccount, {"id": account_id, **kind, **named, **parent}


def _payer(account_id: str, kind: Kind, named: dict[str, Any]) -> Rows:
    nobody = {"parent_id": None, "confirmed_at": None}
    yield BillingAccount, {"id": account_id, "kind": kind, "mode": Mode.PAID, **named, **nobody}
    yield Ledger, {"account_id": account_id, "paid_since": BEGAN}
    lot = {"id": f"lot{account_id[3:]}", "account_id": account_id, "amount": Decimal(50)}
    given = {"granted_at": BEGAN, "granted_by": "bench"}
    yield Lot, {**lot, "first_on": BEGAN.date(), "last_on": LAST_ON, **given}


def _cloud(number: int, source_id: str) -> Rows:
    cloud_id = f"b1g{number:017}"
    link = {"id": f"lnk{number:017}", "cloud_id": cloud_id, "account_id": _account_id(number)}
    link |= {"since_at": BEGAN, "continues_at": None, "until_at": None, "linked_by": "bench"}
    key = {"id": f"uky{number:017}", "source_id": source_id, "key": f"project-{number}"}
    yield Cloud, {"id": cloud_id, "connection_id": BUILTIN_ID, **_named(f"Cloud {number}")}
    yield UsageKey, {**key, "cloud_id": cloud_id}
    if number % 100:
        yield Link, link
    else:
        moved = {"id": f"lnm{number:017}", "account_id": _account_id(number + 1)}
        yield Link, link | {"until_at": MOVED}
        yield Link, link | moved | {"since_at": MOVED, "continues_at": MOVED}
