"""Money for tests: rows of usage by cloud, what bears them, what the doctor says."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from sqlalchemy import select

from portal import db
from portal.domain import doctor, ledger
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.charges import Charge
from portal.domain.doctor import money, prices, statements, totals, usage
from portal.domain.ledger import Draw, Entry, Posting
from portal.domain.usage import exact

MARCH = {"BillingPeriodStart": "2026-03-01", "BillingPeriodEnd": "2026-04-01"}
MODULES = (money, prices, statements, totals, usage)
CHECKS = [c for c in doctor.CHECKS if any(c in vars(each).values() for each in MODULES)]


def row(
    cost: str, cloud_id: str, start: str = "02T10", end: str = "", **more: str
) -> dict[str, str]:
    """A row of March, for an hour, or until `end`; both as day and hour, such as 02T10."""
    end = end or f"{start[:3]}{int(start[3:]) + 1:02}"
    times = {"ChargePeriodStart": f"2026-03-{start}:00Z", "ChargePeriodEnd": f"2026-03-{end}:00Z"}
    return {"BilledCost": cost, "SubAccountId": cloud_id, **MARCH, **times, **more}


def charges_of(*columns: str) -> dict[tuple[str, ...], Decimal]:
    """The exact sums of posted charges by these columns, without zeros."""

    def load() -> dict[tuple[str, ...], Decimal]:
        query = select(Charge).join(Posting).where(Posting.posted_at.is_not(None))
        sums: Counter[tuple[str, ...]] = Counter()
        for charge in db.session.scalars(query):
            key = tuple(str(getattr(charge, name)) for name in columns)
            sums[key] += charge.micros * 10**9 + charge.rest
        return {key: exact(0, units) for key, units in sums.items() if units}

    return db.read(load)


def borne(account_id: str) -> dict[tuple[str, str], Decimal]:
    """What bears the account's days: by day of March and `lot`, `personal` or `waived`."""

    def load() -> dict[tuple[str, str], Decimal]:
        sums: dict[tuple[str, str], Decimal] = {}
        posted = select(Draw).join(Posting).where(Posting.posted_at.is_not(None))
        for it in db.session.scalars(posted.where(Draw.account_id == account_id)):
            bearer = it.bearer if it.bearer in (ledger.PERSONAL, ledger.WAIVED) else "lot"
            key = (f"{it.usage_on:%d}", bearer)
            sums[key] = sums.get(key, Decimal(0)) + Decimal(it.micros).scaleb(-6)
        return {key: amount for key, amount in sums.items() if amount}

    return db.read(load)


def entries(account_id: str) -> list[tuple[str, Decimal, Decimal]]:
    """The account's entries: kind of posting, amount, balance."""

    def load() -> list[tuple[str, Decimal, Decimal]]:
        query = select(Posting.kind, Entry.amount, Entry.balance).join(
            Posting, Posting.id == Entry.posting_id
        )
        rows = db.session.execute(query.where(Entry.account_id == account_id).order_by(Entry.seq))
        return [(str(kind), amount, balance) for kind, amount, balance in rows]

    return db.read(load)


def owe(account_id: str, amount: str = "1") -> None:
    """Debit the account with an amount."""

    def unit() -> None:
        account = db.session.get_one(BillingAccount, account_id)
        more = {"reason": "A fee", "by": COMMAND}
        ledger.record_credit(account, amount=-Decimal(amount), **more)  # type: ignore[arg-type]

    db.write(unit)


def balance(account_id: str) -> Decimal:
    found = db.read(lambda: ledger.money_of(account_id))
    assert found is not None
    return found.balance


def problems() -> list[str]:
    """What the doctor's checks of usage, money and totals find."""
    return db.read(lambda: [f"{c.name}: {p}" for c in CHECKS for p in c.find()])
