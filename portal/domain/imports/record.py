"""An import and its rows: state, outcome of each row, retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    and_,
    delete,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal import db
from portal.domain import access, jobs, locks
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.jobs import Job

PAGE = 50
MAX_LISTED_IMPORTS = 20
PURGE_BATCH = 10
"""Imports, each of up to thousands of rows."""
RETENTION = timedelta(days=30)
"""Retention after the end of an import: time to correct the refused rows, which hold personal
data."""
UNUSED_RETENTION = timedelta(days=3)
"""Retention of a file that was uploaded and never imported."""


class State(StrEnum):
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    OVER = "over"


class Outcome(StrEnum):
    UNCHECKED = "unchecked"
    NEW = "new"
    ADDED = "added"
    KNOWN = "known"
    REFUSED = "refused"


class Import(db.Base):
    """A file of customers. `user_id` is who uploaded it or, later, who began the import."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("(state = 'over') = (over_at IS NOT NULL)", name="over"),
        Index("ix_imports_newest", "partner_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    state: Mapped[State] = mapped_column(db.enum_column(State, "state"))
    same_tin_is_meant: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    over_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Holders of a role on the partner's account see its imports."""
        return true() if actor.is_system else cls.partner_id.in_(access.account_ids(actor))

    @property
    def kept_until(self) -> datetime | None:
        """The instant from which it is purged with its rows; None while it is in progress."""
        if self.state is State.IMPORTING:
            return None
        return self.over_at + RETENTION if self.over_at else self.created_at + UNUSED_RETENTION


class ImportRow(db.Base):
    """A row of the file, with its number there. `cells` are emptied when no longer needed;
    `reasons` are refusals as of `to_reason`; `is_twin`: the tax number is not unique."""

    __tablename__ = "import_rows"
    __table_args__ = (
        CheckConstraint("outcome <> 'added' OR customer_id IS NOT NULL", name="added"),
        Index("ix_import_rows_outcome", "import_id", "outcome", "number"),
    )

    import_id: Mapped[str] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cells: Mapped[dict[str, Any]]
    outcome: Mapped[Outcome] = mapped_column(db.enum_column(Outcome, "outcome"))
    is_twin: Mapped[bool] = mapped_column(default=False)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    customer_id: Mapped[str | None] = mapped_column(ForeignKey("customers.id"))

    customer: Mapped[Customer | None] = relationship(lazy="joined")


def lane_of(import_: Import) -> str:
    """The key of the import's jobs."""
    return f"import:{import_.id}"


def queue_steps(import_: Import) -> None:
    """Let a worker run the import's next steps."""
    subject = "import", import_.id
    jobs.add(
        jobs.Kind.IMPORTS, key=lane_of(import_), subject=subject, account_id=import_.partner_id
    )


def is_parked(import_: Import) -> bool:
    """Whether an operator decides if the import goes on. The caller checks visibility."""
    states = set(db.session.scalars(select(Job.state).where(Job.key == lane_of(import_))))
    return jobs.State.PARKED in states and states.isdisjoint(jobs.OPEN_STATES)


@dataclass(frozen=True)
class Totals:
    """Numbers of rows by outcome; `twins` is the number of new rows whose tax number is not
    unique."""

    by_outcome: dict[Outcome, int]
    twins: int

    @property
    def rows(self) -> int:
        return sum(self.by_outcome.values())

    @property
    def done(self) -> int:
        """The number of rows that need no further step."""
        return self.rows - self.by_outcome[Outcome.UNCHECKED] - self.by_outcome[Outcome.NEW]


class ImportSummary(NamedTuple):
    """An import in a list; `by` is the user's name, `rows` and `refused` are numbers of rows."""

    id: str
    state: State
    by: str
    created_at: datetime
    rows: int
    refused: int


def to_reason(error: Refused) -> dict[str, Any]:
    """Return a refusal in the form stored with a row; `field` is the column."""
    return {"code": error.code, "field": error.field, "facts": error.facts}


def totals_of(import_: Import) -> Totals:
    """Return the totals of an import. The caller checks visibility."""
    query = (
        select(ImportRow.outcome, ImportRow.is_twin, func.count())
        .where(ImportRow.import_id == import_.id)
        .group_by(ImportRow.outcome, ImportRow.is_twin)
    )
    by_outcome, twins = dict.fromkeys(Outcome, 0), 0
    for outcome, is_twin, count in db.session.execute(query):
        by_outcome[outcome] += count
        twins += count if is_twin and outcome is Outcome.NEW else 0
    return Totals(by_outcome, twins)


def rows_of(import_: Import, *, outcome: Outcome | None = None, after: int = 0) -> list[ImportRow]:
    """Return a page of an import's rows in the file's order, and one more if there is a next page.

    `after` is the number of the previous page's last row. The caller checks visibility.
    """
    query = select(ImportRow).where(ImportRow.import_id == import_.id, ImportRow.number > after)
    if outcome is not None:
        query = query.where(ImportRow.outcome == outcome)
    return list(db.session.scalars(query.order_by(ImportRow.number).limit(PAGE + 1)))


def refused_rows(import_: Import) -> list[ImportRow]:
    """Return all refused rows of an import, in the file's order. The caller checks visibility."""
    query = select(ImportRow).where(
        ImportRow.import_id == import_.id, ImportRow.outcome == Outcome.REFUSED
    )
    return list(db.session.scalars(query.order_by(ImportRow.number)))


def imports_of(partner: BillingAccount) -> list[ImportSummary]:
    """Return the partner's newest imports, at most MAX_LISTED_IMPORTS. The caller checks
    visibility."""
    is_refused = ImportRow.outcome == Outcome.REFUSED
    query = (
        select(
            Import.id,
            Import.state,
            User.name,
            Import.created_at,
            func.count(),
            func.count().filter(is_refused),
        )
        .join(User, User.id == Import.user_id)
        .join(ImportRow, ImportRow.import_id == Import.id)
        .where(Import.partner_id == partner.id)
        .group_by(Import.id, User.name)
        .order_by(Import.id.desc())
        .limit(MAX_LISTED_IMPORTS)
    )
    return [ImportSummary(*row) for row in db.session.execute(query)]


def delete_imports(*which: ColumnElement[bool]) -> int:
    """Delete a batch of these imports and their rows; skip imports that another transaction has
    locked. Return how many were deleted."""
    query = locks.select_for_update(Import.id, *which, skip_locked=True).limit(PURGE_BATCH)
    ids = list(db.session.scalars(query))
    db.session.execute(delete(ImportRow).where(ImportRow.import_id.in_(ids)))
    db.session.execute(delete(Import).where(Import.id.in_(ids)))
    return len(ids)


def purge_expired() -> bool:
    """Delete a batch of imports past their retention: over, or never begun. Return whether there
    may be more."""
    now = db.now()
    is_unused = Import.state.in_((State.CHECKING, State.CHECKED))
    is_expired = or_(
        Import.over_at < now - RETENTION,
        and_(is_unused, Import.created_at < now - UNUSED_RETENTION),
    )
    return delete_imports(is_expired) == PURGE_BATCH


def erase(customer: Customer) -> None:
    """Empty the cells of this customer's rows in the partner's imports, found by ID or invited
    address; the calling verb records it."""
    query = locks.select_for_update(Import.id, Import.partner_id == customer.partner_id)
    import_ids = list(db.session.scalars(query))
    for row in db.session.scalars(select(ImportRow).where(ImportRow.import_id.in_(import_ids))):
        email = str(row.cells.get("invitation_email", "")).strip().casefold()
        if row.customer_id == customer.id or email == customer.invitation_email.casefold() != "":
            row.cells = {}
