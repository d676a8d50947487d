"""An import and its rows: how far it is, what becomes of each row, how long it is kept."""

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
from portal.domain import access, locks
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.identity import User

PAGE = 50
LISTED = 20
"""Imports on the page where one begins another."""
RETENTION = timedelta(days=30)
"""Time to mend the rows that were refused; they hold what a file says about people."""
UNUSED_RETENTION = timedelta(days=3)
"""A file that was tried and never imported goes sooner."""


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
    """A file of customers; `user_id` is who answers for it: uploaded it, or began it later."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("(state = 'over') = (over_at IS NOT NULL)", name="over"),
        Index("ix_imports_due", "state", "due_at"),
        Index("ix_imports_newest", "partner_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    state: Mapped[State] = mapped_column(db.enum_column(State, "state"))
    same_tin_is_meant: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    over_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The partner's staff; what they may do with it is the role table's matter."""
        return true() if actor.is_system else cls.partner_id.in_(access.account_ids(actor))

    @property
    def kept_until(self) -> datetime | None:
        """When it is dropped with its rows; None while it is being imported."""
        if self.state is State.IMPORTING:
            return None
        return self.over_at + RETENTION if self.over_at else self.created_at + UNUSED_RETENTION


class ImportRow(db.Base):
    """A row of the file by its number there. `cells` go as soon as they are not needed; `reasons`
    are refusals as `as_reason` writes them."""

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


@dataclass(frozen=True)
class Totals:
    """How many rows came to what; `twins` of the new ones have a tax number that is not unique."""

    by_outcome: dict[Outcome, int]
    twins: int

    @property
    def rows(self) -> int:
        return sum(self.by_outcome.values())

    @property
    def done(self) -> int:
        """Rows with nothing more to do, in whichever pass is on."""
        return self.rows - self.by_outcome[Outcome.UNCHECKED] - self.by_outcome[Outcome.NEW]


class Listed(NamedTuple):
    """An import in a list."""

    id: str
    state: State
    by: str
    created_at: datetime
    rows: int
    refused: int


def to_reason(error: Refused) -> dict[str, Any]:
    """A refusal as a row keeps it; `field` is the column it is about."""
    return {"code": error.code, "field": error.field, "facts": error.facts}


def totals_of(held: Import) -> Totals:
    """Of an import the caller has found."""
    found = (
        select(ImportRow.outcome, ImportRow.is_twin, func.count())
        .where(ImportRow.import_id == held.id)
        .group_by(ImportRow.outcome, ImportRow.is_twin)
    )
    counted, twins = dict.fromkeys(Outcome, 0), 0
    for outcome, is_twin, count in db.session.execute(found):
        counted[outcome] += count
        twins += count if is_twin and outcome is Outcome.NEW else 0
    return Totals(counted, twins)


def rows_of(held: Import, *, outcome: Outcome | None = None, after: int = 0) -> list[ImportRow]:
    """Rows of an import the caller has found, in the file's order, one more than a page."""
    found = select(ImportRow).where(ImportRow.import_id == held.id, ImportRow.number > after)
    if outcome is not None:
        found = found.where(ImportRow.outcome == outcome)
    return list(db.session.scalars(found.order_by(ImportRow.number).limit(PAGE + 1)))


def refused_rows(held: Import) -> list[ImportRow]:
    """Every row that was refused, in the file's order."""
    found = select(ImportRow).where(
        ImportRow.import_id == held.id, ImportRow.outcome == Outcome.REFUSED
    )
    return list(db.session.scalars(found.order_by(ImportRow.number)))


def imports_of(partner: BillingAccount) -> list[Listed]:
    """The newest imports of a partner the caller has found."""
    is_refused = ImportRow.outcome == Outcome.REFUSED
    found = (
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
        .limit(LISTED)
    )
    return [Listed(*row) for row in db.session.execute(found)]


def delete_imports(*which: ColumnElement[bool]) -> None:
    """These imports and their rows are gone, but for those at which somebody is."""
    ids = list(db.session.scalars(locks.rows(Import.id, *which, skip_locked=True)))
    db.session.execute(delete(ImportRow).where(ImportRow.import_id.in_(ids)))
    db.session.execute(delete(Import).where(Import.id.in_(ids)))


def purge_expired() -> None:
    """Imports that are over, or were never begun, are dropped when their time has come."""
    now = db.now()
    is_waiting = Import.state.in_((State.CHECKING, State.CHECKED))
    delete_imports(
        or_(
            Import.over_at < now - RETENTION,
            and_(is_waiting, Import.created_at < now - UNUSED_RETENTION),
        )
    )


def erase(record: Customer) -> None:
    """What the partner's files still say of this customer; the calling verb records it."""
    held = list(db.session.scalars(locks.rows(Import.id, Import.partner_id == record.partner_id)))
    for row in db.session.scalars(select(ImportRow).where(ImportRow.import_id.in_(held))):
        named = str(row.cells.get("invitation_email", "")).strip().casefold()
        if row.customer_id == record.id or named == record.invitation_email.casefold() != "":
            row.cells = {}
