"""Users: name, verified e-mail address, language, time zone; may be operator or disabled."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused


class User(db.Base):
    """A person with a verified e-mail address."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(default="en")
    time_zone: Mapped[str | None]
    is_operator: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


def as_actor(user: User, session_id: str = "") -> Actor:
    """The user as an actor, in a session if there is one."""
    return Actor(
        id=user.id,
        email=user.email,
        email_key=user.email_key,
        name=user.name,
        language=user.language,
        time_zone=user.time_zone,
        is_operator=user.is_operator,
        session_id=session_id,
    )


def refresh_actor(actor: Actor) -> Actor:
    """The actor with the user's current address, which is locked until the commit. A disabled
    user's actor has no address; a system actor is returned as it is."""
    if actor.is_system:
        return actor
    user = db.lock(User, actor.id)
    return Actor(id=actor.id) if user.disabled_at else as_actor(user, actor.session_id)


def user_by_email(email_key: str) -> User | None:
    """The user with this canonical address."""
    return db.session.scalar(select(User).where(User.email_key == email_key))


def flush_email(*, if_taken: Refused) -> None:
    """Flush a user's new address. Raises `if_taken` if another transaction took it first."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise if_taken from error


def has_users() -> bool:
    """Whether any user exists."""
    return db.session.scalar(select(User.id).limit(1)) is not None


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones; cached, because listing them is slow."""
    return frozenset(available_timezones())


def edit_profile(actor: Actor, *, name: str, language: str, time_zone: str) -> None:
    """Change the actor's own name, language and time zone; an empty zone means the installation's.

    Raises Refused("time-zone-unknown").
    """
    if time_zone and time_zone not in time_zones():
        raise Refused(Code.TIME_ZONE_UNKNOWN, field="time_zone")
    user = db.lock(User, actor.id)
    profile = {"name": name, "language": language, "time_zone": time_zone or None}
    changed = [field for field, value in profile.items() if getattr(user, field) != value]
    if not changed:
        return
    for field in changed:
        setattr(user, field, profile[field])
    audit.record(
        Action.USER_EDIT, by=actor, chain=audit.INSTALLATION, thing=user.id, fields=changed
    )


def make_operator(user: User, *, by: Actor) -> None:
    """Make the user an operator of the installation."""
    user.is_operator = True
    audit.record(Action.USER_OPERATOR, by=by, chain=audit.INSTALLATION, thing=user.id)


def enable(user: User, *, by: Actor) -> None:
    """Let a disabled user sign in again, with the roles they had."""
    user = db.lock(User, user.id)
    if user.disabled_at is None:
        return
    user.disabled_at = None
    audit.record(Action.USER_ENABLE, by=by, chain=audit.INSTALLATION, thing=user.id)
