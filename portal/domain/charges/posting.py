"""Posting charges: add staged charges to the days of the accounts that pay, and pay the days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import func, select, text

from portal import db
from portal.domain import installation, ledger, locks
from portal.domain.accounts import BillingAccount
from portal.domain.charges.record import PURCHASES, Charge
from portal.domain.ledger import UNITS_OF_MICRO, Posting

COLUMNS = (
    *("posting_id", "number", "source_id", "scope_on", "account_id", "payer_id", "cloud_id"),
    *("service", "category", "usage_on", "month_on", "is_purchase", "is_waivable"),
    *("micros", "rest"),
)
ADD_TO_DAYS = text(
    """INSERT INTO ledger_days (account_id, usage_on, is_purchase, is_waivable, micros, rest)
    SELECT payer_id, usage_on, is_purchase, is_waivable, sum(micros), sum(rest) FROM charges
    WHERE posting_id = :posting_id GROUP BY payer_id, usage_on, is_purchase, is_waivable
    ON CONFLICT (account_id, usage_on, is_purchase, is_waivable)
    DO UPDATE SET micros = ledger_days.micros + excluded.micros,
    rest = ledger_days.rest + excluded.rest"""
)


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


def add_charges(posting_id: str, first: int, rows: Iterable[ChargeRow]) -> None:
    """Add charges whose numbers run from `first`."""
    db.insert_rows(
        Charge,
        COLUMNS,
        (
            (
                *(posting_id, number, row.source_id, row.scope_on),
                *(row.bearer.account_id, row.bearer.payer_id, row.bearer.cloud_id),
                *(row.service, row.category, row.usage_on, row.month_on),
                *(row.category in PURCHASES, row.bearer.is_waivable),
                *divmod(row.units, UNITS_OF_MICRO),
            )
            for number, row in enumerate(rows, start=first)
        ),
    )


def lock_payers(posting: Posting) -> None:
    """Lock the accounts that pay for the posting's charges. Who links a cloud away locks the one
    that pays for it now: so either sees what the other has done."""
    payers = select(Charge.payer_id).where(Charge.posting_id == posting.id).distinct()
    query = locks.select_for_update(BillingAccount.id, BillingAccount.id.in_(payers))
    db.session.execute(query).all()


def post(posting: Posting) -> None:
    """Post the charges of a posting, staged or new. The caller has locked the accounts that pay."""
    installation.fix_money()
    first = func.min(Charge.usage_on)
    query = select(Charge.payer_id, first).where(Charge.posting_id == posting.id)
    since: dict[str, date] = {
        row[0]: row[1] for row in db.session.execute(query.group_by(Charge.payer_id))
    }
    db.session.execute(ADD_TO_DAYS, {"posting_id": posting.id})
    ledger.settle(posting, since)
    if posting.posted_at is None:
        posting.posted_at = db.now()
        db.session.flush()
