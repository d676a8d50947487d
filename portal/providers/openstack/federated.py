"""Federated members: a user for each identity (provider, subject), made before the first sign-in.

An identity has one user in Keystone, so all memberships of a person share it; the user knows them
by project. It is named after the identity: the name is the lock. What a person makes at the cloud
comes back with a role that comes back, and only that person can delete it. Hence the user is
deleted with its last membership, and one that was revoked on a project is not given it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from portal.providers.contract import Member, NeedsPerson
from portal.providers.openstack import users
from portal.providers.openstack.problems import Problem
from portal.providers.openstack.session import PAGE_ROWS, Row, Session

MARK = "portal_memberships"
"""A property of our users: for each project the ID of the membership, after REVOKED if it ended."""
REVOKED = "revoked:"
PREFIX = "portal-identity-"


def _known(user: Row) -> dict[str, str]:
    mark = user.get(MARK)
    return dict(mark) if isinstance(mark, dict) else {}


def membership(user: Row, project_id: str) -> str:
    """The ID of the membership that the user has on the project, or nothing."""
    known = _known(user).get(project_id, "")
    return "" if known.startswith(REVOKED) else known


def find(session: Session, external_id: str, member: Member) -> Iterator[Row]:
    """The users of the membership, whatever identity the person has now; those too where its end
    was cut off, which are disabled."""
    if not session.settings.federation_protocol:
        return
    # All users: Keystone 30 looks for the start of a name among the first rows only.
    domain_id = session.domain_id
    for user in list(session.rows("users", domain_id=domain_id, limit=PAGE_ROWS)):
        known = _known(user).get(external_id)
        is_half_ended = known == REVOKED + member.id and not user["enabled"]
        if user["domain_id"] == domain_id and (known == member.id or is_half_ended):
            yield user


def ensure(session: Session, external_id: str, member: Member) -> Row:
    """The user of the person's identity, which knows the membership. Raises NeedsPerson if the
    provider is unknown, or the identity another's, or its user one that we did not make."""
    user = _of_identity(session, member) or _create(session, external_id, member)
    known = _known(user).get(external_id, "")
    if known.startswith(REVOKED):
        raise NeedsPerson(Problem.IDENTITY_REVOKED, user=user["id"], project=external_id)
    if known not in ("", member.id):  # two people are mapped to one identity
        raise _taken(member)
    if known != member.id or not user["enabled"]:
        _update(session, user, {**_known(user), external_id: member.id}, is_enabled=True)
    return user


def end(session: Session, user: Row, external_id: str, member: Member) -> None:
    """Take the project from the user and end its tokens; the last membership takes the user."""
    known = {**_known(user), external_id: REVOKED + member.id}
    _update(session, user, known, is_enabled=False)
    users.take_roles(session, external_id, user)
    if all(one.startswith(REVOKED) for one in known.values()):
        users.delete(session, user)
    else:
        _update(session, user, known, is_enabled=True)


def _update(session: Session, user: Row, known: Row, *, is_enabled: bool) -> None:
    fields = {"enabled": is_enabled, MARK: known}
    session.call("PATCH", f"/users/{user['id']}", {"user": fields})


def _identity(session: Session, member: Member) -> tuple[str, str, str]:
    """Provider, protocol, subject."""
    provider, subject = member.federated or ("", "")
    return provider, session.settings.federation_protocol, subject


def _name(session: Session, member: Member) -> str:
    digest = hashlib.sha256("\0".join(_identity(session, member)).encode()).hexdigest()
    return PREFIX + digest[:32]


def _of_identity(session: Session, member: Member) -> Row | None:
    """The user of the identity. Raises NeedsPerson if the connection did not make it."""
    user = find_user(session, member.federated or ("", ""))
    if user is not None and MARK not in user:
        raise NeedsPerson(Problem.IDENTITY_NOT_OURS, user=user["id"])
    return user


def find_user(session: Session, identity: tuple[str, str]) -> Row | None:
    """The user of an identity (provider, subject), ours or not. Keystone lists users without
    their identities: each is asked for them."""
    (provider, subject), protocol = identity, session.settings.federation_protocol
    if not protocol:
        return None
    filters = {"idp_id": provider, "protocol_id": protocol, "unique_id": subject}
    listed = session.rows("users", domain_id=session.domain_id, **filters)
    for row in list(listed):
        user = session.call("GET", f"/users/{row['id']}", allow=(403, 404)).data.get("user", {})
        if (provider, protocol, subject) in _identities(user):
            return dict(user)
    return None


def _identities(user: Row) -> Iterator[tuple[str, str, str]]:
    for provider in user.get("federated") or ():
        for protocol in provider["protocols"]:
            yield provider["idp_id"], protocol["protocol_id"], protocol["unique_id"]


def _create(session: Session, external_id: str, member: Member) -> Row:
    provider, protocol, subject = _identity(session, member)
    protocols = [{"protocol_id": protocol, "unique_id": subject}]
    fields = {
        "name": _name(session, member),
        "domain_id": session.domain_id,
        MARK: {external_id: member.id},
        "password": users.random_password(),  # nobody knows it; see members.ensure
        "federated": [{"idp_id": provider, "protocols": protocols}],
    }
    answer = session.call("POST", "/users", {"user": fields}, allow=(400, 409))
    if answer.status == 201:
        return dict(answer.object("user"))
    if answer.status == 400:
        raise NeedsPerson(Problem.IDENTITY_UNKNOWN, provider=provider, said=answer.said)
    _remove_half_made(session, member)
    raise _taken(member)


def _taken(member: Member) -> NeedsPerson:
    provider, subject = member.federated or ("", "")
    return NeedsPerson(Problem.IDENTITY_TAKEN, provider=provider, subject=subject)


def _remove_half_made(session: Session, member: Member) -> None:
    """Where the identity is taken, Keystone 30 keeps the user that it could not give it to."""
    domain_id, name = session.domain_id, _name(session, member)
    for user in list(session.rows("users", domain_id=domain_id, name=name)):
        if user["name"] == name and user["domain_id"] == domain_id and MARK in user:
            users.delete(session, user)
