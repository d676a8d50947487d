"""The user: name, verified address, language, time zone; may be disabled."""

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
    """The user as the one who acts."""
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
    """The actor with the address they have at the commit: it is held until then. Nobody's for a
    system actor and a disabled user."""
    if actor.is_system:
        return actor
    user = db.lock(User, actor.id)
    return Actor(id=actor.id) if user.disabled_at else as_actor(user, actor.session_id)


def user_by_email(email_key: str) -> User | None:
    """The account with this canonical address."""
    return db.session.scalar(select(User).where(User.email_key == email_key))


def flush_address(taken: Refused) -> None:
    """Write the address that a user gets. Raises `taken` where somebody got it at this moment."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise taken from error


def has_users() -> bool:
    """Whether any account exists."""
    return db.session.scalar(select(User.id).limit(1)) is not None


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones; looking for them takes its time."""
    return frozenset(available_timezones())


def edit_profile(actor: Actor, *, name: str, language: str, time_zone: str) -> None:
    """People change their own name, language and time zone; empty is the installation's zone.

    Raises Refused("time-zone-unknown").
    """
    if time_zone and time_zone not in time_zones():
        raise Refused(Code.TIME_ZONE_UNKNOWN, field="time_zone")
    user = db.lock(User, actor.id)
    wanted = {"name": name, "language": language, "time_zone": time_zone or None}
    changed = [field for field, value in wanted.items() if getattr(user, field) != value]
    if not changed:
        return
    for field in changed:
        setattr(user, field, wanted[field])
    audit.record(
        Action.USER_EDIT, by=actor, chain=audit.INSTALLATION, thing=user.id, fields=changed
    )


def make_operator(user: User, *, by: Actor) -> None:
    """This user runs the installation."""
    user.is_operator = True
    audit.record(Action.USER_OPERATOR, by=by, chain=audit.INSTALLATION, thing=user.id)


def enable(user: User, *, by: Actor) -> None:
    """A disabled user may sign in again, with all the roles they had."""
    user = db.lock(User, user.id)
    if user.disabled_at is None:
        return
    user.disabled_at = None
    audit.record(Action.USER_ENABLE, by=by, chain=audit.INSTALLATION, thing=user.id)
