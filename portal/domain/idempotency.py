"""Idempotency: a form that is sent twice takes effect once.

Each rendered form carries a random key, which is stored in the transaction of the effect.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import identity, retention
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused

RETENTION = timedelta(days=2)


class IdempotencyKey(db.Base):
    """A form that has taken effect; `outcome` is the ID of what it created."""

    __tablename__ = "form_keys"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    outcome: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


def run_once(actor: Actor, key: str, body: Mapping[str, object], effect: Callable[[], str]) -> str:
    """Run `effect` unless this user's `key` has run already; return its outcome either way.

    Call it before anything else is locked or read: a double click waits here for the commit of the
    first one. Raises Refused("form-key-reused") if the key comes with another body,
    Refused("user-disabled") if the user was disabled or blocked meanwhile.
    """
    # The person before the key: inserting the key first takes a share lock on the person, and
    # deadlocks with a change of the person's address.
    identity.lock_active(actor)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
    previous = db.session.get(IdempotencyKey, (actor.id, key))
    if previous is not None:
        if previous.digest != digest:
            raise Refused(Code.FORM_KEY_REUSED)
        return previous.outcome
    outcome = effect()
    db.session.add(
        IdempotencyKey(
            user_id=actor.id, key=key, digest=digest, outcome=outcome, created_at=db.now()
        )
    )
    db.session.flush()
    return outcome


def has_run(actor: Actor, key: str) -> bool:
    """Whether the actor's form with this key has taken effect."""
    return db.session.get(IdempotencyKey, (actor.id, key)) is not None


def purge_expired() -> bool:
    """Delete a batch of keys older than RETENTION. Return whether there may be more."""
    return retention.delete_batch(IdempotencyKey, IdempotencyKey.created_at < db.now() - RETENTION)
