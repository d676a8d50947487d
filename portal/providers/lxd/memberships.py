"""Memberships: what a project's configuration says of them, and their certificates.

LXD knows certificates only, each with a list of projects. So a project keeps for each membership
its role and the names of its certificates, which are the IDs of its accesses: everybody with a
certificate can read the names of all. A certificate of several clouds is one of each of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.providers.contract import Done, Later, Member, Role
from portal.providers.lxd import instances, projects
from portal.providers.lxd.session import SOON, Row, Session, segment

PREFIX = "user.portal.member."
"""The key of a membership is this and its ID; its value: role, IDs of accesses."""
REMOVE_TRIES = 3
OPEN_CONSOLES = "open consoles and shells, until their instance is stopped"


@dataclass(frozen=True)
class Membership:
    role: Role
    access_ids: tuple[str, ...] = ()


def by_member(project: Row) -> dict[str, Membership]:
    """The memberships of the project by their ID."""
    return {
        key.removeprefix(PREFIX): _parse(value)
        for key, value in project["config"].items()
        if key.startswith(PREFIX)
    }


def _parse(value: str) -> Membership:
    """A membership as stored. A role that somebody wrote by hand counts as the strongest."""
    role, *access_ids = value.split() or [""]
    return Membership(Role(role) if role in set(Role) else Role.OWNER, tuple(access_ids))


def keep(session: Session, external_id: str, member: Member, membership: Membership | None) -> None:
    """Store the membership, or forget it."""

    def edit(config: dict[str, str]) -> None:
        config.pop(PREFIX + member.id, None)
        if membership is not None:
            config[PREFIX + member.id] = " ".join((membership.role, *membership.access_ids))

    projects.configure(session, external_id, edit)


def grant(session: Session, external_id: str, member: Member, role: Role) -> Done:
    """Give the member the role. A viewer and a member have no access: LXD has no role that only
    reads."""
    if role is Role.MEMBER:
        return revoke(session, external_id, member)
    project = projects.require(session, external_id)
    access_ids = by_member(project).get(member.id, Membership(role)).access_ids
    if role is Role.VIEWER:
        remove(session, external_id, access_ids)
        access_ids = ()
    keep(session, external_id, member, Membership(role, access_ids))
    return Done(external_id)


def revoke(session: Session, external_id: str, member: Member, *, stop: bool = False) -> Done:
    """Remove the member's certificates, then forget the membership. Consoles that are open go on
    until their instance stops: with `stop` all instances of the project are stopped."""
    project = projects.find(session, external_id)
    if project is None:
        return Done(external_id, datetime.now(UTC))
    membership = by_member(project).get(member.id)
    if membership is not None:
        remove(session, external_id, membership.access_ids)
        keep(session, external_id, member, None)
    if stop:
        instances.stop(session, external_id)
    left = (OPEN_CONSOLES,) if instances.running(session, external_id) else ()
    return Done(external_id, datetime.now(UTC), left)


def all_certificates(session: Session) -> list[Row]:
    """All certificates that LXD trusts."""
    return session.rows("/certificates", key="fingerprint")


def certificates(session: Session, access_ids: Collection[str]) -> list[Row]:
    """The certificates of these accesses. One that is not restricted is no access of ours."""
    rows = all_certificates(session)
    return [row for row in rows if _is_restricted(row) and row["name"] in access_ids]


def _is_restricted(row: Row) -> bool:
    return row.get("type") == "client" and row.get("restricted") is True


def _path(row: Row) -> str:
    return f"/certificates/{segment(row['fingerprint'])}"


def remove(session: Session, external_id: str, access_ids: Collection[str]) -> None:
    """Take the project from the certificates; one that is of no other cloud is removed. Who has a
    certificate may replace it meanwhile, hence again until none is left."""
    for _ in range(REMOVE_TRIES if access_ids else 0):
        is_done = True
        for row in certificates(session, access_ids):
            if not _is_of_another(session, row, external_id):
                session.call("DELETE", _path(row), allow=(404,))
            elif external_id in row["projects"]:
                _detach(session, row, external_id)
            else:
                continue
            is_done = False
        if is_done:
            return
    if access_ids:
        raise Later("The certificates change all the time.", SOON)


def _is_of_another(session: Session, certificate: Row, external_id: str) -> bool:
    """Whether another project has the certificate, or will have it again when it is resumed."""
    if set(certificate["projects"]) - {external_id}:
        return True
    return any(
        certificate["name"] in membership.access_ids
        for project in projects.everything(session)
        if project["name"] != external_id
        for membership in by_member(project).values()
    )


def _detach(session: Session, certificate: Row, external_id: str) -> None:
    def edit(row: Row) -> None:
        row["projects"] = [name for name in row["projects"] if name != external_id]

    session.change(_path(certificate), edit)


def attach(session: Session, certificate: Row, external_id: str) -> None:
    """Add the project to those of the certificate."""

    def edit(row: Row) -> None:
        row["projects"] = sorted({*row["projects"], external_id})

    session.change(_path(certificate), edit)


def detach_all(session: Session, project: Row) -> None:
    """Take the project from the certificates of all accesses of its memberships, and keep them."""
    for row in certificates(session, _access_ids(project)):
        _detach(session, row, project["name"])


def attach_all(session: Session, project: Row) -> None:
    """Give the project to the certificates of all accesses of its memberships."""
    for row in certificates(session, _access_ids(project)):
        attach(session, row, project["name"])


def _access_ids(project: Row) -> set[str]:
    return {name for each in by_member(project).values() for name in each.access_ids}


def foreign(project: Row, certificates: Collection[Row]) -> list[Row]:
    """The certificates of the project that are of none of its memberships."""
    ours = _access_ids(project)
    others = [row for row in certificates if _is_restricted(row) and row["name"] not in ours]
    return [row for row in others if project["name"] in row["projects"]]


def roles(project: Row, certificates: Collection[Row]) -> dict[str, Role]:
    """The roles of memberships by their ID, and of foreign certificates by their fingerprint.
    Without members from whose certificates the project was taken by hand."""
    roles = {row["fingerprint"]: Role.EDITOR for row in foreign(project, certificates)}
    detached = set[str]()
    if not projects.is_suspended(project):
        rows = [row for row in certificates if _is_restricted(row)]
        detached = {row["name"] for row in rows if project["name"] not in row["projects"]}
    members = by_member(project).items()
    return roles | {key: it.role for key, it in members if detached.isdisjoint(it.access_ids)}
