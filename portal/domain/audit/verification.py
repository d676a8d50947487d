"""Verification of the audit log: each chain, from its first line to its head."""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import select

from portal import db
from portal.domain.audit.lines import GENESIS, AuditHead, AuditLine, StoredLine, compute_hash


def find_broken_links() -> list[tuple[str, int]]:
    """The places (chain, seq) where a chain does not verify; an intact log has none (I10).

    One statement reads heads and lines, so that concurrent writers don't make them differ.
    """
    columns = (getattr(AuditLine, name) for name in StoredLine._fields)
    query = (
        select(AuditHead.chain, AuditHead.seq, AuditHead.hash, *columns)
        .outerjoin(AuditLine, AuditLine.chain == AuditHead.chain)
        .order_by(AuditHead.chain, AuditLine.seq)
        .execution_options(yield_per=1000)
    )
    broken = []
    for (chain, head_seq, head_hash), rows in groupby(db.session.execute(query), lambda r: r[:3]):
        end = (0, GENESIS)
        for line in (StoredLine(*row[3:]) for row in rows if row[3] is not None):
            if (line.seq, line.previous, line.hash) != (end[0] + 1, end[1], compute_hash(line)):
                broken.append((chain, line.seq))
            end = (line.seq, line.hash)
        if end != (head_seq, head_hash):
            broken.append((chain, head_seq))
    return broken
