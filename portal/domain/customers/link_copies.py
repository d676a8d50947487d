"""Copies of a customer's confirmation link: by whom and when it was last copied."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain import access, audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.audit import AuditLine
from portal.domain.customers.record import Customer, Status, lock_customer
from portal.domain.identity import User

LINK_COPIED = Action.INVITATION_COPY_LINK


class LinkCopy(NamedTuple):
    """When the link was copied, and the name of the user who copied it."""

    at: datetime
    name: str


def copy_link(customer: Customer, *, by: Actor) -> None:
    """Everyone who sees a waiting customer may copy its link; the copy is recorded.

    Not recorded: a second copy by the same user with nothing in between, and copies after the
    customer's answer, when the link has no use. Raises Forbidden.
    """
    partner = lock_customer(customer)
    access.require(by, Action.ACCOUNT_SEE, partner)
    query = select(AuditLine.action, AuditLine.actor).where(AuditLine.customer_id == customer.id)
    last_line = db.session.execute(query.order_by(AuditLine.seq.desc()).limit(1)).one()
    if customer.status is not Status.WAITING or tuple(last_line) == (LINK_COPIED, by.id):
        return
    audit.record(
        Action.INVITATION_COPY_LINK,
        by=by,
        chain=partner.id,
        thing=customer.subaccount_id,
        customer=customer.id,
    )


def last_link_copy(customer: Customer) -> LinkCopy | None:
    """Return the last copy of the customer's link, or None. The caller checks visibility."""
    query = (
        select(AuditLine.at, User.name)
        .join(User, User.id == AuditLine.actor)
        .where(AuditLine.customer_id == customer.id, AuditLine.action == LINK_COPIED)
    )
    row = db.session.execute(query.order_by(AuditLine.seq.desc()).limit(1)).first()
    return LinkCopy(*row) if row else None
