"""Staging: charges and future rows go in by short transactions under a posting nobody reads yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, select, update

from portal import db
from portal.domain.charges.record import Charge, ChargeSum, FutureRow
from portal.domain.charges.relinking import microseconds
from portal.domain.ledger import UNITS_OF_MICRO, DaySum, Draw, Posting, PostingKind
from portal.domain.prices import Price, PriceTotal
from portal.domain.totals import NANO, UsageChange

UNUSED_RETENTION = timedelta(days=3)
"""Of a posting that was staged and never posted."""
PAST_RETENTION = timedelta(days=35)
"""Of a row that no link can split any more."""
BATCH, ACCOUNTS_BATCH = 50_000, 500
FUTURE_COLUMNS = (
    *("posting_id", "number", "delivery_id", "source_id", "key_id", "scope_on", "cloud_id"),
    *("service", "category", "usage_on", "month_on", "start_us", "end_us", "micros", "rest"),
    *("unit", "quantity", "nanos"),
)


class Late(NamedTuple):
    """A row that may end after its publishing; as a FutureRow, with `units` of 10⁻¹⁵ and `nanos`
    of 10⁻⁹."""

    delivery_id: str
    source_id: str
    key_id: str
    scope_on: str
    cloud_id: str
    service: str
    category: str
    usage_on: str
    month_on: str
    start_us: int
    end_us: int
    units: int
    unit: str
    nanos: int


def add_late_rows(posting_id: str, first: int, rows: Iterable[Late]) -> None:
    """Add rows whose numbers run from `first`."""
    db.insert_rows(
        FutureRow,
        FUTURE_COLUMNS,
        (
            (
                *(posting_id, number, *row[:-3], *divmod(row.units, UNITS_OF_MICRO)),
                *(row.unit, *divmod(row.nanos, NANO)),
            )
            for number, row in enumerate(rows, start=first)
        ),
    )


def finish_staging(posting_id: str, basis: dict[str, Any]) -> None:
    """All charges and draws are there; `basis` is what they were worked out from: `usage`, and the
    `versions` of the ledgers of all that pay."""
    db.session.execute(update(Posting).where(Posting.id == posting_id).values(basis=basis))


def staged_posting(kind: PostingKind, subject: str) -> Posting | None:
    """The newest posting about the subject that is ready to be posted."""
    is_ready = Posting.posted_at.is_(None), Posting.basis.is_not(None)
    query = select(Posting).where(Posting.subject == subject, Posting.kind == kind, *is_ready)
    return db.session.scalar(query.order_by(Posting.id.desc()).limit(1))


def forget_late_rows(*which: ColumnElement[bool]) -> None:
    """Links split these rows no more: they are not in force."""
    statement = delete(FutureRow).where(*which)
    db.session.execute(statement.execution_options(synchronize_session=False))


def purge_expired() -> bool:
    """Delete rows that reach into the future no more, and a batch of what was staged and never
    posted. Return whether there may be more."""
    forget_late_rows(FutureRow.end_us < microseconds(db.now() - PAST_RETENTION))
    unused = select(Posting).where(
        Posting.posted_at.is_(None), Posting.created_at < db.now() - UNUSED_RETENTION
    )
    posting = db.session.scalar(unused.order_by(Posting.id).limit(1))
    if posting is None:
        return False
    for model in (Charge, ChargeSum, FutureRow, Price, PriceTotal, UsageChange):
        numbers: Any = select(model.number).where(model.posting_id == posting.id)
        first = numbers.order_by(model.number).limit(BATCH).subquery()
        if _delete(model, posting, model.number.in_(select(first.c.number))) >= BATCH:
            return True
    for summed in (DaySum, Draw):
        accounts = select(summed.account_id).where(summed.posting_id == posting.id).distinct()
        few = accounts.order_by(summed.account_id).limit(ACCOUNTS_BATCH).subquery()
        if _delete(summed, posting, summed.account_id.in_(select(few.c.account_id))):
            return True
    db.session.delete(posting)
    db.session.flush()
    return True


def _delete(model: Any, posting: Posting, condition: ColumnElement[bool]) -> int:
    """Delete rows of a posting; their number."""
    statement = delete(model).where(model.posting_id == posting.id, condition)
    result: Any = db.session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)
