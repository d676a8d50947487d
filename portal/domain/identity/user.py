"""Users: name, verified e-mail address, language, time zone; may be operator, disabled, blocked."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import CheckConstraint, ColumnElement, and_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused


class BlockReason(StrEnum):
    """Why an operator blocks a user. The audit log stores the values."""

    STOLEN = "stolen"
    MISUSE = "misuse"
    LEFT = "left"
    OTHER = "other"


class User(db.Base):
    """A person with a verified e-mail address."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("(blocked_at IS NULL) = (block_reason IS NULL)", name="block"),
    )

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
    blocked_at: Mapped[datetime | None]
    block_reason: Mapped[BlockReason | None] = mapped_column(
        db.enum_column(BlockReason, "block_reason")
    )

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators; others see people only by what they share."""
        return true() if actor.is_system or actor.is_operator else cls.id == actor.id

    @hybrid_property
    def is_active(self) -> bool:
        """Whether they may sign in and act: neither disabled nor blocked."""
        return self.disabled_at is None and self.blocked_at is None

    @is_active.inplace.expression
    @classmethod
    def _is_active(cls) -> ColumnElement[bool]:
        return and_(cls.disabled_at.is_(None), cls.blocked_at.is_(None))


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
    """The actor with the user's current address, which is locked until the commit. An inactive
    user's actor has no address; a system actor is returned as it is."""
    if actor.is_system:
        return actor
    user = db.lock(User, actor.id)
    return as_actor(user, actor.session_id) if user.is_active else Actor(id=actor.id)


def lock_active(actor: Actor) -> User:
    """Lock the actor's user until the commit. Raises Refused("user-disabled") if they were disabled
    or blocked meanwhile."""
    user = db.lock(User, actor.id)
    if not user.is_active:
        raise Refused(Code.USER_DISABLED)
    return user


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


def has_operators() -> bool:
    """Whether an operator may sign in."""
    query = select(User.id).where(User.is_operator, User.is_active)
    return db.session.scalar(query.limit(1)) is not None


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones; cached, because listing them is slow."""
    return frozenset(available_timezones())


def edit_profile(actor: Actor, *, name: str, language: str, time_zone: str) -> None:
    """Change the actor's own name, language and time zone; an empty zone means the installation's.

    Raises Refused("time-zone-unknown", "user-disabled").
    """
    if time_zone and time_zone not in time_zones():
        raise Refused(Code.TIME_ZONE_UNKNOWN, field="time_zone")
    user = lock_active(actor)
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
    """Let a disabled user sign in again, unless they are blocked, with the roles they had."""
    user = db.lock(User, user.id)
    if user.disabled_at is None:
        return
    user.disabled_at = None
    audit.record(Action.USER_ENABLE, by=by, chain=audit.INSTALLATION, thing=user.id)
