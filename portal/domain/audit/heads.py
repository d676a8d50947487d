"""Heads of the audit log: kept outside of the database, they prove that no chain was cut off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import structlog
from sqlalchemy import and_, func, or_, select

from portal import db
from portal.domain.audit.lines import INSTALLATION, AuditHead, AuditLine

log = structlog.get_logger(__name__)

EVENT = "audit.heads"
BATCH = 50
"""Heads in a line of the log: journald and Docker cut long lines."""


class Head(NamedTuple):
    """The last line of a chain, when the heads were read."""

    chain: str
    seq: int
    hash: str


class Summary(NamedTuple):
    """How many chains there are, how many of them are keyed, and the installation's head."""

    chains: int
    keyed: int
    installation: Head


def summary() -> Summary:
    """The summary of all chains that have lines."""
    keyed = func.count().filter(AuditHead.hash.contains(":"))
    counts = db.session.execute(select(func.count(), keyed).where(AuditHead.seq > 0)).one()
    head = db.session.get_one(AuditHead, INSTALLATION)
    return Summary(*counts, Head(head.chain, head.seq, head.hash))


def batches() -> Iterator[list[Head]]:
    """The heads of all chains that have lines, by chain, in batches."""
    query = select(AuditHead.chain, AuditHead.seq, AuditHead.hash).where(AuditHead.seq > 0)
    rows = db.session.execute(query.order_by(AuditHead.chain).execution_options(yield_per=1000))
    heads = (Head(*row) for row in rows)
    while batch := list(islice(heads, BATCH)):
        yield batch


def log_heads() -> None:
    """Write all heads to the log."""
    for batch in batches():
        log.info("audit.heads", heads=batch)


def to_anchor() -> Iterator[str]:
    """Yield all heads as lines of an anchor file, JSON as the log writes it in production."""
    for batch in batches():
        yield json.dumps({"event": EVENT, "heads": batch}) + "\n"


def parse_anchor(lines: Iterable[str]) -> Iterator[Head]:
    """Yield the heads of an anchor file; lines about something else are skipped.

    Raises ValueError, with the line's number, for heads that can't be read.
    """
    for number, line in enumerate(lines, start=1):
        if EVENT not in line:
            continue
        try:
            record = json.loads(line)
            heads = [
                Head(str(chain), int(seq), str(hash_)) for chain, seq, hash_ in record["heads"]
            ]
        except (ValueError, TypeError, LookupError):
            raise ValueError(f"line {number} is no line of the log with heads") from None
        yield from heads


def find_lost(heads: Iterable[Head]) -> Iterator[Head]:
    """Yield the heads whose line is not in its chain with this hash: the chain was cut off or
    written again."""
    heads = iter(heads)
    while batch := list(islice(heads, BATCH)):
        # SQLite reads the whole table for (chain, seq) IN (…).
        is_line = or_(*(and_(AuditLine.chain == it.chain, AuditLine.seq == it.seq) for it in batch))
        query = select(AuditLine.chain, AuditLine.seq, AuditLine.hash).where(is_line)
        lines = {Head(*row) for row in db.session.execute(query)}
        yield from (head for head in batch if head not in lines)
