"""The history of a customer: its audit lines, and those of its clouds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, or_, select

from portal import db
from portal.domain.actions import Action
from portal.domain.audit import AuditLine, HistoryLine
from portal.domain.clouds import Link
from portal.domain.customers.record import Customer
from portal.domain.identity import User

ENDINGS = (
    Action.INVITATION_DECLINE,
    Action.CUSTOMER_REMOVE,
    Action.CUSTOMER_CORRECT_ADDRESS,
    Action.PARTNERSHIP_END,
)
"""The actions that make a customer Inactive."""
QUERY = select(
    AuditLine.seq,
    AuditLine.at,
    AuditLine.actor,
    User.email,
    AuditLine.action,
    AuditLine.thing,
    AuditLine.facts,
).outerjoin(User, User.id == AuditLine.actor)


def history_of(customer: Customer) -> list[HistoryLine]:
    """Return the audit lines of a customer, and of its clouds while they are linked to its
    subaccount: what was agreed and what was carried out. The newest is first. The caller checks
    visibility."""
    rows = [
        *db.session.execute(_own_lines(customer)),
        *db.session.execute(_lines_of_clouds(customer)),
    ]
    return sorted((HistoryLine(*row) for row in rows), key=lambda line: -line.seq)


def ending_of(customer: Customer) -> HistoryLine | None:
    """Return the last audit line that made a customer Inactive, or None. The caller checks
    visibility."""
    query = _own_lines(customer).where(AuditLine.action.in_(ENDINGS))
    row = db.session.execute(query.order_by(AuditLine.seq.desc()).limit(1)).first()
    return HistoryLine(*row) if row else None


def _own_lines(customer: Customer) -> Select[Any]:
    return QUERY.where(AuditLine.customer_id == customer.id)


def _lines_of_clouds(customer: Customer) -> Select[Any]:
    """Clouds are of a lower layer, whose lines name no customer."""
    is_linked = and_(
        Link.cloud_id == AuditLine.thing,
        Link.account_id == customer.subaccount_id,
        AuditLine.at >= Link.since_at,
        or_(Link.until_at.is_(None), AuditLine.at < Link.until_at),
    )
    linked = select(Link.cloud_id).where(Link.account_id == customer.subaccount_id)
    is_of_cloud = AuditLine.chain == customer.partner_id, AuditLine.customer_id.is_(None)
    is_found_by_index = AuditLine.thing.in_(linked)  # SQLite would read the whole chain
    return QUERY.join(Link, is_linked).where(*is_of_cloud, is_found_by_index)
