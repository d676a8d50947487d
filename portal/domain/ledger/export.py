"""Export: the entries of all ledgers, and the lots, as one book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain.ledger.record import Entry, Lot, Posting, PostingKind

BATCH = 1_000


class BookEntry(NamedTuple):
    """An entry as the ledger has it, with its posting; `used` is what its lot was used for in all,
    None if its bearer is no lot."""

    account_id: str
    seq: int
    at: datetime
    bearer: str
    amount: Decimal
    balance: Decimal
    posting_id: str
    kind: PostingKind
    subject: str
    reason: str
    used: Decimal | None


class BookLot(NamedTuple):
    """A grant that was given."""

    account_id: str
    id: str
    at: datetime
    amount: Decimal
    reason: str


def entries_of_all() -> Iterator[BookEntry]:
    """All entries by account and number, in one statement: what is posted meanwhile is not in it.
    The caller may see everything."""
    posting = Posting.id, Posting.kind, Posting.subject, Posting.reason
    query = (
        select(Entry.account_id, Entry.seq, Entry.at, Entry.bearer, Entry.amount, Entry.balance)
        .add_columns(*posting, Lot.used)
        .join(Posting, Posting.id == Entry.posting_id)
        .outerjoin(Lot, Lot.id == Entry.bearer)
        .order_by(Entry.account_id, Entry.seq)
    )
    rows = db.session.execute(query.execution_options(yield_per=BATCH))
    return map(BookEntry._make, rows)


def lots_of_all() -> list[BookLot]:
    """All lots by account and ID. The caller may see everything."""
    query = select(Lot.account_id, Lot.id, Lot.granted_at, Lot.amount, Lot.reason)
    rows = db.session.execute(query.order_by(Lot.account_id, Lot.id))
    return [BookLot._make(row) for row in rows]
