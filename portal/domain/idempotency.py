"""The same form sent twice acts once.

A form carries a random key, made at each rendering and stored only together with the effect.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity import User

RETENTION = timedelta(days=2)


class IdempotencyKey(db.Base):
    """A form that had its effect, and the ID of what it made."""

    __tablename__ = "form_keys"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    outcome: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


def run_once(actor: Actor, key: str, body: Mapping[str, object], effect: Callable[[], str]) -> str:
    """Run `effect` unless this user's `key` had it already; return its outcome either way.

    The key is claimed before anything else is locked or read, so a double click waits for the first
    one's commit before any rule is asked. Raises Refused("form-key-reused") where the key comes
    with another body, Refused("user-disabled") for a user who was disabled meanwhile: what they
    made would be nobody's.
    """
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    is_first = _claim(actor, key, digest)
    if db.lock(User, actor.id).disabled_at is not None:
        raise Refused(Code.USER_DISABLED)
    if is_first:
        outcome = effect()
        own = (IdempotencyKey.user_id == actor.id, IdempotencyKey.key == key)
        db.session.execute(update(IdempotencyKey).where(*own).values(outcome=outcome))
        return outcome
    done = db.session.get_one(IdempotencyKey, (actor.id, key))
    if done.digest != digest:
        raise Refused(Code.FORM_KEY_REUSED)
    return done.outcome


def _claim(actor: Actor, key: str, digest: str) -> bool:
    """Insert the key, without an outcome yet; False where it is there already. Waits for whoever
    is inserting the same key."""
    is_postgresql = db.session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgresql else sqlite.insert
    values = {"user_id": actor.id, "key": key, "digest": digest, "outcome": ""}
    claim = insert(IdempotencyKey).values(**values, created_at=db.now()).on_conflict_do_nothing()
    return db.session.scalar(claim.returning(IdempotencyKey.key)) is not None


def has_run(actor: Actor, key: str) -> bool:
    """Whether a form with this key had its effect already."""
    return db.session.get(IdempotencyKey, (actor.id, key)) is not None


def purge_expired() -> None:
    """Keys older than two days are dropped."""
    db.session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.created_at < db.now() - RETENTION)
    )
