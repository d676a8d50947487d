"""Preferences: the kinds of notification that a user has switched off, by channel."""

from __future__ import annotations

from sqlalchemy import delete, select

from portal import db
from portal.domain.actors import Actor
from portal.domain.identity import User
from portal.domain.notifications.record import Channel, Kind, MutedNotification

PREFERENCES = tuple((kind, channel) for kind in Kind for channel in Channel)
"""What a user can switch on and off."""


def muted_by(actor: Actor) -> set[tuple[Kind, Channel]]:
    """The kinds that the actor has switched off, by channel."""
    query = select(MutedNotification.kind, MutedNotification.channel).where(
        MutedNotification.user_id == actor.id
    )
    return {(kind, channel) for kind, channel in db.session.execute(query)}


def set_preferences(enabled: set[tuple[Kind, Channel]], *, by: Actor) -> None:
    """Switch these kinds on for the actor, and all others off."""
    db.lock(User, by.id)
    db.session.execute(delete(MutedNotification).where(MutedNotification.user_id == by.id))
    for kind, channel in PREFERENCES:
        if (kind, channel) not in enabled:
            db.session.add(MutedNotification(user_id=by.id, kind=kind, channel=channel))
    db.session.flush()
