"""Enable a user: they may sign in again, and their roles on clouds are ordered again."""

from __future__ import annotations

from portal.domain import identity, memberships
from portal.domain.actors import Actor
from portal.domain.identity import User


def enable_user(user: User, *, by: Actor) -> None:
    """Let a disabled user sign in again, with the roles they had. Secrets that were revoked stay
    so."""
    since = user.disabled_at
    identity.enable(user, by=by)
    if since is not None:
        memberships.reinstate(user.id, since=since)
