"""Relinking: post what a new link changes of rows that reach into the future."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain import billing_days, billing_months, ledger, prices, totals
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.charges.posting import (
    Bearer,
    ChargeRow,
    add_charges,
    day_of,
    days_of,
    find_price_changes,
)
from portal.domain.charges.record import FutureRow
from portal.domain.charges.splitting import Row, shares
from portal.domain.clouds import Link
from portal.domain.ledger import UNITS_OF_MICRO, Posting, PostingKind
from portal.domain.totals import NANO, ChangeRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class ChainLink(NamedTuple):
    """A link of a cloud: when it began, and who bears what the cloud costs from then on."""

    since_us: int
    bearer: Bearer


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def instant_of(moment_us: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return EPOCH + moment_us * MICROSECOND


def chains_of(cloud_ids: Sequence[str]) -> dict[str, list[ChainLink]]:
    """The links of clouds, ascending."""
    query = (
        select(Link, BillingAccount.parent_id)
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.cloud_id.in_(cloud_ids))
        .order_by(Link.cloud_id, Link.since_at)
    )
    chains: dict[str, list[ChainLink]] = {}
    for link, parent_id in db.session.execute(query):
        payer_id = parent_id or link.account_id
        bearer = Bearer(link.cloud_id, link.account_id, payer_id, link.is_waivable)
        found = ChainLink(microseconds(link.since_at), bearer)
        chains.setdefault(link.cloud_id, []).append(found)
    return chains


def post_relink(link: Link, *, by: Actor) -> None:
    """Post the differences that a new link makes. The caller has locked the cloud, and the accounts
    that paid and that pay."""
    chain = chains_of([link.cloud_id])[link.cloud_id]
    moment = chain[-1].since_us
    query = (
        select(FutureRow)
        .join(Posting, Posting.id == FutureRow.posting_id)
        .where(
            FutureRow.cloud_id == link.cloud_id,
            FutureRow.end_us >= moment,
            Posting.posted_at.is_not(None),
        )
    )
    open_on, sums = billing_months.oldest_open(), Counter[ChargeRow]()
    changes: list[ChangeRow] = []
    for row in db.session.scalars(query):
        for sign, links in ((1, chain), (-1, chain[:-1])):
            for charge in _charges_of(row, links, open_on):
                sums[charge._replace(units=0)] += sign * charge.units
            changes += _changes_of(row, links, sign, open_on)
    charges = [charge._replace(units=units) for charge, units in sums.items() if units]
    if charges or changes:
        posting = ledger.begin(PostingKind.LINK, subject=link.id, by=by)
        add_charges(posting.id, charges)
        ledger.settle(posting, days_of(map(day_of, charges)))
        totals.add_changes(posting.id, 0, changes)
        totals.keep(posting.id)
        prices.add_prices(posting.id, 0, find_price_changes(charges))
        prices.keep_totals(posting.id)


def _charges_of(row: FutureRow, chain: Sequence[ChainLink], open_on: date) -> Iterator[ChargeRow]:
    units = row.micros * UNITS_OF_MICRO + row.rest
    whole = Row(units, row.start_us, row.end_us, row.category)
    for share in shares(whole, [link.since_us for link in chain]):
        is_first = share.start == row.start_us
        usage_on = row.usage_on if is_first else billing_days.day_of(instant_of(share.start))
        yield ChargeRow(
            bearer=chain[share.link].bearer,
            source_id=row.source_id,
            scope_on=row.scope_on.isoformat(),
            service=row.service,
            category=row.category,
            usage_on=usage_on.isoformat(),
            month_on=max(row.month_on, open_on).isoformat(),
            units=share.units,
        )


def _changes_of(
    row: FutureRow, chain: Sequence[ChainLink], sign: int, open_on: date
) -> list[ChangeRow]:
    """What the row adds to totals by the links of its cloud, or takes from them."""
    units, nanos = row.micros * UNITS_OF_MICRO + row.rest, row.quantity * NANO + row.nanos
    moments = [link.since_us for link in chain]
    whole = Row(units, row.start_us, row.end_us, row.category)
    quantities = shares(whole._replace(units=nanos), moments)
    return [
        ChangeRow(
            account_id=chain[share.link].bearer.account_id,
            payer_id=chain[share.link].bearer.payer_id,
            cloud_id=row.cloud_id,
            service=row.service,
            category=row.category,
            unit=row.unit,
            month_on=max(row.month_on, open_on).isoformat(),
            is_correction=row.month_on < open_on,
            units=sign * share.units,
            nanos=sign * quantity.units,
        )
        for share, quantity in zip(shares(whole, moments), quantities, strict=True)
    ]
