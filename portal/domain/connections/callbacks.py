"""Callbacks: a webhook program says that an operation has ended, which wakes the order at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal import db, webhook_signatures
from portal.domain import jobs, retention
from portal.domain.connections.credentials import unseal
from portal.domain.connections.kinds import Kind
from portal.domain.connections.record import Connection
from portal.webhook_signatures import MAX_AGE

MOST = 600
"""Callbacks that a connection may send in MAX_AGE; more are dropped."""
IS_ID = re.compile("[0-9a-z]{20}").fullmatch
KEPT = 2 * MAX_AGE
"""How long an ID is known: a program whose clock is ahead signs for a time that is yet to come."""


class Callback(db.Base):
    """A message that was taken. `digest` is the hash of its `webhook-id`."""

    __tablename__ = "callbacks"

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(index=True)
    received_at: Mapped[datetime] = mapped_column(index=True)


class Message(NamedTuple):
    """A callback whose signature is right."""

    connection_id: str
    webhook_id: str
    order_id: str


def verify_callback(connection_id: str, headers: Mapping[str, str], body: bytes) -> Message | None:
    """The message, if the connection's secret signed it a moment ago and it names an order.
    `headers` have names in lower case."""
    connection = db.session.get(Connection, connection_id)
    if connection is None or connection.kind != Kind.WEBHOOK:
        return None
    secret = (unseal(connection) or {}).get("secret")
    if not secret:
        return None
    webhook_id = webhook_signatures.verify(secret, headers, body, now=db.now())
    order_id = _order_in(body) if webhook_id else ""
    return Message(connection_id, webhook_id, order_id) if webhook_id and order_id else None


def _order_in(body: bytes) -> str:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    order_id = message.get("id") if isinstance(message, dict) else None
    return order_id if isinstance(order_id, str) and IS_ID(order_id) else ""


def is_new_callback(message: Message) -> bool:
    """Whether to take the message: it was not taken before, and its connection does not send too
    many. Only reads, so that a flood of messages locks nothing."""
    if db.session.get(Callback, (message.connection_id, _digest(message))) is not None:
        return False
    recent = Callback.received_at > db.now() - MAX_AGE
    query = select(func.count()).where(Callback.connection_id == message.connection_id, recent)
    return (db.session.scalar(query) or 0) < MOST


def accept_callback(message: Message) -> bool:
    """Take a message once, and let its order ask now. False unless `is_new_callback`."""
    if not is_new_callback(message):
        return False
    try:
        with db.savepoint():
            ids = {"connection_id": message.connection_id, "order_id": message.order_id}
            db.session.add(Callback(digest=_digest(message), received_at=db.now(), **ids))
            db.session.flush()
    except IntegrityError:
        return False
    jobs.wake(message.order_id, jobs.cloud_lane(message.connection_id))
    return True


def _digest(message: Message) -> str:
    return hashlib.sha256(message.webhook_id.encode()).hexdigest()


def is_called_back(order_id: str, *, since: datetime) -> bool:
    """Whether a callback came for the order, which the caller has locked."""
    query = select(Callback.digest).where(
        Callback.order_id == order_id, Callback.received_at >= since
    )
    return db.session.scalar(query.limit(1)) is not None


def purge_expired() -> bool:
    """Delete a batch of callbacks that can't come again. Return whether there may be more."""
    return retention.delete_batch(Callback, Callback.received_at < db.now() - KEPT)
