"""First steps: a new partner's checklist, derived from the data; each user may hide it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, and_, delete, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import access, customers
from portal.domain.accounts import BillingAccount, Mode
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.audit import AuditLine
from portal.domain.clouds import Link
from portal.domain.customers import Customer, Status
from portal.domain.identity import User
from portal.domain.invitations import Answer, Invitation


class Step(StrEnum):
    """The steps, in order."""

    PAID = "paid"
    CUSTOMER = "customer"
    COPIED = "copied"
    LINKED = "linked"


class HiddenSteps(db.Base):
    """A user has hidden a partner's first steps above the list of customers."""

    __tablename__ = "hidden_first_steps"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    hidden_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """The actor's own, while the partner's list is visible to them."""
        if actor.is_system:
            return true()
        return and_(cls.user_id == actor.id, cls.partner_id.in_(access.account_ids(actor)))


@dataclass(frozen=True)
class FirstSteps:
    """A partner's progress. `waiting_id` and `active_id` are the newest customers in that state."""

    done: frozenset[Step]
    is_hidden: bool
    waiting_id: str | None
    active_id: str | None

    @property
    def next(self) -> Step | None:
        """The first step that is not done; None when all are."""
        return next((step for step in Step if step not in self.done), None)

    @property
    def stamp(self) -> str:
        """A string that changes whenever the progress changes."""
        return "-".join([*sorted(self.done), self.waiting_id or "", self.active_id or ""])


def first_steps(partner: BillingAccount, *, actor: Actor) -> FirstSteps:
    """The partner's progress, by one statement. A confirmed customer had the link, so the step of
    copying it is done; a subaccount's default cloud doesn't count as linked."""
    customer_ids = select(Customer.id).where(Customer.partner_id == partner.id)
    copied = select(AuditLine.seq).where(
        AuditLine.chain == partner.id, AuditLine.action == customers.LINK_COPIED
    )
    confirmed = select(Invitation.subaccount_id).where(
        Invitation.partner_id == partner.id, Invitation.answer == Answer.CONFIRMED
    )
    hidden = select(HiddenSteps.user_id).where(
        HiddenSteps.user_id == actor.id, HiddenSteps.partner_id == partner.id
    )
    linked = customer_ids.join(Link, Link.account_id == Customer.subaccount_id).where(
        Link.cloud_id.is_distinct_from(Customer.default_cloud_id)
    )

    def newest(status: Status) -> ColumnElement[str | None]:
        query = customer_ids.where(Customer.status == status).order_by(Customer.id.desc())
        return query.limit(1).scalar_subquery()

    row = db.session.execute(
        select(
            customer_ids.exists(),
            or_(confirmed.exists(), copied.exists()),
            linked.exists(),
            hidden.exists(),
            newest(Status.WAITING),
            newest(Status.ACTIVE),
        )
    ).one()
    is_done = dict(zip(Step, (partner.mode is Mode.PAID, *row[:3]), strict=True))
    return FirstSteps(
        done=frozenset(step for step in Step if is_done[step]),
        is_hidden=bool(row[3]),
        waiting_id=row[4],
        active_id=row[5],
    )


def hide(partner: BillingAccount, *, by: Actor) -> None:
    """Hide the partner's first steps from the actor. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE, partner)
    db.lock(User, by.id)  # so that a double click inserts one row
    if db.session.get(HiddenSteps, (by.id, partner.id)) is None:
        db.session.add(HiddenSteps(user_id=by.id, partner_id=partner.id, hidden_at=db.now()))
        db.session.flush()


def show(partner: BillingAccount, *, by: Actor) -> None:
    """Show the partner's first steps to the actor again. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE, partner)
    db.session.execute(
        delete(HiddenSteps).where(
            HiddenSteps.user_id == by.id, HiddenSteps.partner_id == partner.id
        )
    )
