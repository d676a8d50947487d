"""Posting charges: add staged charges to the days of the accounts that pay, and pay the days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from portal import db
from portal.domain import billing_months, installation, ledger, locks, prices, totals
from portal.domain.accounts import BillingAccount
from portal.domain.charges.record import PURCHASES, Charge, ChargeSum
from portal.domain.ledger import UNITS_OF_MICRO, DayKind, Days, Posting

COLUMNS = (
    *("posting_id", "number", "source_id", "scope_on", "account_id", "payer_id", "cloud_id"),
    *("service", "category", "usage_on", "month_on", "is_purchase", "is_waivable"),
    *("micros", "rest"),
)

SUM_COLUMNS = (
    *("posting_id", "number", "month_on", "payer_id", "account_id", "cloud_id", "service"),
    *("category", "is_correction", "micros", "rest"),
)
BATCH = 5_000
"""Accounts in one statement."""


class Outdated(Exception):
    """What a posting was worked out from has changed since, or it was not prepared."""


class Bearer(NamedTuple):
    """Who bears what a cloud costs while it is linked to an account."""

    cloud_id: str
    account_id: str
    payer_id: str
    is_waivable: bool


class ChargeRow(NamedTuple):
    """A difference of `units` of 10⁻¹⁵. Days are ISO text."""

    bearer: Bearer
    source_id: str
    scope_on: str
    service: str
    category: str
    usage_on: str
    month_on: str
    units: int


def insert_charges(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows with the columns COLUMNS."""
    db.insert_rows(Charge, COLUMNS, rows)


def insert_sums(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows with the columns SUM_COLUMNS."""
    db.insert_rows(ChargeSum, SUM_COLUMNS, rows)


def add_charges(posting_id: str, rows: Iterable[ChargeRow]) -> None:
    """Add charges, and what they change of statement months."""
    rows = list(rows)
    insert_charges(
        (
            (
                *(posting_id, number, row.source_id, row.scope_on),
                *(row.bearer.account_id, row.bearer.payer_id, row.bearer.cloud_id),
                *(row.service, row.category, row.usage_on, row.month_on),
                *(row.category in PURCHASES, row.bearer.is_waivable),
                *divmod(row.units, UNITS_OF_MICRO),
            )
            for number, row in enumerate(rows)
        )
    )
    sums: Counter[tuple[str | bool, ...]] = Counter()
    for row in rows:
        cloud_id, account_id, payer_id, _is_waivable = row.bearer
        is_correction = row.scope_on[:7] < row.month_on[:7]
        whose = (row.month_on, payer_id, account_id, cloud_id)
        sums[*whose, row.service, row.category, is_correction] += row.units
    insert_sums(
        (posting_id, number, *key, *divmod(units, UNITS_OF_MICRO))
        for number, (key, units) in enumerate(sums.items())
    )


def days_of(rows: Iterable[tuple[str, date, bool, bool, int]]) -> Days:
    """What charges add to the days of the accounts that pay: rows of payer, usage day, whether it
    is a purchase, whether it is waivable, and units."""
    days: Days = {}
    for payer_id, usage_on, is_purchase, is_waivable, units in rows:
        key = DayKind(usage_on, is_purchase, is_waivable)
        mine = days.setdefault(payer_id, {})
        mine[key] = mine.get(key, 0) + units
    return days


def day_of(row: ChargeRow) -> tuple[str, date, bool, bool, int]:
    """A charge as `days_of` takes it."""
    usage_on, is_purchase = date.fromisoformat(row.usage_on), row.category in PURCHASES
    return row.bearer.payer_id, usage_on, is_purchase, row.bearer.is_waivable, row.units


def find_price_changes(rows: Iterable[ChargeRow]) -> list[prices.Change]:
    """What charges that are about to be posted change of the prices for customers."""
    return prices.find_changes(
        prices.Cost(_group_of(row), date.fromisoformat(row.month_on), row.units)
        for row in rows
        if row.bearer.account_id != row.bearer.payer_id
    )


def _group_of(row: ChargeRow) -> prices.Group:
    cloud_id, account_id, payer_id, _is_waivable = row.bearer
    usage_on = date.fromisoformat(row.usage_on)
    return prices.Group(payer_id, account_id, cloud_id, row.service, row.category, usage_on)


def lock_payers(posting: Posting) -> None:
    """Lock the accounts that pay for a staged posting's charges. Who links a cloud away locks the
    one that pays for it now: so either sees what the other has done."""
    payers = sorted(_versions(posting))
    for begin in range(0, len(payers), BATCH):
        is_payer = BillingAccount.id.in_(payers[begin : begin + BATCH])
        db.session.execute(locks.select_for_update(BillingAccount.id, is_payer)).all()


def _versions(posting: Posting) -> dict[str, int]:
    """The versions of the ledgers of all that pay, when the posting was staged."""
    versions: dict[str, int] = (posting.basis or {})["versions"]
    return versions


def still_holds(posting: Posting) -> bool:
    """Whether nothing has changed the payers' days, lots, trials or rates since it was staged, and
    no month was closed."""
    versions = _versions(posting)
    is_open = posting.open_on == billing_months.oldest_open()
    return is_open and ledger.versions_of(versions) == versions


def post(posting: Posting) -> None:
    """Post a staged posting that still holds. The caller has locked the accounts that pay."""
    installation.fix_money()
    ledger.enter(posting, _versions(posting))
    posting.posted_at = db.now()
    db.session.flush()
    totals.keep(posting.id)
    prices.keep_totals(posting.id)
