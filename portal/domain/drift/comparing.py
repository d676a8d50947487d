"""Compare a connection with the portal, in batches: memory is the same for any number of clouds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, or_, select

from portal import db
from portal.domain.access import CloudRole
from portal.domain.clouds import Cloud
from portal.domain.drift.record import Drift, DriftKind, FoundCloud, Reconciliation
from portal.domain.memberships import Membership

BATCH = 500


class There(NamedTuple):
    """What a connection lists of what it has carried out."""

    name: Callable[[str, str], str]
    """The name that a cloud gets there, by its ID and its name."""
    roles: Mapping[CloudRole, str]
    """The role of a member who was given this one; without those that can't be compared."""


class Difference(NamedTuple):
    """The columns that say which drift it is."""

    cloud_id: str
    kind: DriftKind
    external_id: str
    theirs: str = ""
    role: str = ""


def begin(connection_id: str, run: str) -> None:
    """Forget what an earlier try of this run has stored."""
    is_ours = FoundCloud.connection_id == connection_id, FoundCloud.run == run
    db.session.execute(delete(FoundCloud).where(*is_ours))


def store(connection_id: str, run: str, found: Iterable[Any]) -> None:
    """Keep a batch of the clouds that were listed: rows with the fields of the contract's `Found`.
    A list that changes while it is read may name one twice; the later row counts."""
    rows = {
        row.external_id: {
            "connection_id": connection_id,
            "run": run,
            "external_id": row.external_id,
            "name": row.name,
            "our_id": row.our_id,
            "is_suspended": row.is_suspended,
            "members": None
            if row.members is None
            else {key: str(role) for key, role in row.members.items()},
        }
        for row in found
    }
    is_same = FoundCloud.connection_id == connection_id, FoundCloud.run == run
    db.session.execute(delete(FoundCloud).where(*is_same, FoundCloud.external_id.in_(rows)))
    if rows:
        db.session.execute(insert(FoundCloud), list(rows.values()))


def compare_next(connection_id: str, run: str, after: str, there: There) -> str | None:
    """Compare the next clouds after the ID `after`; the last one's ID, or None at the end."""
    query = (
        select(Cloud)
        .where(Cloud.connection_id == connection_id, Cloud.id > after)
        .order_by(Cloud.id)
        .limit(BATCH)
    )
    clouds = db.session.scalars(query).all()
    keep(connection_id, [cloud.id for cloud in clouds], _differences(clouds, run, there))
    return clouds[-1].id if len(clouds) == BATCH else None


def record_end(connection_id: str, run: str) -> None:
    """All is listed and compared: what earlier runs listed is forgotten."""
    is_old = FoundCloud.connection_id == connection_id, FoundCloud.run != run
    db.session.execute(delete(FoundCloud).where(*is_old))
    row = _reconciliation(connection_id)
    row.run, row.ended_at, row.failed_at, row.fault, row.fault_facts = run, db.now(), None, None, {}
    db.session.flush()


def record_fault(connection_id: str, fault: str, facts: Mapping[str, str]) -> None:
    """The connection could not be listed; what was known before stays."""
    row = _reconciliation(connection_id)
    row.failed_at, row.fault, row.fault_facts = db.now(), fault, dict(facts)
    db.session.flush()


def _reconciliation(connection_id: str) -> Reconciliation:
    row = db.session.get(Reconciliation, connection_id, populate_existing=True)
    if row is None:
        row = Reconciliation(connection_id=connection_id, fault_facts={})
        db.session.add(row)
    return row


def _differences(clouds: Sequence[Cloud], run: str, reported: There) -> set[Difference]:
    """What differs of the clouds that exist there as far as we know."""
    there = {
        cloud.id: cloud
        for cloud in clouds
        if cloud.external_id and cloud.carried_out_at and not cloud.closed_there_at
    }
    if not there:
        return set()
    rows = _found(there, run)
    members = _members(there)
    differences = set[Difference]()
    for cloud in there.values():
        external_id = str(cloud.external_id)
        its = rows.get(external_id)
        if its is None:
            differences.add(Difference(cloud.id, DriftKind.MISSING, external_id))
        else:
            differences.update(_of_cloud(cloud, its, reported, members[cloud.id]))
        doubles = (row for row in rows.values() if row.our_id == cloud.id)
        differences.update(
            Difference(cloud.id, DriftKind.DOUBLED, row.external_id, row.name)
            for row in doubles
            if row.external_id != external_id
        )
    return differences


def _found(there: Mapping[str, Cloud], run: str) -> dict[str, FoundCloud]:
    """What was listed under the external IDs of the clouds, or with their own IDs."""
    connection_id = next(iter(there.values())).connection_id
    external_ids = [cloud.external_id for cloud in there.values()]
    is_theirs = or_(FoundCloud.external_id.in_(external_ids), FoundCloud.our_id.in_(there))
    query = select(FoundCloud).where(
        FoundCloud.connection_id == connection_id, FoundCloud.run == run, is_theirs
    )
    return {row.external_id: row for row in db.session.scalars(query)}


def _members(cloud_ids: Iterable[str]) -> dict[str, dict[str, Membership]]:
    """The memberships of each cloud that are not revoked, by their ID. The lane of the connection
    is ours: no order changes them while the list is read."""
    query = select(Membership).where(
        Membership.cloud_id.in_(list(cloud_ids)), Membership.revoked_at.is_(None)
    )
    members: dict[str, dict[str, Membership]] = defaultdict(dict)
    for membership in db.session.scalars(query.execution_options(populate_existing=True)):
        members[membership.cloud_id][membership.id] = membership
    return members


def _of_cloud(
    cloud: Cloud, its: FoundCloud, there: There, members: Mapping[str, Membership]
) -> Iterator[Difference]:
    """What is unknown here, since it is being carried out, differs from nothing."""
    external_id, name = its.external_id, cloud.carried_out_name
    if name is not None and its.name != there.name(cloud.id, name):
        yield Difference(cloud.id, DriftKind.RENAMED, external_id, its.name)
    if cloud.is_suspended_there is not None and its.is_suspended != cloud.is_suspended_there:
        kind = DriftKind.SUSPENDED if its.is_suspended else DriftKind.RESUMED
        yield Difference(cloud.id, kind, external_id)
    if its.members is not None:
        for holder in set(its.members) - members.keys():
            yield Difference(cloud.id, DriftKind.ROLE, external_id, holder)
        for member in members.values():
            yield from _of_member(cloud, its, there, member)


def _of_member(
    cloud: Cloud, its: FoundCloud, there: There, member: Membership
) -> Iterator[Difference]:
    """What differs of somebody whose role is carried out. While a cloud is being suspended, it may
    list them or not."""
    if member.role is None or member.revoking_at is not None:
        return
    role = (its.members or {}).get(member.id)
    ids = {"cloud_id": cloud.id, "external_id": its.external_id, "theirs": member.id}
    if role is None:
        if cloud.is_suspended_there is not None:
            yield Difference(kind=DriftKind.LOST_ROLE, **ids)
    elif member.role is member.ordered_role and there.roles.get(member.role, role) != role:
        yield Difference(kind=DriftKind.CHANGED_ROLE, role=role, **ids)


def keep(connection_id: str, cloud_ids: Sequence[str], differences: set[Difference]) -> None:
    """Keep the rows of what still differs, delete the others, add what is new."""
    query = select(Drift).where(Drift.cloud_id.in_(cloud_ids)).order_by(Drift.id)
    known = set[Difference]()
    for row in db.session.scalars(query.with_for_update()).all():
        difference = Difference(row.cloud_id, row.kind, row.external_id, row.theirs, row.role)
        if difference in differences:
            known.add(difference)
        else:
            db.session.delete(row)
    new = [
        {"id": db.new_id("drf"), "connection_id": connection_id, "found_at": db.now()}
        | difference._asdict()
        for difference in sorted(differences - known)
    ]
    db.session.flush()
    if new:
        db.session.execute(insert(Drift), new)
