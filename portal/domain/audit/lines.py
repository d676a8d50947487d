"""Lines of the audit log: each is appended to its chain in the transaction of the change.

There is a chain for each billing account and one for the installation. A line holds IDs and field
names, never personal data, so that such data can be erased while the chain still verifies.

The hash of a plain line is `HEX`, a SHA-256 that everybody can compute. That of a keyed line is
`KEY-ID:HEX`, an HMAC-SHA-256. A chain is keyed from its first line, if there is a key, or from a
line `audit.keyed`; no plain line follows a keyed one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import structlog
from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.audit import keys

log = structlog.get_logger(__name__)

INSTALLATION = "installation"
GENESIS = "0" * 64
IS_OF_NO_CUSTOMER = "customer_id IS NULL"


class AuditHead(db.Base):
    """The end of a chain; its row is the lock that serialises the chain's writers."""

    __tablename__ = "audit_heads"

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str] = mapped_column(default=GENESIS)


class AuditLine(db.Base):
    """One change: `action` is an Action, `thing` the ID of what changed."""

    __tablename__ = "audit_lines"
    __table_args__ = (
        Index("ix_audit_lines_customer_id", "customer_id", "seq"),
        Index(
            "ix_audit_lines_thing",
            "chain",
            "thing",
            sqlite_where=text(IS_OF_NO_CUSTOMER),
            postgresql_where=text(IS_OF_NO_CUSTOMER),
        ),
    )

    chain: Mapped[str] = mapped_column(ForeignKey("audit_heads.chain"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    thing: Mapped[str]
    customer_id: Mapped[str | None]
    facts: Mapped[dict[str, Any]]
    previous: Mapped[str]
    hash: Mapped[str]


class StoredLine(NamedTuple):
    """The columns of a line as plain values; a model takes longer to build."""

    chain: str
    seq: int
    at: datetime
    actor: str
    action: str
    thing: str
    customer_id: str | None
    facts: dict[str, Any]
    previous: str
    hash: str


class HistoryLine(NamedTuple):
    """A line with its actor's address; `email` is None for system actors."""

    seq: int
    at: datetime
    actor: str
    email: str | None
    action: str
    thing: str
    facts: dict[str, Any]


def open_chain(chain: str) -> None:
    """Create the chain of a new account."""
    db.session.add(AuditHead(chain=chain, seq=0, hash=GENESIS))
    db.session.flush()


def record(
    action: Action,
    *,
    by: Actor,
    chain: str,
    thing: str,
    customer: str | None = None,
    **facts: Any,
) -> None:
    """Append the line of one change to its chain, in the transaction of the change; log it after
    the commit.

    Chain heads are locked at the end of the unit of work, by chain: they are the most contended
    rows, and come last in the lock order.
    """
    line = AuditLine(
        chain=chain,
        at=db.now(),
        actor=by.id,
        action=action,
        thing=thing,
        customer_id=customer,
        facts=facts,
    )
    db.defer(chain, partial(_append, line))
    names = {"by": by.id, "chain": chain, "thing": thing, "customer": customer}
    db.after_commit(partial(log.info, str(action), **names, facts=facts))


def _append(line: AuditLine) -> None:
    head = db.lock(AuditHead, line.chain)
    line.seq, line.previous = head.seq + 1, head.hash
    takes_newest = head.seq == 0 or line.action == Action.AUDIT_KEYED
    line.hash = _compute_new_hash(line, keys.newest_id() if takes_newest else key_id_of(head.hash))
    db.session.add(line)
    head.seq, head.hash = line.seq, line.hash
    db.session.flush()


def _compute_new_hash(line: AuditLine, key_id: str | None) -> str:
    """Return the hash of a line to append. Raises KeyMissing."""
    if key_id is not None and keys.find(key_id) is None:
        keys.reload()
    if (hash_ := compute_hash(line, key_id)) is None:
        raise keys.KeyMissing(key_id or "")  # a plain line needs none
    return hash_


def key_id_of(hash_: str) -> str | None:
    """The ID of the key of a line with this hash; None for a plain line."""
    key_id, colon, _hex = hash_.rpartition(":")
    return key_id if colon else None


def compute_hash(line: AuditLine | StoredLine, key_id: str | None) -> str | None:
    """The hash of the line with this key, or a plain one; None if the key is missing."""
    at = line.at.astimezone(UTC).isoformat()  # PostgreSQL returns its own time zone
    content = [line.previous, line.chain, line.seq, at, line.actor, line.action]
    content += [line.thing, line.customer_id, line.facts]
    body = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    if key_id is None:
        return hashlib.sha256(body).hexdigest()
    key = keys.find(key_id)
    return f"{key_id}:{hmac.digest(key, body, 'sha256').hex()}" if key is not None else None
