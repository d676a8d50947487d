"""What was done in a partner's account: its audit lines with their names, newest first."""

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
    """Which lines; all of it stands in the URL. `customer` is part of a name or an ID, `person` a
    user's ID or a system actor's name, `before` a line's number."""

    customer: str = ""
    person: str = ""
    action: str = ""
    before: int | None = None


class ActivityLine(NamedTuple):
    """A line as people read it. `name` and `email` are None for system actors; `about` is the
    name of the person it was done to, where it was one."""

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
    partner: BillingAccount, wanted: ActivityFilter, *, page: int = PAGE
) -> list[ActivityLine]:
    """The lines of the chain of an account the caller has found, newest first, one more than a
    page where there is another."""
    about = aliased(User)
    found = (
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
    if key := search_key(wanted.customer):
        is_meant = or_(Customer.search_key.contains(key, autoescape=True), Customer.id == key)
        found = found.where(is_meant)
    if wanted.person:
        found = found.where(AuditLine.actor == wanted.person)
    if wanted.action:
        found = found.where(AuditLine.action == wanted.action)
    if wanted.before is not None:
        found = found.where(AuditLine.seq < wanted.before)
    rows = db.session.execute(found.order_by(AuditLine.seq.desc()).limit(page + 1))
    return [ActivityLine(*row) for row in rows]


def people_in(partner: BillingAccount) -> list[tuple[str, str]]:
    """ID and name of everyone who is, or ever was, on the partner's staff, by name."""
    ever = select(AccountAccess.user_id).where(AccountAccess.account_id == partner.id)
    found = select(User.id, User.name).where(User.id.in_(ever)).order_by(User.name, User.id)
    return [(ident, name) for ident, name in db.session.execute(found)]
