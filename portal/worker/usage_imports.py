"""Import usage: read the files of a delivery, stage their rows; assign a key to a cloud."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

from portal import db, usage_files
from portal.domain import policy, prices, usage
from portal.domain.actors import WORKER
from portal.domain.errors import Code, Refused
from portal.domain.jobs import Job, Outcome, State
from portal.domain.usage import Delivery, Staging, UsageSource
from portal.usage_files import (
    FileFacts,
    ScopeSum,
    Terms,
    UsageFileError,
    UsageReading,
    pieces,
)
from portal.worker import usage_posting

LEASE = timedelta(minutes=15)
"""Of a job. An upload is read within it."""
RETRY = timedelta(seconds=30)
"""Until a source is asked again whose other import goes on."""
KEYS_BATCH = 5_000
"""Rows of a transaction: no other writer waits longer than a second."""
T = TypeVar("T")


def run(job: Job) -> Outcome:
    """Stage, publish or remove the delivery, assign the key, or reprice for the partner, that is
    the job's subject."""
    if job.subject_kind in (usage.SUBJECT, prices.SUBJECT) or "step" in job.facts:
        return _post(job)
    try:
        staging = db.write(lambda: usage.claim(job.subject_id))
        if staging is not None:
            _stage_upload(staging)
    except (Refused, usage.LeaseLost):  # another import of the source goes on
        return Outcome(State.WAITING, run_at=db.read(db.now) + RETRY)
    return Outcome(State.DONE)


def _stage_upload(staging: Staging) -> None:
    """Stage an uploaded delivery; one that can't be imported keeps the reason. Raises LeaseLost."""
    while db.write(lambda: usage.clear_some(staging.delivery_id)):
        pass
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = [
                usage_files.unpack(path, folder, name=shown)
                for path, shown in _download(staging.delivery_id, folder)
            ]
            db.write(lambda: usage.set_files(staging, files))
            terms = db.read(lambda: terms_of(source_of(staging)))
            with UsageReading.open(files, terms, folder) as reading:
                stage(staging, reading)
    except UsageFileError as error:
        refusal = refusal_of(error)
        db.write(lambda: usage.refuse(staging, refusal))


def source_of(staging: Staging) -> UsageSource:
    """The source of the delivery that is staged."""
    return db.session.get_one(Delivery, staging.delivery_id).source


def _download(delivery_id: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """Write the uploaded files into the folder; their paths and names."""
    names = db.read(lambda: [file.name for file in db.session.get_one(Delivery, delivery_id).files])
    for number, name in enumerate(names):
        path = folder / f"upload-{number}"
        with path.open("wb") as target:
            for chunk in usage.chunks(delivery_id, number):
                target.write(chunk)
        yield path, name


def terms_of(source: UsageSource) -> Terms:
    """How the source's files are read."""
    current = policy.current()
    period: Literal["month", "day"] = "month" if source.connection_id is None else "day"
    return Terms(current.currency, current.billing_time_zone.key, source.key_column, period)


def refusal_of(error: UsageFileError) -> Refused:
    """The refusal that says why a file can't be read."""
    return Refused(Code.USAGE_FILE, field="files", fault=error.code, **error.facts)


def stage(
    staging: Staging,
    reading: UsageReading,
    progress: Callable[[int], object] = lambda _rows: None,
    days: Collection[date] = (),
) -> None:
    """Stage all rows, by short transactions, and close the reading; `progress` gets the number of
    rows of each piece. `days` are scopes in any case, whether they have rows or not. Raises
    LeaseLost."""
    identified = _identify_keys(staging, reading)
    for piece in pieces.pieces(reading):
        db.write(lambda: usage.add_piece(staging, piece))  # noqa: B023 - runs at once
        if piece.kind == pieces.AMOUNTS:
            progress(piece.rows)
    for groups in pieces.groups(reading, staging.delivery_id):
        db.write(lambda: usage.add_groups(staging, groups))  # noqa: B023 - runs at once
    while not _finish(staging, reading, identified, days):
        identified = _identify_keys(staging, reading)
    reading.close()  # or there would be the memory of two engines
    usage_posting.prepare_publishing(staging.delivery_id, by=WORKER)


def _identify_keys(staging: Staging, reading: UsageReading) -> usage.KeyIds:
    """Give the keys of the rows their IDs."""
    identified = None
    for batch in _batches(pieces.keys(reading), KEYS_BATCH):
        found = db.write(lambda: usage.identify_keys(staging, batch))  # noqa: B023 - runs at once
        if identified is None:
            identified = found
        identified.ids.update(found.ids)
        identified.since.update(found.since)
    identified = identified or db.write(lambda: usage.identify_keys(staging, []))
    pieces.identify_keys(reading, identified.ids, identified.since)
    return identified


def _finish(
    staging: Staging, reading: UsageReading, identified: usage.KeyIds, days: Collection[date]
) -> bool:
    keys, scopes = list(pieces.key_sums(reading)), pieces.scopes(reading)
    empty = sorted(set(days).difference(scope.period_on for scope in scopes))
    scopes += [ScopeSum(day, 0, 0, 0) for day in empty]
    total = reading.rows, *usage.split(reading.total)
    return db.write(
        lambda: usage.finish(
            staging,
            identified,
            keys=keys,
            scopes=scopes,
            total=total,
            bad=reading.bad,
            rounded=reading.doubles,
            terms=reading.terms,
        )
    )


def _batches(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(rows, size)):
        yield batch


def _post(job: Job) -> Outcome:
    """Publish, remove or assign in the name of the operator who asked for it."""
    by = replace(WORKER, id=job.facts.get("by", WORKER.id))
    try:
        if job.subject_kind == prices.SUBJECT:
            usage_posting.reprice(job.subject_id, by=by)
        elif job.subject_kind == usage.SUBJECT:
            usage_posting.assign(job.subject_id, job.facts["cloud"], by=by)
        elif job.facts["step"] == "remove":
            usage_posting.remove(job.subject_id, by=by)
        elif job.facts["step"] == "charge":
            usage_posting.charge(job.subject_id, by=by)
        else:
            usage_posting.publish(job.subject_id, by=by, **job.facts["options"])
    except usage.PlanOutdated:
        return Outcome(State.WAITING)
    except Refused as refusal:
        if refusal.code == Code.USAGE_OUTDATED:
            return Outcome(State.WAITING, run_at=db.read(db.now) + RETRY)
        return Outcome(State.FAILED, refusal.code)  # it is not possible any more
    return Outcome(State.DONE)


def open_files(paths: list[Path], folder: Path) -> list[FileFacts]:
    """Check and unpack files. Raises UsageFileError, OSError."""
    return [usage_files.unpack(path, folder) for path in paths]
