"""Staging: a delivery's pieces and sums go in by short transactions; nobody reads them yet.

Each transaction holds the lease of the process that stages. When the process dies, the lease ends,
and the next one of the same source clears what was staged.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import insert, select, update

from portal import db
from portal.domain import access, jobs, locks
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.usage.record import (
    Delivery,
    DeliveryFile,
    DeliveryKey,
    DeliveryPart,
    DeliveryScope,
    DeliveryUpload,
    Mode,
    PartKind,
    State,
    UsageGroup,
    UsageSource,
)
from portal.usage_files import BadRows, FileFacts, Group, KeySum, Piece, ScopeSum, Terms

LEASE = timedelta(minutes=1)
"""Extended by each transaction; the longest takes about a second."""
SUMS = ("rows", "micros", "rest")
GROUP_COLUMNS = (
    *("delivery_id", "number", "key_id", "service", "category", "usage_on", "period_on", *SUMS),
    "scope_on",
)
"""The columns of a Group, in its order."""
KEY_COLUMNS = ("key_id", "scope_on", "first_on", "last_on", *SUMS, *(f"before_{n}" for n in SUMS))
"""The columns of a KeySum, in its order."""


def stored(refusal: Refused) -> dict[str, Any]:
    """A refusal in the form that is kept with a delivery."""
    return {"code": refusal.code, "facts": refusal.facts}


DIED = stored(Refused(Code.USAGE_IMPORT_DIED))


class LeaseLost(Exception):
    """Another process has taken the delivery over, or it was removed."""


class Staging(NamedTuple):
    """The delivery that a process stages, with its token."""

    delivery_id: str
    token: str


class KeyIds(NamedTuple):
    """The IDs of keys, and when the first link of their cloud began, if they have a cloud;
    `assignments` is the source's count at that moment."""

    ids: dict[str, str]
    since: dict[str, datetime]
    assignments: int


def digest(files: Sequence[FileFacts]) -> str:
    """The SHA-256 of one file; of several that of their sorted digests."""
    digests = sorted(file.sha256 for file in files)
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )


def begin(
    source: UsageSource,
    *,
    mode: Mode,
    files: Sequence[FileFacts],
    by: Actor,
    is_fetched: bool = False,
) -> Staging:
    """An operator imports files that this process has read, or the worker what a connection has
    said; this process stages them next.

    Raises Forbidden, Refused("usage-import-running", "usage-source-connected").
    """
    access.require_operator(by, Action.USAGE_PUBLISH)
    require_kind(source, is_fetched=is_fetched)
    source = db.lock(UsageSource, source.id)
    _free_source(source)
    if is_fetched:
        _give_up_staged(source)
    delivery = Delivery(
        id=db.new_id("dlv"),
        source_id=source.id,
        mode=mode,
        state=State.STAGING,
        created_by=by.id,
        created_at=db.now(),
        token=secrets.token_hex(16),
        leased_until=db.now() + LEASE,
    )
    db.session.add(delivery)
    db.session.flush()
    for number, file in enumerate(files):
        db.session.add(DeliveryFile(delivery_id=delivery.id, number=number, name=file.name, size=0))
    _set_files(delivery, files)
    return Staging(delivery.id, delivery.token or "")


def require_kind(source: UsageSource, *, is_fetched: bool = False) -> None:
    """Raise Refused("usage-source-connected") for files of a connection's source: its scopes are
    days."""
    if (source.connection_id is not None) is not is_fetched:
        raise Refused(Code.USAGE_SOURCE_CONNECTED, field="source")


def _give_up_staged(source: UsageSource) -> None:
    """Give up what a worker that died has staged: the days are fetched again."""
    is_staged = Delivery.source_id == source.id, Delivery.state == State.STAGED
    ids = list(db.session.scalars(locks.select_for_update(Delivery.id, *is_staged)))
    values = {"state": State.REFUSED, "refusal": DIED}
    db.session.execute(update(Delivery).where(Delivery.id.in_(ids)).values(values))


def give_up(delivery_id: str, refusal: Refused) -> None:
    """The worker can't publish what a connection has said; keep why."""
    delivery = db.lock(Delivery, delivery_id)
    if delivery.state is State.STAGED:
        delivery.state, delivery.refusal = State.REFUSED, stored(refusal)
        db.session.flush()


def claim(delivery_id: str) -> Staging | None:
    """Take an uploaded delivery, or one whose process died; None if there is nothing to do.

    Raises Refused("usage-import-running").
    """
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None:
        return None
    source = db.lock(UsageSource, delivery.source_id)
    _free_source(source)
    delivery = db.session.get(Delivery, delivery_id, populate_existing=True)
    if delivery is None or delivery.state is not State.UPLOADED:
        return None
    delivery.state, delivery.token = State.STAGING, secrets.token_hex(16)
    delivery.leased_until = db.now() + LEASE
    db.session.flush()
    return Staging(delivery.id, delivery.token)


def _free_source(source: UsageSource) -> None:
    """Give up the source's delivery whose process died. Raises Refused while one is alive."""
    query = select(Delivery).where(Delivery.source_id == source.id, Delivery.state == State.STAGING)
    other = db.session.scalar(query)
    if other is None:
        return
    if other.leased_until is not None and other.leased_until >= db.now():
        raise Refused(Code.USAGE_IMPORT_RUNNING)
    is_uploaded = select(DeliveryUpload.file).where(DeliveryUpload.delivery_id == other.id).limit(1)
    has_upload = db.session.scalar(is_uploaded) is not None
    other.state = State.UPLOADED if has_upload else State.REFUSED
    other.refusal = {} if has_upload else DIED
    other.token = other.leased_until = None
    db.session.flush()


def set_files(staging: Staging, files: Sequence[FileFacts]) -> None:
    """Record the digests of the files that this process has read. Raises LeaseLost."""
    hold(staging)
    _set_files(db.session.get_one(Delivery, staging.delivery_id), files)


def _set_files(delivery: Delivery, files: Sequence[FileFacts]) -> None:
    delivery.sha256 = digest(files)
    for number, file in enumerate(files):
        row = db.session.get_one(DeliveryFile, (delivery.id, number))
        row.size, row.sha256 = file.size, file.sha256
    db.session.flush()


def hold(staging: Staging) -> None:
    """Extend the lease. Raises LeaseLost."""
    is_ours = Delivery.id == staging.delivery_id, Delivery.token == staging.token
    statement = update(Delivery).where(*is_ours).values(leased_until=db.now() + LEASE)
    result: Any = db.session.execute(statement.execution_options(synchronize_session=False))
    if result.rowcount != 1:
        raise LeaseLost


def add_piece(staging: Staging, piece: Piece) -> None:
    """Raises LeaseLost."""
    hold(staging)
    values = piece._asdict() | {"delivery_id": staging.delivery_id, "kind": PartKind(piece.kind)}
    db.session.execute(insert(DeliveryPart), [values])


def add_groups(staging: Staging, groups: Sequence[Group]) -> None:
    """Add groups, whose head is the delivery's ID. Raises LeaseLost."""
    hold(staging)
    db.insert_rows(UsageGroup, GROUP_COLUMNS, groups)


def finish(
    staging: Staging,
    identified: KeyIds,
    *,
    keys: Iterable[KeySum],
    scopes: Sequence[ScopeSum],
    total: tuple[int, int, int],
    bad: BadRows,
    rounded: Sequence[str],
    terms: Terms,
) -> bool:
    """End staging; `total` is rows, micros and rest. False if a key was assigned meanwhile: then
    the sums of keys have to be made again. Raises LeaseLost."""
    delivery = db.session.get_one(Delivery, staging.delivery_id)
    source = db.lock(UsageSource, delivery.source_id)
    hold(staging)
    if source.assignments != identified.assignments:
        return False
    ident = delivery.id
    db.insert_rows(
        DeliveryKey,
        ("delivery_id", *KEY_COLUMNS),
        ((ident, *key) for key in keys),
    )
    rows = [{**s._asdict(), "delivery_id": ident, "scope_on": s.period_on} for s in scopes]
    for row in rows:
        del row["period_on"]
    if rows:
        db.session.execute(insert(DeliveryScope), rows)
    delivery.rows, delivery.micros, delivery.rest = total
    delivery.currency, delivery.time_zone = terms.currency, terms.zone
    delivery.bad_rows, delivery.rounded = bad.count, ", ".join(rounded)
    delivery.bad_listed = [list(row) for row in bad.listed]
    _end_staging(delivery, State.STAGED)
    return True


def refuse(staging: Staging, refusal: Refused) -> None:
    """Keep why the files can't be imported. Raises LeaseLost."""
    hold(staging)
    delivery = db.session.get_one(Delivery, staging.delivery_id)
    delivery.refusal = stored(refusal)
    _end_staging(delivery, State.REFUSED)


def _end_staging(delivery: Delivery, state: State) -> None:
    delivery.state, delivery.token, delivery.leased_until = state, None, None
    db.session.flush()


def queue_staging(delivery: Delivery) -> None:
    """Let a worker stage the delivery."""
    jobs.add(jobs.Kind.USAGE, key=lane_of(delivery.source_id), subject=("delivery", delivery.id))


def lane_of(source_id: str) -> str:
    """The key of a source's jobs."""
    return f"usage:{source_id}"
