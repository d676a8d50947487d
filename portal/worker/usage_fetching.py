"""Fetch usage: ask a connection for days, and publish them as one delivery; take a sample."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from portal import db, usage_files
from portal.domain import metering, policy, usage
from portal.domain.actors import WORKER
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.jobs import Job, OrderKind
from portal.domain.metering import NOT_PUBLISHED, RATED, Line, Plan
from portal.domain.usage import Mode, Staging, UsageSource
from portal.providers.contract import Later, NeedsPerson, Never
from portal.usage_files import PLAIN_COLUMNS, FileFacts, UsageFileError, UsageReading
from portal.worker import providers, usage_imports, usage_posting
from portal.worker.steps import Step

SECONDS = 15
"""A try begins to ask for another day until then: orders of people wait in the same lane, and a try
of 30 seconds counts as a slow call."""
MAX_DAYS = 31
"""Of a delivery."""
SAMPLED_AT_ONCE = 500
"""Clouds that one call is about."""
AGAIN = timedelta(minutes=1)
"""Until the lease of a process that died is over."""
BUSY, OTHER_CURRENCY = "usage-busy", "usage-currency"
COLUMNS = (*PLAIN_COLUMNS, "ResourceId")
DAY = timedelta(days=1)


class Fetched(NamedTuple):
    """What a try has delivered, and which days are left. `is_down` is None if no cloud was asked,
    else False."""

    left: Sequence[date]
    is_down: bool | None


class Sampled(NamedTuple):
    """What a connection gave out in the hour, by external ID and name."""

    hour_at: datetime
    quantities: Mapping[str, Mapping[str, str]]
    is_down: bool = False


def fetch(job: Job) -> Fetched:
    """Deliver the days that are due or asked for. Raises Later, NeedsPerson or Never when the days
    before that are delivered."""
    plan = db.write(lambda: metering.make_plan(job.subject_id, job.facts.get("days", ())))
    connection = db.read(lambda: db.session.get_one(Connection, job.subject_id))
    _require_currency(plan)
    began, days, failure = time.monotonic(), list[date](), None
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "usage.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for day in plan.days[:MAX_DAYS]:
                if time.monotonic() - began > SECONDS:
                    break
                try:
                    lines = list(_lines(connection, plan, day))
                except (Later, NeedsPerson, Never) as error:
                    failure = error
                    break
                writer.writerows(_cells(line) for line in lines)
                days.append(day)
        if days:
            _deliver(plan.source_id, path, days)
    if failure is not None:
        raise failure
    return Fetched(plan.days[len(days) :], None if plan.is_sampled or not days else False)


def _require_currency(plan: Plan) -> None:
    """Raise NeedsPerson if the connection's costs are in another currency."""
    ours = policy.current().currency
    if plan.currency not in ("", ours):
        raise NeedsPerson(OTHER_CURRENCY, theirs=plan.currency, ours=ours)


def _lines(connection: Connection, plan: Plan, day: date) -> Iterator[Line]:
    """What our clouds used on a day; of other clouds nothing."""
    if plan.is_sampled:
        lines = db.read(lambda: metering.lines_of(connection.id, day))
        yield from (line for line in lines if line.external_id in plan.external_ids)
        return
    start = metering.start_of(day)
    for row in providers.provider_for_reading(connection).usage(plan.external_ids, day):
        if row.external_id in plan.external_ids:
            cost, unit = row.cost or Decimal(0), row.unit
            key = (row.external_id, row.resource_id)
            yield Line(*key, start, start + DAY, row.kind, row.quantity, unit, cost)


def _cells(line: Line) -> list[str]:
    """A row of the plain CSV. Text of a cloud is kept without what a CSV file can't have."""
    return [
        line.external_id,
        line.start.isoformat(),
        line.end.isoformat(),
        _printable(line.service),
        format(line.quantity, "f"),
        _printable(line.unit),
        format(line.cost, "f"),
        policy.current().currency,
        _printable(line.resource_id),
    ]


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text))


def _deliver(source_id: str, path: Path, days: Sequence[date]) -> None:
    """Publish the rows as all that there is of these days. Raises Later, NeedsPerson."""
    name = f"{min(days)} – {max(days)}" if len(days) > 1 else str(days[0])
    try:
        file = usage_files.unpack(path, path.parent, name=name)
        staging = db.write(lambda: _begin(source_id, file))
        _stage(staging, file, days)
        usage_posting.publish(staging.delivery_id, by=WORKER)
    except usage.LeaseLost:
        raise Later(BUSY, AGAIN) from None
    except Refused as refusal:
        if refusal.code in (Code.USAGE_IMPORT_RUNNING, Code.USAGE_OUTDATED):
            raise Later(BUSY, AGAIN) from None
        kept = refusal
        db.write(lambda: usage.give_up(staging.delivery_id, kept))
        raise NeedsPerson(NOT_PUBLISHED, delivery=staging.delivery_id) from None


def _begin(source_id: str, file: FileFacts) -> Staging:
    source = db.session.get_one(UsageSource, source_id)
    return usage.begin(source, mode=Mode.OVERWRITE, files=[file], by=WORKER, is_fetched=True)


def _stage(staging: Staging, file: FileFacts, days: Sequence[date]) -> None:
    """Raises Refused if the rows can't be read, LeaseLost."""
    terms = db.read(lambda: usage_imports.terms_of(usage_imports.source_of(staging)))
    try:
        with UsageReading.open([file], terms, file.path.parent) as reading:
            usage_imports.stage(staging, reading, days=days)
    except UsageFileError as error:
        refusal = usage_imports.refusal_of(error)
        db.write(lambda: usage.refuse(staging, refusal))
        raise refusal from None


def record_fetch(job: Job, result: Fetched) -> None:
    """Keep that the connection has delivered; order the days that are left."""
    metering.record_success(job.subject_id, was_asked=result.is_down is not None, left=result.left)


def sample(job: Job) -> Sampled | None:
    """Ask what is given out in this hour. None if it is over meanwhile: a connection that is asked
    for another day than today says nothing."""
    connection = db.read(lambda: db.session.get_one(Connection, job.subject_id))
    hour_at = db.read(_hour)
    ids = iter(sorted(db.read(lambda: metering.external_ids(connection.id))))
    quantities: dict[str, dict[str, str]] = {}
    while batch := list(islice(ids, SAMPLED_AT_ONCE)):
        for row in _given_out(connection, batch, hour_at.date()):
            if row.external_id in batch and row.kind in RATED:
                quantities.setdefault(row.external_id, {})[row.kind] = format(row.quantity, "f")
    return Sampled(hour_at, quantities) if db.read(_hour) == hour_at else None


def _hour() -> datetime:
    return db.now().replace(minute=0, second=0, microsecond=0)


def _given_out(connection: Connection, batch: Collection[str], day: date) -> Iterator[Any]:
    yield from providers.provider_for_reading(connection).usage(batch, day)


def record_sample(job: Job, result: Sampled) -> None:
    """Keep the sample of the hour."""
    metering.keep_sample(job.subject_id, result.hour_at, result.quantities)
    metering.record_success(job.subject_id, was_asked=True, left=())


def fail(job: Job, fault: str, facts: Mapping[str, str]) -> None:
    """Keep why the connection does not deliver."""
    metering.record_fault(job.subject_id, fault, facts)


STEPS: dict[str, Step] = {
    OrderKind.FETCH_USAGE: Step(fetch, record_fetch, fail),
    OrderKind.SAMPLE_USAGE: Step(sample, record_sample, fail),
}
"""By `jobs.OrderKind`."""
