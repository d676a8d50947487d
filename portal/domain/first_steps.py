"""First steps: what a new partner does first, read off what has happened; each may hide them."""

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
    """In the order in which they are taken."""

    PAID = "paid"
    CUSTOMER = "customer"
    COPIED = "copied"
    LINKED = "linked"


class HiddenSteps(db.Base):
    """Somebody does not want to see a partner's first steps above the list."""

    __tablename__ = "hidden_first_steps"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    hidden_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """One's own alone, while the partner's list exists for one."""
        if actor.is_system:
            return true()
        return and_(cls.user_id == actor.id, cls.partner_id.in_(access.account_ids(actor)))


@dataclass(frozen=True)
class FirstSteps:
    """How far a partner is; `waiting_id` and `active_id`: the newest customers to go on with."""

    done: frozenset[Step]
    is_hidden: bool
    waiting_id: str | None
    active_id: str | None

    @property
    def next(self) -> Step | None:
        """The step to take now; None when all are done."""
        return next((step for step in Step if step not in self.done), None)

    @property
    def stamp(self) -> str:
        """Another one when anything of it is another."""
        return "-".join([*sorted(self.done), self.waiting_id or "", self.active_id or ""])


def first_steps(partner: BillingAccount, *, actor: Actor) -> FirstSteps:
    """What has happened of the first steps, by one statement. A customer who confirmed had the
    link, so it need not be copied any more; a cloud counts that is not the subaccount's default."""
    own_customers = select(Customer.id).where(Customer.partner_id == partner.id)
    copied = select(AuditLine.seq).where(
        AuditLine.chain == partner.id, AuditLine.action == customers.LINK_COPIED
    )
    confirmed = select(Invitation.subaccount_id).where(
        Invitation.partner_id == partner.id, Invitation.answer == Answer.CONFIRMED
    )
    hidden = select(HiddenSteps.user_id).where(
        HiddenSteps.user_id == actor.id, HiddenSteps.partner_id == partner.id
    )
    linked = own_customers.join(Link, Link.account_id == Customer.subaccount_id).where(
        Link.cloud_id.is_distinct_from(Customer.default_cloud_id)
    )

    def newest(status: Status) -> ColumnElement[str | None]:
        found = own_customers.where(Customer.status == status).order_by(Customer.id.desc())
        return found.limit(1).scalar_subquery()

    row = db.session.execute(
        select(
            own_customers.exists(),
            or_(confirmed.exists(), copied.exists()),
            linked.exists(),
            hidden.exists(),
            newest(Status.WAITING),
            newest(Status.ACTIVE),
        )
    ).one()
    facts = dict(zip(Step, (partner.mode is Mode.PAID, *row[:3]), strict=True))
    done = frozenset(step for step, is_done in facts.items() if is_done)
    return FirstSteps(done, bool(row[3]), row[4], row[5])


def hide(partner: BillingAccount, *, by: Actor) -> None:
    """Whoever sees the list need not see its first steps. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE, partner)
    db.lock(User, by.id)  # a second click finds what the first one left
    if db.session.get(HiddenSteps, (by.id, partner.id)) is None:
        hidden = HiddenSteps(user_id=by.id, partner_id=partner.id, hidden_at=db.now())
        db.session.add(hidden)
        db.session.flush()


def show(partner: BillingAccount, *, by: Actor) -> None:
    """Who hid the first steps sees them again. Raises Forbidden."""
    access.require(by, Action.ACCOUNT_SEE, partner)
    found = delete(HiddenSteps).where(
        HiddenSteps.user_id == by.id, HiddenSteps.partner_id == partner.id
    )
    db.session.execute(found)
