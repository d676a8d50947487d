"""Circuit breakers: what does not answer three times in a row is asked every five minutes only.

The key is what is asked: a job's kind for mail, its lane for a connection.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from portal import db

OPENS_AFTER = 3
"""Calls in a row without an answer."""
PROBE_EVERY = timedelta(minutes=5)


class CircuitBreaker(db.Base):
    """The calls in a row that `key` did not answer; open from OPENS_AFTER on, and then not asked
    again before `retry_at`. Deleted by an answer."""

    __tablename__ = "circuit_breakers"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    since: Mapped[datetime]
    retry_at: Mapped[datetime | None]
    answer: Mapped[str]


def record_failure(key: str, answer: str) -> None:
    """Count a call without an answer."""
    now = db.now()
    upsert = text(
        "INSERT INTO circuit_breakers (key, failures, since, answer)"
        " VALUES (:key, 1, :now, :answer) ON CONFLICT (key) DO UPDATE"
        " SET failures = circuit_breakers.failures + 1, answer = excluded.answer"
    ).bindparams(bindparam("now", type_=db.UtcDateTime()))
    db.session.execute(upsert, {"key": key, "now": now, "answer": answer})
    db.session.execute(
        update(CircuitBreaker)
        .where(CircuitBreaker.key == key, CircuitBreaker.failures >= OPENS_AFTER)
        .values(retry_at=now + PROBE_EVERY)
    )


def record_answer(key: str) -> None:
    """Close the breaker: the key has answered."""
    db.session.execute(delete(CircuitBreaker).where(CircuitBreaker.key == key))


def begin_probe(*keys: str) -> bool:
    """Let one call pass an open breaker whose time has come; the next one waits again. Return False
    if another worker was faster: the update waits for its commit, and then finds no row."""
    is_asked = CircuitBreaker.key.in_(keys)
    probed = db.session.scalars(
        update(CircuitBreaker)
        .where(is_asked, CircuitBreaker.retry_at <= db.now())
        .values(retry_at=db.now() + PROBE_EVERY)
        .returning(CircuitBreaker.key)
    ).all()
    is_waiting = is_asked, CircuitBreaker.retry_at > db.now(), CircuitBreaker.key.not_in(probed)
    return db.session.scalar(select(CircuitBreaker.key).where(*is_waiting).limit(1)) is None


def allow_probe(key: str) -> None:
    """Let the next call pass, if the breaker is open."""
    is_it = CircuitBreaker.key == key, CircuitBreaker.retry_at.is_not(None)
    db.session.execute(update(CircuitBreaker).where(*is_it).values(retry_at=db.now()))


def open_breakers() -> list[CircuitBreaker]:
    """All open breakers, the oldest first."""
    query = select(CircuitBreaker).where(is_open()).order_by(CircuitBreaker.since)
    return db.load_once(("open_breakers",), lambda: list(db.session.scalars(query)))


def is_open() -> ColumnElement[bool]:
    """The condition for open breakers."""
    return CircuitBreaker.retry_at.is_not(None)
