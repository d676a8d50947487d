"""Preparing: what publishing, removing or assigning posts is worked out and staged before it.

A posting remembers its basis: how many links and assignments there were, and what was in force. The
transaction that posts it compares the basis again, under its locks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, or_, select

from portal import db
from portal.domain import billing_days, charges, ledger
from portal.domain.actors import Actor
from portal.domain.charges import Bearer, ChainLink, Outdated
from portal.domain.clouds import Link
from portal.domain.errors import Code, Refused
from portal.domain.ledger import Posting, PostingKind
from portal.domain.usage.record import (
    Delivery,
    DeliveryKey,
    DeliveryPart,
    DeliveryScope,
    Mode,
    State,
    UsageKey,
    UsageSource,
    is_in_force,
)
from portal.usage_files import Span

FOREVER = 2**62
"""Later, and with a minus earlier, than any moment in microseconds."""
LATE_MARGIN = timedelta(minutes=10)
"""A link that waits for a lock is dated before the publishing that it waits for."""
KEYS_BATCH = 5_000
InForce = list[tuple[str, date]]
"""Deliveries and their periods in force."""


class Part(NamedTuple):
    """Rows of a delivery that count, or count no more, by `sign`."""

    delivery_id: str
    sign: int
    periods: list[date]


class Preparation(NamedTuple):
    """What a posting is worked out from: `spans` with a bearer each, the IDs of their keys, and the
    moment after which rows are late, in microseconds. Charges of closed months go to the one that
    begins on `open_on`, as ISO text."""

    posting_id: str
    source_id: str
    parts: list[Part]
    spans: list[Span]
    bearers: list[Bearer]
    key_ids: dict[str, str]
    after_us: int
    open_on: str
    basis: dict[str, Any]


def prepare_publishing(delivery: Delivery, *, by: Actor) -> Preparation:
    """Begin to stage what publishing a delivery posts, or of a published one what is in force."""
    is_own = DeliveryScope.delivery_id == delivery.id
    own = select(DeliveryScope.scope_on).where(is_own, DeliveryScope.ended_at.is_(None))
    ended = replaced_by(delivery)
    parts = [Part(delivery.id, 1, sorted(db.session.scalars(own))), *_taken_back(ended)]
    return _prepare(PostingKind.DELIVERY, delivery, parts, basis_of(delivery, ended), by)


def prepare_removal(delivery: Delivery, *, by: Actor) -> Preparation:
    """Begin to stage what removing a delivery posts."""
    ended = in_force(Delivery.id == delivery.id)
    parts = list(_taken_back(ended))
    return _prepare(PostingKind.REMOVAL, delivery, parts, basis_of(delivery, ended), by)


def _prepare(
    kind: PostingKind, delivery: Delivery, parts: list[Part], basis: dict[str, Any], by: Actor
) -> Preparation:
    keys = _keys_of({part.delivery_id for part in parts})
    posting = ledger.begin(kind, subject=delivery.id, by=by, is_staged=True)
    spans, bearers = _spans({key.key: [(1, key.cloud_id)] for key in keys if key.cloud_id})
    return Preparation(
        posting_id=posting.id,
        source_id=delivery.source_id,
        parts=parts,
        spans=spans,
        bearers=bearers,
        key_ids={key.key: key.id for key in keys},
        after_us=charges.microseconds(db.now() - LATE_MARGIN),
        open_on=posting.open_on.isoformat(),
        basis=basis,
    )


def prepare_assignment(key: UsageKey, cloud_id: str | None, *, by: Actor) -> Preparation:
    """Begin to stage what assigning a key posts: its rows in force move from the cloud that they
    have to this one; None if to none."""
    affected = with_key(key)
    basis = assignment_basis(key, cloud_id, affected)
    posting = ledger.begin(PostingKind.ASSIGNMENT, subject=key.id, by=by, is_staged=True)
    moves = [(sign, cloud) for sign, cloud in ((-1, key.cloud_id), (1, cloud_id)) if cloud]
    spans, bearers = _spans({key.key: moves})
    return Preparation(
        posting_id=posting.id,
        source_id=key.source_id,
        parts=[part._replace(sign=1) for part in _taken_back(affected)],
        spans=spans,
        bearers=bearers,
        key_ids={key.key: key.id},
        after_us=charges.microseconds(db.now() - LATE_MARGIN),
        open_on=posting.open_on.isoformat(),
        basis=basis,
    )


def kept_in_force(source: UsageSource) -> tuple[list[Part], list[Span], list[Bearer]]:
    """The rows of a source that are in force and kept, with the spans of their keys and a bearer
    for each. A period is left out if not all its rows are kept."""
    has_parts = exists().where(DeliveryPart.delivery_id == Delivery.id)
    periods = in_force(Delivery.source_id == source.id)
    is_lost = or_(~has_parts, Delivery.rows_purged_at.is_not(None))
    lost = {scope for _id, scope in in_force(Delivery.source_id == source.id, is_lost)}
    kept = _taken_back([pair for pair in periods if pair[1] not in lost])
    parts = [part._replace(sign=1) for part in kept]
    keys = _keys_of({part.delivery_id for part in parts})
    return parts, *_spans({key.key: [(1, key.cloud_id)] for key in keys if key.cloud_id})


def current_posting(
    kind: PostingKind, subject: str, basis: Callable[[], dict[str, Any]]
) -> Posting:
    """The posting that is prepared for the subject, with the accounts locked that pay for its
    charges; `basis` is read under these locks. Raises Outdated."""
    posting = charges.staged_posting(kind, subject)
    if posting is None:
        raise Outdated
    charges.lock_payers(posting)
    if (posting.basis or {})["usage"] != basis() or not charges.still_holds(posting):
        raise Outdated
    return posting


def in_force(*which: ColumnElement[bool]) -> InForce:
    """The periods in force under these conditions, by delivery."""
    query = select(DeliveryScope.delivery_id, DeliveryScope.scope_on).join(
        Delivery, Delivery.id == DeliveryScope.delivery_id
    )
    query = query.where(is_in_force(), *which)
    ordered = query.order_by(DeliveryScope.delivery_id, DeliveryScope.scope_on)
    return list(db.session.execute(ordered))


def replaced_by(delivery: Delivery) -> InForce:
    """What publishing the delivery ends: a snapshot takes the place of all in its periods."""
    if delivery.mode is Mode.APPEND or delivery.state is State.PUBLISHED:
        return []
    own = select(DeliveryScope.scope_on).where(DeliveryScope.delivery_id == delivery.id)
    return in_force(Delivery.source_id == delivery.source_id, DeliveryScope.scope_on.in_(own))


def refuse_purged(ended: InForce) -> None:
    """Raises Refused("usage-rows-purged") if rows that are to be taken back are not kept. The
    caller has locked the deliveries."""
    ids = {delivery_id for delivery_id, _scope in ended}
    is_purged = Delivery.id.in_(ids), Delivery.rows_purged_at.is_not(None)
    if db.session.scalar(select(Delivery.id).where(*is_purged).limit(1)):
        raise Refused(Code.USAGE_ROWS_PURGED)


def with_key(key: UsageKey, *, is_purged: bool = False) -> InForce:
    """The periods in force that have kept, or purged, rows of the key."""
    has_key = select(DeliveryKey.scope_on).where(
        DeliveryKey.key_id == key.id, DeliveryKey.delivery_id == DeliveryScope.delivery_id
    )
    which = Delivery.rows_purged_at.is_not(None) == is_purged
    return in_force(Delivery.source_id == key.source_id, which, DeliveryScope.scope_on.in_(has_key))


def basis_of(delivery: Delivery, ended: InForce) -> dict[str, Any]:
    """What publishing or removing a delivery is worked out from."""
    source = db.session.get_one(UsageSource, delivery.source_id, populate_existing=True)
    involved = {delivery.id, *(delivery_id for delivery_id, _scope in ended)}
    keys = select(DeliveryKey.key_id).where(DeliveryKey.delivery_id.in_(involved))
    clouds = select(UsageKey.cloud_id).where(UsageKey.id.in_(keys))
    return _basis(source, Link.cloud_id.in_(clouds), ended)


def assignment_basis(key: UsageKey, cloud_id: str | None, affected: InForce) -> dict[str, Any]:
    """What assigning a key is worked out from."""
    source = db.session.get_one(UsageSource, key.source_id, populate_existing=True)
    is_theirs = Link.cloud_id.in_([key.cloud_id or "", cloud_id or ""])
    return _basis(source, is_theirs, affected) | {"cloud": cloud_id}


def _basis(source: UsageSource, links: ColumnElement[bool], periods: InForce) -> dict[str, Any]:
    """Links are never deleted, nor do they change what lies before: their number says it all."""
    return {
        "assignments": source.assignments,
        "links": db.session.scalar(select(func.count()).select_from(Link).where(links)),
        "in_force": [[delivery_id, scope_on.isoformat()] for delivery_id, scope_on in periods],
    }


def _taken_back(ended: InForce) -> Iterator[Part]:
    periods: dict[str, list[date]] = {}
    for delivery_id, scope_on in ended:
        periods.setdefault(delivery_id, []).append(scope_on)
    for delivery_id, scopes in periods.items():
        yield Part(delivery_id, -1, scopes)


def _keys_of(delivery_ids: Collection[str]) -> Sequence[UsageKey]:
    has_rows = select(DeliveryKey.key_id).where(DeliveryKey.delivery_id.in_(delivery_ids))
    query = select(UsageKey.id, UsageKey.key, UsageKey.cloud_id).where(UsageKey.id.in_(has_rows))
    return db.session.execute(query.where(UsageKey.cloud_id.is_not(None))).all()  # type: ignore[return-value]


def _spans(
    moves: Mapping[str, Sequence[tuple[int, str]]],
) -> tuple[list[Span], list[Bearer]]:
    """The spans of keys, each of which moves to or from clouds by a sign, and their bearers. Those
    of a cloud follow each other."""
    clouds = sorted({cloud_id for each in moves.values() for _sign, cloud_id in each})
    chains: dict[str, list[ChainLink]] = {}
    for begin in range(0, len(clouds), KEYS_BATCH):
        chains |= charges.chains_of(clouds[begin : begin + KEYS_BATCH])
    spans, bearers = [], []
    for key, each in sorted(moves.items(), key=lambda move: move[1][0][1]):
        for sign, cloud_id in each:
            chain = chains[cloud_id]
            ends = [*(link.since_us for link in chain[1:]), FOREVER]
            for link, until in zip(chain, ends, strict=True):
                since = link.since_us if link is not chain[0] else -FOREVER
                day = _day_of(link.since_us)
                spans.append(Span(key, sign, since, until, chain[0].since_us, day))
                bearers.append(link.bearer)
    return spans, bearers


def _day_of(moment_us: int) -> date:
    return billing_days.day_of(charges.instant_of(moment_us))
