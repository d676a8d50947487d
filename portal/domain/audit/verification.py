"""Verification of the audit log: each chain, from its first line to its head."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain.audit import keys
from portal.domain.audit.lines import (
    GENESIS,
    AuditHead,
    AuditLine,
    StoredLine,
    compute_hash,
    key_id_of,
)


class Fault(StrEnum):
    """Why a chain does not verify. It ends in a plain line although there is a key (NOT_KEYED), or
    in a line whose key is missing."""

    BROKEN = "broken"
    NOT_KEYED = "not-keyed"
    KEY_MISSING = "key-missing"


class Finding(NamedTuple):
    """A place where a chain does not verify."""

    chain: str
    seq: int
    fault: Fault


class UncheckedRun(NamedTuple):
    """Lines of a key that is missing, from `first` to `last`."""

    chain: str
    first: int
    last: int
    key_id: str


@dataclass
class Verification:
    """The result: an intact log has no findings.

    Lines of another key follow an unchecked run, else it is a finding, too: none of its lines was
    removed, but they may have been changed. `is_keyed`: there are keyed chains.
    """

    findings: list[Finding] = field(default_factory=list)
    unchecked: list[UncheckedRun] = field(default_factory=list)
    is_keyed: bool = False


def find_broken_links() -> list[Finding]:
    """The places where a chain does not verify; an intact log has none (I10)."""
    return verify().findings


def verify() -> Verification:
    """Verify all chains.

    One statement reads heads and lines, so that concurrent writers don't make them differ.
    """
    keys.reload()
    columns = (getattr(AuditLine, name) for name in StoredLine._fields)
    query = (
        select(AuditHead.chain, AuditHead.seq, AuditHead.hash, *columns)
        .outerjoin(AuditLine, AuditLine.chain == AuditHead.chain)
        .order_by(AuditHead.chain, AuditLine.seq)
        .execution_options(yield_per=1000)
    )
    result = Verification()
    for (chain, *head), rows in groupby(db.session.execute(query), lambda row: row[:3]):
        lines = (StoredLine(*row[3:]) for row in rows if row[3] is not None)
        _verify_chain(chain, lines, (head[0], head[1]), result)
    return result


def _verify_chain(
    chain: str, lines: Iterable[StoredLine], head: tuple[int, str], result: Verification
) -> None:
    end = (0, GENESIS)
    for line in lines:
        key_id, previous_key_id = key_id_of(line.hash), key_id_of(end[1])
        is_next = (line.seq, line.previous) == (end[0] + 1, end[1])
        is_downgraded = previous_key_id is not None and key_id is None
        expected = compute_hash(line, key_id)
        if key_id is not None and expected is None and is_next:
            _add_unchecked(UncheckedRun(chain, line.seq, line.seq, key_id), result)
        elif not is_next or is_downgraded or line.hash != expected:
            result.findings.append(Finding(chain, line.seq, Fault.BROKEN))
        end = (line.seq, line.hash)
    if end != head:
        result.findings.append(Finding(chain, head[0], Fault.BROKEN))
    key_id = key_id_of(end[1])
    if key_id is None and end[0] and keys.newest_id():
        result.findings.append(Finding(chain, end[0], Fault.NOT_KEYED))
    elif key_id is not None and keys.find(key_id) is None:
        result.findings.append(Finding(chain, end[0], Fault.KEY_MISSING))
    result.is_keyed |= key_id is not None


def _add_unchecked(run: UncheckedRun, result: Verification) -> None:
    """Add a line, which continues the last run if that is of the same key."""
    last = result.unchecked[-1] if result.unchecked else None
    if last and (last.chain, last.last + 1, last.key_id) == (run.chain, run.first, run.key_id):
        result.unchecked[-1] = last._replace(last=run.last)
    else:
        result.unchecked.append(run)
