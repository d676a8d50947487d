"""Sessions of signed-in browsers, and forms saved when a session expires."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import structlog
from sqlalchemy import JSON, ColumnElement, ForeignKey, and_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from portal import db
from portal.domain import locks
from portal.domain.actors import Actor
from portal.domain.errors import Code, ReauthenticationRequired, Refused
from portal.domain.identity.user import User, as_actor

log = structlog.get_logger(__name__)

SESSION_IDLE_TIMEOUT = timedelta(minutes=30)
SESSION_LIFETIME = timedelta(hours=8)
SEEN_INTERVAL = timedelta(minutes=1)
RECENT_AUTHENTICATION = timedelta(minutes=10)
SAVED_FORM_LIFETIME = timedelta(hours=8)

EndReason = Literal[
    "sign-out",
    "switch-user",
    "end",
    "end-others",
    "new-password",
    "disabled",
    "blocked",
    "operator",
    "restored",
]
"""Why a session ends before it expires, for the log: `end` is one that its user chose, `operator`
one of all that an operator ended."""


class UserSession(db.Base):
    """A signed-in browser. `id` is the hash of its token, so the database reveals no token.

    It ends only under the lock of its user, so that `require_recent` sees each end.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    user_agent: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    authenticated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SavedForm(db.Base):
    """The input of a form that was sent after its session expired; shown again, never run."""

    __tablename__ = "kept_forms"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    fields: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(index=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        return true() if actor.is_system else cls.user_id == actor.id


def open_session(
    user_id: str,
    *,
    user_agent: str,
    password_hash: str | None = None,
    instead_of: Actor | None = None,
) -> str:
    """Sign a user in, and end the session of `instead_of`; returns the 256-bit token, which is not
    stored. `password_hash` is the hash against which the password was checked.

    Raises Refused("password-foreign") if the password was changed since, or the user disabled or
    blocked.
    """
    locks.lock((User, user_id), (User, instead_of.id if instead_of else None))
    user = db.session.get_one(User, user_id)
    if not user.is_active or password_hash not in (None, user.password_hash):
        raise Refused(Code.PASSWORD_FOREIGN)
    if instead_of is not None:
        end_session(instead_of, why="switch-user")
    token = secrets.token_urlsafe(32)
    now = db.now()
    row = UserSession(
        id=_session_id(token),
        user_id=user_id,
        user_agent=user_agent[:200],
        created_at=now,
        seen_at=now,
        authenticated_at=now,
    )
    db.session.add(row)
    db.session.flush()
    db.after_commit(partial(log.info, "session.started", by=user_id, session=row.id))
    return token


def actor_of_session(token: str) -> tuple[Actor, datetime] | None:
    """The user signed in with this token, and when they were last seen; None if the session is
    unknown, ended or expired, or the user disabled or blocked."""
    row = db.session.execute(
        select(User, UserSession.seen_at)
        .join(UserSession, UserSession.user_id == User.id)
        .where(UserSession.id == _session_id(token), _is_live(), User.is_active)
    ).first()
    return None if row is None else (as_actor(row[0], _session_id(token)), row[1])


def sessions_of(actor: Actor) -> list[UserSession]:
    """The actor's live sessions, most recently used first."""
    query = select(UserSession).where(UserSession.user_id == actor.id, _is_live())
    return list(db.session.scalars(query.order_by(UserSession.seen_at.desc(), UserSession.id)))


def touch_session(actor: Actor) -> None:
    """Record that the actor's session is used now."""
    db.session.execute(
        update(UserSession).where(UserSession.id == actor.session_id).values(seen_at=db.now())
    )


def has_recent_authentication(actor: Actor) -> bool:
    """Whether the actor gave their password less than RECENT_AUTHENTICATION ago, in a session that
    is live. True for a system actor, False for a user without a session."""
    query = select(UserSession.id).where(
        UserSession.id == actor.session_id,
        UserSession.user_id == actor.id,
        _is_within(UserSession.authenticated_at, RECENT_AUTHENTICATION),
        _is_live(),
    )
    return actor.is_system or db.session.scalar(query) is not None


def require_recent(actor: Actor) -> None:
    """Refuse a sensitive action unless `has_recent_authentication`.

    A verb calls it first: it locks the user, and users come before all that verbs lock. Raises
    ReauthenticationRequired.
    """
    if not actor.is_system:
        db.lock(User, actor.id)
    if not has_recent_authentication(actor):
        raise ReauthenticationRequired


def renew_authentication(actor: Actor) -> str:
    """Record that the actor gave their password again; returns the session's new token.

    The old token is invalid from then on: a copy of it must not become recently authenticated.
    Raises ReauthenticationRequired if the session is over.
    """
    db.lock(User, actor.id)
    token, now = secrets.token_urlsafe(32), db.now()
    result = db.session.execute(
        update(UserSession)
        .where(UserSession.id == actor.session_id, _is_live())
        .values(id=_session_id(token), seen_at=now, authenticated_at=now)
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise ReauthenticationRequired
    return token


def end_session(actor: Actor, *, why: EndReason = "sign-out") -> None:
    """Sign this browser out; a copy of its cookie is invalid, too."""
    db.lock(User, actor.id)
    _end(UserSession.id == actor.session_id, by=actor, why=why)


def end_session_of(actor: Actor, session_id: str) -> bool:
    """Sign out another of the actor's browsers; False if it is not a live session of theirs.

    Raises ReauthenticationRequired.
    """
    require_recent(actor)
    # Compare in Python: PostgreSQL rejects a query for a forged ID that contains NUL.
    for session in sessions_of(actor):
        if session.id == session_id:
            _end(UserSession.id == session.id, by=actor, why="end")
            return True
    return False


def end_other_sessions(actor: Actor) -> None:
    """Sign out all of the actor's browsers except this one. Raises ReauthenticationRequired."""
    require_recent(actor)
    others = and_(UserSession.user_id == actor.id, UserSession.id != actor.session_id)
    _end(others, by=actor, why="end-others")


def end_sessions(user_id: str, *, by: Actor, why: EndReason) -> None:
    """End all sessions of a user; the calling verb records it."""
    _end(UserSession.user_id == user_id, by=by, why=why)


def end_all_sessions(*, by: Actor, why: EndReason) -> None:
    """End the sessions of all users; the calling workflow says why."""
    user_ids = select(UserSession.user_id).where(UserSession.ended_at.is_(None))
    db.session.execute(locks.select_for_update(User.id, User.id.in_(user_ids))).all()
    _end(true(), by=by, why=why)


def _end(which: ColumnElement[bool], *, by: Actor, why: EndReason) -> None:
    """End these sessions, unless they are ended; log each after the commit."""
    query = update(UserSession).where(which, UserSession.ended_at.is_(None))
    ended = query.values(ended_at=db.now()).returning(UserSession.id, UserSession.user_id)
    for session_id, user_id in db.session.execute(ended):
        facts = {"user": user_id, "session": session_id, "why": why}
        db.after_commit(partial(log.info, "session.ended", by=by.id, **facts))


def save_form(user_id: str, fields: dict[str, list[str]]) -> str:
    """Save a form's input to show it again after sign-in; returns the key for the form's URL."""
    form = SavedForm(id=secrets.token_hex(16), user_id=user_id, fields=fields, created_at=db.now())
    db.session.add(form)
    db.session.flush()
    return form.id


def _is_live() -> ColumnElement[bool]:
    return and_(
        UserSession.ended_at.is_(None),
        _is_within(UserSession.created_at, SESSION_LIFETIME),
        _is_within(UserSession.seen_at, SESSION_IDLE_TIMEOUT),
    )


def _is_within(instant: InstrumentedAttribute[datetime], time: timedelta) -> ColumnElement[bool]:
    """Whether the instant is less than `time` ago. One that is later than now by as much is of a
    clock that was set back: it would last until the clock is there again."""
    now = db.now()
    return and_(instant > now - time, instant < now + time)


def _session_id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
