"""Memberships as users: one for each person and cloud, named by the membership's ID.

A password that is reset ends all tokens of its user, and a role that comes back revives old
application credentials; hence a user of one cloud only, who is deleted when access is revoked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from portal.providers.contract import Done, Later, Member, NeedsPerson, Role
from portal.providers.openstack import federated, projects, users
from portal.providers.openstack.problems import Problem
from portal.providers.openstack.session import PAGE_ROWS, SOON, Row, Session

MARK = "portal_membership"
"""A property of our users: the ID of the membership."""
ROLES = {
    Role.VIEWER: "reader",
    Role.EDITOR: "member",
    Role.ADMIN: "member",
    Role.OWNER: "member",
}
"""Never `manager`: people would grant roles past the portal. A member has no access."""
AS_OURS = {
    "reader": Role.VIEWER,
    "member": Role.EDITOR,
    "manager": Role.ADMIN,
    "admin": Role.OWNER,
}
"""For each of Keystone's roles the weakest of ours that allows as much."""


def find(session: Session, member: Member) -> Row | None:
    """The user of the membership. Raises NeedsPerson if the connection did not make it."""
    domain_id = session.domain_id
    for user in session.rows("users", domain_id=domain_id, name=member.id):
        if user.get("name") == member.id and user.get("domain_id") == domain_id:
            if user.get(MARK) != member.id:
                raise NeedsPerson(Problem.USER_NOT_OURS, user=user["id"], name=member.id)
            return user
    return None


def ensure(session: Session, member: Member) -> Row:
    """The user of the membership, made if there is none. One that is half revoked goes first."""
    user = find(session, member)
    if user is not None and not user["enabled"]:
        users.delete(session, user)
        user = None
    if user is not None:
        return user
    fields = {
        "name": member.id,
        "domain_id": session.domain_id,
        MARK: member.id,
        # Nobody knows it. Where new users have to change their password, Keystone 30 answers 500
        # if there is none.
        "password": users.random_password(),
        "description": f"Portal: {projects.clean(member.name)[:200]}",
        "email": member.email,
        # The password of an access is used at once. Counts from the second password on.
        "options": {"ignore_change_password_upon_first_use": True},
    }
    answer = session.call("POST", "/users", {"user": fields}, allow=(409,))
    if answer.status == 201:
        return dict(answer.object("user"))
    user = find(session, member)
    if user is None:
        raise Later(answer.said, SOON)
    return user


def grant(session: Session, external_id: str, member: Member, role: Role) -> Done:
    """Give the member's user the role, and no other. The role `member` is no access at all. Raises
    NeedsPerson."""
    if role not in ROLES:
        return revoke(session, external_id, member)
    projects.require(session, external_id)
    role_id = _role_id(session, ROLES[role])
    if member.federated:
        user = federated.ensure(session, external_id, member)
        remove(session, member)  # from before the person was mapped
    else:
        user = ensure(session, member)
    _end_identities(session, external_id, member, but=user["id"])
    users.set_role(session, external_id, user, role_id)
    return Done(external_id)


def _end_identities(session: Session, external_id: str, member: Member, but: str = "") -> None:
    """End the membership of identities that the person had."""
    for user in federated.find(session, external_id, member):
        if user["id"] != but:
            federated.end(session, user, external_id, member)


def _role_id(session: Session, name: str) -> str:
    """Raises NeedsPerson if Keystone has no such role."""
    for role in session.rows("roles", name=name):
        if role.get("name") == name and role.get("domain_id") is None:
            return str(role["id"])
    raise NeedsPerson(Problem.ROLE_MISSING, role=name)


def revoke(session: Session, external_id: str, member: Member, *, stop: bool = False) -> Done:
    """Delete the user, or take the project from the one that other memberships share. `stop`
    changes nothing: servers belong to the project, not to a member."""
    ends_by = datetime.now(UTC) + session.settings.token_cache
    _end_identities(session, external_id, member)
    remove(session, member)
    return Done(external_id, ends_by, projects.GOES_ON)


def remove(session: Session, member: Member) -> None:
    """Delete the user of the membership, if there is one; its roles and credentials go with it."""
    user = find(session, member)
    if user is not None:
        users.delete(session, user)


def by_project(session: Session, project_id: str = "") -> Mapping[str, Mapping[str, Role]]:
    """For each project the roles on it: of our users by the membership, of others by their ID.
    Without a project, for all of the domain. The connection's own user counts for nobody."""
    known = {row["id"]: row for row in _users(session)}
    filters = {"scope.project.id": project_id} if project_id else {}
    members: dict[str, dict[str, Role]] = {}
    for row in session.rows("role_assignments", include_names="true", **filters):
        project = row["scope"].get("project", {}).get("id", "")
        holder = (row.get("user") or row.get("group") or {}).get("id", "")
        if holder == session.user_id:
            continue
        role = AS_OURS.get(row["role"]["name"], Role.OWNER)
        roles = members.setdefault(project, {})
        name = _membership(known.get(holder, {}), project) or holder
        roles[name] = max(role, roles.get(name, role), key=list(Role).index)
    return members


def _membership(user: Row, project_id: str) -> str:
    """The ID of the membership that this user of ours has on the project, or nothing."""
    return str(user.get(MARK) or federated.membership(user, project_id))


def _users(session: Session) -> Iterator[Row]:
    domain_id = session.domain_id
    for user in session.rows("users", domain_id=domain_id, limit=PAGE_ROWS):
        if user.get("domain_id") == domain_id:
            yield user


def role_of(session: Session, project_id: str, identity: tuple[str, str]) -> Role | None:
    """The role of an identity's user on a project. Who manages it gives roles: an owner."""
    user = federated.find_user(session, identity)
    if user is None:
        return None
    role = by_project(session, project_id).get(project_id, {}).get(user["id"])
    return Role.OWNER if role is Role.ADMIN else role
