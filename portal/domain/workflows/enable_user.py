"""Enable a user: they may sign in again, and their roles on clouds are ordered again."""

from __future__ import annotations

from portal.domain import access, identity, locks, memberships
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.identity import User


def enable_user(user: User, *, by: Actor) -> None:
    """An operator lets a disabled user sign in again, with the roles they had. Secrets that were
    revoked stay so. Raises ReauthenticationRequired, Forbidden."""
    locks.lock((User, user.id), (User, None if by.is_system else by.id))
    identity.require_recent(by)
    access.require_operator(by, Action.USER_ENABLE)
    since = user.disabled_at
    identity.enable(user, by=by)
    if since is not None:
        memberships.reinstate(user.id, since=since)
