"""Copying the confirmation link, to pass it on: who did, and when."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain import access, audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.audit import AuditLine
from portal.domain.customers.record import Customer, Status, hold
from portal.domain.identity import User

LINK_COPIED = Action.INVITATION_COPY_LINK


class LinkCopy(NamedTuple):
    """The last time somebody took the link."""

    at: datetime
    name: str


def copy_link(record: Customer, *, by: Actor) -> None:
    """Whoever sees a waiting customer takes the link to pass it on. Twice with nothing in between
    is once; that of a customer who has answered is of no use, and is not recorded.

    Raises Forbidden.
    """
    partner = hold(record)
    access.require(by, Action.ACCOUNT_SEE, partner)
    lines = select(AuditLine.action, AuditLine.actor).where(AuditLine.customer_id == record.id)
    last = db.session.execute(lines.order_by(AuditLine.seq.desc()).limit(1)).one()
    if record.status is not Status.WAITING or tuple(last) == (LINK_COPIED, by.id):
        return
    audit.record(
        Action.INVITATION_COPY_LINK,
        by=by,
        chain=partner.id,
        thing=record.subaccount_id,
        customer=record.id,
    )


def last_link_copy(record: Customer) -> LinkCopy | None:
    """Who last took the link of a customer the caller has found."""
    found = (
        select(AuditLine.at, User.name)
        .join(User, User.id == AuditLine.actor)
        .where(AuditLine.customer_id == record.id, AuditLine.action == LINK_COPIED)
    )
    row = db.session.execute(found.order_by(AuditLine.seq.desc()).limit(1)).first()
    return LinkCopy(*row) if row else None
