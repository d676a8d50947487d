"""Samples: each stands for the hour in which it was taken; an hour without one was not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import retention
from portal.domain.metering.days import DAY, next_month
from portal.domain.metering.record import UsageRates, UsageSample

KEPT = timedelta(days=110)
"""Longer than days are fetched again."""
PLACES = Decimal("1e-10")
SERVICES = {
    "cpu": ("CPU", "vCPU-Hours"),
    "memory": ("Memory", "GiB-Hours"),
    "disk": ("Disk", "GiB-Months"),
}
"""The service and the unit in rows."""
HOUR = timedelta(hours=1)
Quantities = Mapping[str, Mapping[str, str]]


class Line(NamedTuple):
    """What a resource of a cloud used and cost from `start` to `end`."""

    external_id: str
    resource_id: str
    start: datetime
    end: datetime
    service: str
    quantity: Decimal
    unit: str
    cost: Decimal


def keep_sample(connection_id: str, hour_at: datetime, quantities: Quantities) -> None:
    """Keep what was given out in an hour; the first sample of an hour counts."""
    values = {name: dict(each) for name, each in quantities.items()}
    try:
        with db.savepoint():
            db.session.add(
                UsageSample(connection_id=connection_id, hour_at=hour_at, quantities=values)
            )
            db.session.flush()
    except IntegrityError:
        return


def lines_of(connection_id: str, day: date) -> list[Line]:
    """What the samples of a UTC day cost at the rates of that day, exactly, rounded half away from
    zero to ten decimals; hours on end with one quantity are one line. Without rates the cost is 0.
    """
    start = start_of(day)
    is_that_day = UsageSample.hour_at >= start, UsageSample.hour_at < start + DAY
    query = select(UsageSample).where(UsageSample.connection_id == connection_id, *is_that_day)
    samples = list(db.session.scalars(query.order_by(UsageSample.hour_at)))
    query_rates = select(UsageRates).where(
        UsageRates.connection_id == connection_id, UsageRates.since_on <= day
    )
    rates = db.session.scalar(query_rates.order_by(UsageRates.since_on.desc()).limit(1))
    keys = {
        (cloud, name) for each in samples for cloud, of in each.quantities.items() for name in of
    }
    return [_line(*key, run, rates) for key in sorted(keys) for run in _runs(samples, *key)]


class _Run(NamedTuple):
    """Hours on end with one quantity."""

    start: datetime
    hours: int
    quantity: Decimal


def _runs(samples: Sequence[UsageSample], external_id: str, name: str) -> list[_Run]:
    measured = [
        (each.hour_at, Decimal(each.quantities[external_id][name]))
        for each in samples
        if name in each.quantities.get(external_id, {})
    ]
    numbered = enumerate(measured)
    runs = []
    # Hours on end keep their distance from their place in the list.
    for (_distance, quantity), group in groupby(
        numbered, key=lambda it: (it[1][0] - it[0] * HOUR, it[1][1])
    ):
        hours = [hour_at for _place, (hour_at, _quantity) in group]
        runs.append(_Run(hours[0], len(hours), quantity))
    return runs


def _line(external_id: str, name: str, run: _Run, rates: UsageRates | None) -> Line:
    service, unit = SERVICES[name]
    month_on = run.start.date().replace(day=1)
    hours_of_month = 24 * (next_month(month_on) - month_on).days
    parts = hours_of_month if name == "disk" else 1
    with localcontext(prec=60):
        used = run.quantity * run.hours
        cost = used * (rates.rate(name) if rates else 0) / parts
        rounded = [each.quantize(PLACES, ROUND_HALF_UP) for each in (used / parts, cost)]
    return Line(
        external_id=external_id,
        resource_id=external_id,
        start=run.start,
        end=run.start + run.hours * HOUR,
        service=service,
        quantity=rounded[0],
        unit=unit,
        cost=rounded[1],
    )


def sampled_days(connection_id: str, days: Sequence[date]) -> list[date]:
    """Those of the days that have samples."""
    if not days:
        return []
    since, until = start_of(min(days)), start_of(max(days)) + DAY
    query = select(UsageSample.hour_at).where(
        UsageSample.connection_id == connection_id,
        UsageSample.hour_at >= since,
        UsageSample.hour_at < until,
    )
    have = {hour_at.date() for hour_at in db.session.scalars(query)}
    return [day for day in days if day in have]


def start_of(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def purge_expired() -> bool:
    """Delete a batch of samples that nothing needs. Return whether there may be more."""
    return retention.delete_batch(UsageSample, UsageSample.hour_at < db.now() - KEPT)
