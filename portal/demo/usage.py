"""A year of usage: one file for each month, imported as an operator imports the vendor's files.

Clouds grow, shrink, stay or stop. All months but the last two are closed; then one of them is
corrected. One row is late, one cloud is unassigned.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db, usage_files
from portal.demo import budget, closings
from portal.demo.timeline import DAY, seeded_random
from portal.domain import policy, usage
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud, Link
from portal.domain.errors import Refused
from portal.domain.usage import Mode, UsageSource
from portal.usage_files import PLAIN_COLUMNS, FileFacts, UsageReading
from portal.worker import usage_imports, usage_posting

DAYS = 365
MAX_ROWS = 50_000
METERING, LATE = "Metering", "Late records"
"""The sources: the snapshots of each month, and what came after them."""
UNASSIGNED = "cluster-7"
"""A key that is no cloud's."""
COMPUTE = ("Compute", "hours", (Decimal("0.0375"), Decimal("0.0825"), Decimal("0.241")))
STORAGE = ("Block storage", "GB", (Decimal("0.0031"), Decimal("0.00465")))
COMPUTE_SHARE, STORAGE_SHARE = 0.5, 0.15
"""Of the clouds, those with rows of the service: all would be too many rows."""
TRENDS = {"steady": 5, "rises": 3, "falls": 1, "stops": 1}
"""How a cloud's usage develops, each with its weight."""


class Row(NamedTuple):
    """One day of one service of a cloud, in the columns of the plain CSV."""

    cloud: str
    day: date
    service: str
    quantity: Decimal
    unit: str
    cost: Decimal

    def cells(self, currency: str) -> dict[str, str]:
        """The cells by column; times are in UTC."""
        start = datetime.combine(self.day, time(), UTC)
        times = (start.isoformat(), (start + DAY).isoformat())
        values = (self.cloud, *times, self.service, self.quantity, self.unit, self.cost, currency)
        return dict(zip(PLAIN_COLUMNS, map(str, values), strict=True))


class _Period(NamedTuple):
    """The days on which a cloud is used; a small one's owner may have a grant alone to pay with."""

    cloud: str
    is_small: bool
    first: date
    last: date


@dataclass(frozen=True)
class _Meter:
    """One service of a cloud."""

    period: _Period
    service: str
    unit: str
    price: Decimal
    size: int
    trend: str
    rng: random.Random

    def rows(self) -> Iterator[Row]:
        """The rows by day; none once it has stopped."""
        cloud, _is_small, first, last = self.period
        days = (last - first).days + 1
        for number in range(days):
            day, share = first + DAY * number, number / days
            if self.trend == "stops" and share > 0.7:
                return
            factor = {"rises": 0.4 + 1.6 * share, "falls": 1.5 - share}.get(self.trend, 1.0)
            if day.weekday() > 4 and self.service == COMPUTE[0]:
                factor *= 0.6
            factor *= self.rng.uniform(0.9, 1.1)
            quantity = Decimal(f"{self.size * factor:.3f}")
            yield Row(cloud, day, self.service, quantity, self.unit, quantity * self.price)


def is_missing() -> bool:
    """Whether the last delivery is missing: never imported, or killed meanwhile."""
    return usage.find_source(LATE) is None


def import_all(on_progress: Callable[[int], object] = lambda _days: None) -> None:
    """Import the usage of the last year up to yesterday; `on_progress` gets the number of days of
    each file. What a killed run has imported stays. Raises Refused while it may still run."""
    rows = db.read(_rows)
    months = [list(some) for _month, some in groupby(rows, lambda row: row.day.replace(day=1))]
    for month in months:
        _deliver(METERING, Mode.OVERWRITE, month)
        on_progress(len({row.day for row in month}))
    closings.apply_rates()
    *closed, last = [some[0].day.replace(day=1) for some in months[:-2]]
    for month_on in closed:
        closings.close(month_on)
    corrected = months[max(0, len(months) - 4)]
    _deliver(METERING, Mode.OVERWRITE, [_correct(row) for row in corrected])
    closings.close(last)
    db.write(budget.set_budget)
    late = next(row for row in reversed(corrected) if row.cloud != UNASSIGNED)
    _deliver(LATE, Mode.APPEND, [late])
    db.write(closings.pay_debts)


def _rows() -> list[Row]:
    """All rows, by day."""
    today = db.now().date()
    meters = [
        *(meter for period in _periods(today) for meter in _meters(period)),
        _meter(_Period(UNASSIGNED, False, today - DAY * 40, today - DAY), COMPUTE),
    ]
    rows = sorted((row for meter in meters for row in meter.rows()), key=lambda row: row.day)
    return rows[-MAX_ROWS:]


def _periods(today: date) -> Iterator[_Period]:
    """For each cloud the days from its first link on, of the last year."""
    kind, since = func.min(BillingAccount.kind), func.min(Link.since_at)
    query = select(Cloud.id, since, Cloud.closed_at, kind == Kind.DIRECT)
    query = query.join(Link, Link.cloud_id == Cloud.id)
    query = query.join(BillingAccount, BillingAccount.id == Link.account_id).group_by(Cloud.id)
    for cloud_id, linked_at, closed_at, is_direct in db.session.execute(query.order_by(Cloud.id)):
        last = min(closed_at.date() if closed_at else today, today) - DAY
        first_day = max((linked_at + DAY).date(), today - DAY * DAYS)
        if first_day <= last:
            yield _Period(cloud_id, is_direct, first_day, last)


def _meters(period: _Period) -> list[_Meter]:
    """The services that the cloud uses."""
    rng = seeded_random(period.cloud)
    shares = ((COMPUTE, COMPUTE_SHARE), (STORAGE, STORAGE_SHARE))
    return [_meter(period, service) for service, share in shares if rng.random() < share]


def _meter(period: _Period, service: tuple[str, str, tuple[Decimal, ...]]) -> _Meter:
    name, unit, prices = service
    rng = seeded_random(f"{period.cloud} {name}")
    (trend,) = rng.choices(list(TRENDS), list(TRENDS.values()))
    price = prices[0] if period.is_small else rng.choice(prices)
    size = rng.choice((24, 48) if period.is_small else (48, 96, 240))
    return _Meter(period, name, unit, price, size, trend, rng)


def _correct(row: Row) -> Row:
    """The vendor measured storage twice."""
    if row.service != STORAGE[0]:
        return row
    return row._replace(quantity=row.quantity / 2, cost=row.cost / 2)


def _deliver(source: str, mode: Mode, rows: list[Row]) -> None:
    """Publish a delivery of these rows."""

    def find_source() -> UsageSource:
        return usage.find_source(source) or usage.add_source(source, by=COMMAND)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"usage-{rows[0].day:%Y-%m}.csv"
        _write(path, rows)
        files = [usage_files.unpack(path, folder)]
        terms = db.write(lambda: usage_imports.terms_of(find_source()))
        if db.read(lambda: _is_there(find_source(), mode, files)):
            return
        with UsageReading.open(files, terms, folder) as reading:
            staging = db.write(
                lambda: usage.begin(find_source(), mode=mode, files=files, by=COMMAND)
            )
            usage_imports.stage(staging, reading)
    usage_posting.publish(staging.delivery_id, by=COMMAND)


def _is_there(source: UsageSource, mode: Mode, files: list[FileFacts]) -> bool:
    try:
        usage.refuse_repetition(source, mode, usage.digest(files), again=False)
    except Refused:
        return True
    return False


def _write(path: Path, rows: list[Row]) -> None:
    currency = policy.current().currency
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, PLAIN_COLUMNS)
        writer.writeheader()
        writer.writerows(row.cells(currency) for row in rows)
