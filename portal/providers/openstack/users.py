"""What is done to a user of ours; `members` and `federated` know which one it is."""

from __future__ import annotations

import secrets

from portal.providers.openstack.session import Row, Session, segment


def random_password() -> str:
    """A password with a letter, a capital, a digit and a sign, as many installations demand it."""
    return "Aa1!" + secrets.token_urlsafe(32)


def set_password(session: Session, user: Row, password: str) -> None:
    """Reset the password; all tokens of the user end."""
    session.call("PATCH", f"/users/{user['id']}", {"user": {"password": password}})


def set_role(session: Session, external_id: str, user: Row, role_id: str) -> None:
    """Give the user the role on the project, then take off others."""
    path = _roles_path(external_id, user)
    session.call("PUT", f"{path}/{role_id}")
    for other in session.call("GET", path).data.get("roles", ()):
        if other["id"] != role_id:
            session.call("DELETE", f"{path}/{other['id']}", allow=(404,))


def take_roles(session: Session, external_id: str, user: Row) -> None:
    """Take off the user's roles on the project, which may be gone."""
    path = _roles_path(external_id, user)
    for role in session.call("GET", path, allow=(403, 404)).data.get("roles", ()):
        session.call("DELETE", f"{path}/{role['id']}", allow=(404,))


def _roles_path(external_id: str, user: Row) -> str:
    return f"/projects/{segment(external_id)}/users/{user['id']}/roles"


def disable(session: Session, user: Row) -> None:
    """End all tokens of the user, for good, and its sign-ins."""
    session.call("PATCH", f"/users/{user['id']}", {"user": {"enabled": False}}, allow=(404,))


def delete(session: Session, user: Row) -> None:
    """Delete the user and all that it made to sign in with."""
    disable(session, user)
    session.call("DELETE", f"/users/{user['id']}", allow=(404,))
