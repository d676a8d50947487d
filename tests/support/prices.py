"""Prices for tests: set rates, and read what is posted."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from portal import db
from portal.domain import prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.ledger import Posting
from portal.domain.prices import Price
from tests.support.jobs import run_usage


def set_rate(
    partner_id: str, percent: str, day: int = 1, *, of: str = "", service: str = ""
) -> None:
    """Set a rate from a day of March, without applying it yet."""

    def unit() -> None:
        partner = db.session.get_one(BillingAccount, partner_id)
        starts_on = date(2026, 3, day)
        terms = {"percent": Decimal(percent), "starts_on": starts_on, "service": service}
        prices.set_rate(partner, **terms, subaccount_id=of, by=COMMAND)  # type: ignore[arg-type]

    db.write(unit)


def apply_rate(
    partner_id: str, percent: str, day: int = 1, *, of: str = "", service: str = ""
) -> None:
    """Set a rate from a day of March, and let the worker apply it."""
    set_rate(partner_id, percent, day, of=of, service=service)
    run_usage()


def prices_of(*columns: str) -> dict[tuple[str, ...], tuple[Decimal, int]]:
    """Posted prices by these columns, with the number of those that are missing; without zeros."""

    def load() -> dict[tuple[str, ...], tuple[Decimal, int]]:
        query = select(Price).join(Posting).where(Posting.posted_at.is_not(None))
        sums: Counter[tuple[str, ...]] = Counter()
        missing: Counter[tuple[str, ...]] = Counter()
        for row in db.session.scalars(query):
            key = tuple(str(getattr(row, name)) for name in columns)
            sums[key] += row.whole * 10**6 + row.millionths
            missing[key] += row.missing
        found = {key: (Decimal(f"{sums[key]}E-6"), missing[key]) for key in sums}
        return {key: both for key, both in found.items() if any(both)}

    return db.read(load)
