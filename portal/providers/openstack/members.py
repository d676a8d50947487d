"""Memberships as users: one for each person and cloud, named by the membership's ID.

A password that is reset ends all tokens of its user, and a role that comes back revives old
application credentials; hence a user of one cloud only, who is deleted when access is revoked.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from portal.providers.contract import Done, Later, Member, NeedsPerson, Role
from portal.providers.openstack import projects
from portal.providers.openstack.problems import Problem
from portal.providers.openstack.session import PAGE_ROWS, SOON, Row, Session, segment

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
        _delete(session, user)
        user = None
    if user is not None:
        return user
    fields = {
        "name": member.id,
        "domain_id": session.domain_id,
        MARK: member.id,
        # Nobody knows it. Where new users have to change their password, Keystone 30 answers 500
        # if there is none.
        "password": random_password(),
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


def random_password() -> str:
    """A password with a letter, a capital, a digit and a sign, as many installations demand it."""
    return "Aa1!" + secrets.token_urlsafe(32)


def set_password(session: Session, user: Row, password: str) -> None:
    """Reset the password; all tokens of the user end."""
    session.call("PATCH", f"/users/{user['id']}", {"user": {"password": password}})


def grant(session: Session, external_id: str, member: Member, role: Role) -> Done:
    """Give the user the role, then take off others. The role `member` is no access at all."""
    if role not in ROLES:
        return revoke(session, external_id, member)
    if member.federated:
        raise NeedsPerson("openstack-no-federation", member=member.id)
    projects.require(session, external_id)
    wanted = _role_id(session, ROLES[role])
    path = _roles_path(external_id, ensure(session, member))
    session.call("PUT", f"{path}/{wanted}")
    for other in session.call("GET", path).data.get("roles", ()):
        if other["id"] != wanted:
            session.call("DELETE", f"{path}/{other['id']}", allow=(404,))
    return Done(external_id)


def _roles_path(external_id: str, user: Row) -> str:
    return f"/projects/{segment(external_id)}/users/{user['id']}/roles"


def _role_id(session: Session, name: str) -> str:
    """Raises NeedsPerson if Keystone has no such role."""
    for role in session.rows("roles", name=name):
        if role.get("name") == name and role.get("domain_id") is None:
            return str(role["id"])
    raise NeedsPerson(Problem.ROLE_MISSING, role=name)


def revoke(session: Session, external_id: str, member: Member) -> Done:
    """Take off the roles, disable the user, delete it: nothing of it comes back."""
    ends_by = datetime.now(UTC) + session.settings.token_cache
    user = find(session, member)
    if user is None:
        return Done(external_id, ends_by)
    path = _roles_path(external_id, user)
    roles = session.call("GET", path, allow=(403, 404)).data.get("roles", ())
    for role in roles:
        session.call("DELETE", f"{path}/{role['id']}", allow=(404,))
    _delete(session, user)
    return Done(external_id, ends_by, projects.GOES_ON)


def remove(session: Session, member: Member) -> None:
    """Delete the user of the membership, if there is one."""
    user = find(session, member)
    if user is not None:
        _delete(session, user)


def _delete(session: Session, user: Row) -> None:
    path = f"/users/{user['id']}"
    session.call("PATCH", path, {"user": {"enabled": False}}, allow=(404,))
    session.call("DELETE", path, allow=(404,))


def by_project(session: Session, project_id: str = "") -> Mapping[str, Mapping[str, Role]]:
    """For each project the roles on it: of our users by the membership, of others by their ID.
    Without a project, for all of the domain."""
    names = {row["id"]: row[MARK] for row in _users(session) if row.get(MARK)}
    filters = {"scope.project.id": project_id} if project_id else {}
    members: dict[str, dict[str, Role]] = {}
    for row in session.rows("role_assignments", include_names="true", **filters):
        project = row["scope"].get("project", {}).get("id", "")
        holder = (row.get("user") or row.get("group") or {}).get("id", "")
        role = AS_OURS.get(row["role"]["name"], Role.OWNER)
        roles = members.setdefault(project, {})
        name = names.get(holder, holder)
        roles[name] = max(role, roles.get(name, role), key=list(Role).index)
    return members


def _users(session: Session) -> Iterator[Row]:
    domain_id = session.domain_id
    for user in session.rows("users", domain_id=domain_id, limit=PAGE_ROWS):
        if user.get("domain_id") == domain_id:
            yield user
