"""Activity of a partner's account: its audit lines with names, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain.access import AccountAccess
from portal.domain.accounts import BillingAccount
from portal.domain.audit import AuditLine
from portal.domain.customers import Customer
from portal.domain.identity import User
from portal.domain.values import search_key

PAGE = 50
EXPORT_PAGE = 1000


@dataclass(frozen=True)
class ActivityFilter:
    """The filter of the list, as the URL has it. `customer` is part of a name or an ID, `person` a
    user's ID or a system actor's name, `before` a line's number."""

    customer: str = ""
    person: str = ""
    action: str = ""
    before: int | None = None


class ActivityLine(NamedTuple):
    """An audit line with names. `name` and `email` are the actor's, None for system actors; `about`
    is the name of the user that changed, if it was one."""

    seq: int
    at: datetime
    actor: str
    name: str | None
    email: str | None
    action: str
    thing: str
    about: str | None
    customer_id: str | None
    customer: str | None
    facts: dict[str, Any]


def lines_for(
    partner: BillingAccount, filter_: ActivityFilter, *, page_size: int = PAGE
) -> list[ActivityLine]:
    """A page of the partner's lines, newest first, and one more if there is a next page. The caller
    has checked that the account is visible."""
    about = aliased(User)
    query = (
        select(
            AuditLine.seq,
            AuditLine.at,
            AuditLine.actor,
            User.name,
            User.email,
            AuditLine.action,
            AuditLine.thing,
            about.name,
            Customer.id,
            Customer.name,
            AuditLine.facts,
        )
        .outerjoin(User, User.id == AuditLine.actor)
        .outerjoin(about, about.id == AuditLine.thing)
        .outerjoin(
            Customer,
            and_(Customer.id == AuditLine.customer_id, Customer.partner_id == AuditLine.chain),
        )
        .where(AuditLine.chain == partner.id)
    )
    if key := search_key(filter_.customer):
        matches = or_(Customer.search_key.contains(key, autoescape=True), Customer.id == key)
        query = query.where(matches)
    if filter_.person:
        query = query.where(AuditLine.actor == filter_.person)
    if filter_.action:
        query = query.where(AuditLine.action == filter_.action)
    if filter_.before is not None:
        query = query.where(AuditLine.seq < filter_.before)
    rows = db.session.execute(query.order_by(AuditLine.seq.desc()).limit(page_size + 1))
    return [ActivityLine(*row) for row in rows]


def people_in(partner: BillingAccount) -> list[tuple[str, str]]:
    """ID and name of everyone who is, or ever was, on the partner's staff, by name."""
    staff_ids = select(AccountAccess.user_id).where(AccountAccess.account_id == partner.id)
    query = select(User.id, User.name).where(User.id.in_(staff_ids)).order_by(User.name, User.id)
    return [(user_id, name) for user_id, name in db.session.execute(query)]
