"""The staff of a partner: members with their roles; adding a member."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, identity
from portal.domain.access import AccountAccess, AccountRole
from portal.domain.access.assignments import rank, role_state
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers import Customer, Status
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.invitations import Answer, Invitation
from portal.domain.values import EmailAddress


class Member(NamedTuple):
    """A member of the staff. `role` is in effect; `pending_role` takes effect at `effective_at`."""

    id: str
    name: str
    email: str
    role: AccountRole | None
    pending_role: AccountRole | None
    effective_at: datetime | None
    since: datetime
    given_by: str | None
    is_disabled: bool


def add(partner: BillingAccount, *, by: Actor, address: EmailAddress, role: AccountRole) -> User:
    """Add the user with this address to the partner's staff, unless they are one of the partner's
    own customers.

    Raises Forbidden, Refused("email-is-customer", "no-account"), and as `access.grant`.
    """
    access.require_recent_for(by, role)
    partner = db.lock(BillingAccount, partner.id)  # so that the address is not invited meanwhile
    access.require(by, Action.ACCESS_MANAGE, partner)
    user = identity.user_by_email(address.key)
    if customer := _customer_name(partner, address, user):
        raise Refused(Code.EMAIL_IS_CUSTOMER, field="email", customer=customer)
    if user is None:
        raise Refused(Code.NO_ACCOUNT, field="email", address=address.display)
    access.grant(role, to=user, account=partner, by=by)
    return user


def _customer_name(partner: BillingAccount, address: EmailAddress, user: User | None) -> str | None:
    """The name of the partner's live customer with this invited address or confirmed user."""
    confirmed = select(Invitation.subaccount_id).where(
        Invitation.partner_id == partner.id,
        Invitation.answer == Answer.CONFIRMED,
        Invitation.answered_by == (user.id if user else ""),
    )
    query = select(Customer.name).where(
        Customer.partner_id == partner.id,
        Customer.status != Status.INACTIVE,
        or_(Customer.email_key == address.key, Customer.subaccount_id.in_(confirmed)),
    )
    return db.session.scalar(query.order_by(Customer.id).limit(1))


def members(partner: BillingAccount) -> list[Member]:
    """Everyone with a role on the partner's account, pending roles included, by name."""
    granter = aliased(User)
    query = (
        select(AccountAccess, User, granter.name)
        .join(User, User.id == AccountAccess.user_id)
        .outerjoin(granter, granter.id == AccountAccess.granted_by)
        .where(AccountAccess.account_id == partner.id, AccountAccess.revoked_at.is_(None))
        .order_by(User.name, User.id)
    )
    rows_by_user: dict[str, list[tuple[AccountAccess, User, str | None]]] = {}
    for assignment, user, given_by in db.session.execute(query):
        rows_by_user.setdefault(user.id, []).append((assignment, user, given_by))
    return [_member(rows) for rows in rows_by_user.values()]


def member(partner: BillingAccount, user_id: str) -> Member | None:
    """The member with this user ID."""
    return next((member for member in members(partner) if member.id == user_id), None)


def pending_memberships(actor: Actor) -> list[tuple[str, datetime]]:
    """The partners whose staff the actor will join: name, and when the role takes effect."""
    query = (
        select(BillingAccount.name, AccountAccess.effective_at)
        .join(AccountAccess, AccountAccess.account_id == BillingAccount.id)
        .where(
            AccountAccess.user_id == actor.id,
            AccountAccess.revoked_at.is_(None),
            AccountAccess.holds_from > db.now(),
            BillingAccount.kind == Kind.PARTNER,
        )
        .order_by(AccountAccess.effective_at)
    )
    return [(name, effective_at) for name, effective_at in db.session.execute(query)]


def user_of(member: Member) -> User:
    """The member's user."""
    return db.session.get_one(User, member.id)


def _member(rows: list[tuple[AccountAccess, User, str | None]]) -> Member:
    rows = sorted(rows, key=lambda row: rank(row[0].role))
    current, pending = role_state([row[0] for row in rows])
    shown, user, given_by = next((row for row in rows if row[0] is current), rows[0])
    return Member(
        id=user.id,
        name=user.name,
        email=user.email,
        role=current.role if current else None,
        pending_role=pending.role if pending else None,
        effective_at=pending.effective_at if pending else None,
        since=shown.granted_at,
        given_by=given_by,
        is_disabled=user.disabled_at is not None,
    )
