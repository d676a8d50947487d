"""The staff of a partner: members with their roles; adding, changing and removing a member."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, identity, locks, memberships
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

    Raises Forbidden, Refused("email-is-customer"), and as `identity.look_up` and `access.grant`.
    """
    access.require_recent_for(by, role)
    # The account, so that the address is not invited meanwhile.
    locks.lock((User, None if by.is_system else by.id), (BillingAccount, partner.id))
    access.require(by, Action.ACCESS_MANAGE, partner)
    _require_no_customer(partner, Customer.email_key == address.key)
    user = identity.look_up(address, by=by, account_id=partner.id)
    confirmed = select(Invitation.subaccount_id).where(
        Invitation.partner_id == partner.id,
        Invitation.answer == Answer.CONFIRMED,
        Invitation.answered_by == user.id,
    )
    _require_no_customer(partner, Customer.subaccount_id.in_(confirmed))
    memberships.lock_people(user.id)
    access.grant(role, to=user, account=partner, by=by)
    memberships.settle_user(user.id)
    return user


def change(role: AccountRole, *, of: User, partner: BillingAccount, by: Actor) -> None:
    """Change the role of a member. Raises as `access.change`."""
    access.require_recent_for(by, role)
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.ACCESS_MANAGE, partner)
    memberships.lock_people(of.id)
    access.change(role, of=of, account=partner, by=by)
    memberships.settle_user(of.id)


def remove(*, of: User, partner: BillingAccount, by: Actor) -> None:
    """Remove a member from the staff. Raises as `access.revoke`."""
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.ACCESS_MANAGE, partner)
    memberships.lock_people(of.id)
    access.revoke(of=of, account=partner, by=by)
    memberships.settle_user(of.id)


def _require_no_customer(partner: BillingAccount, is_it: ColumnElement[bool]) -> None:
    """Raises Refused("email-is-customer") if a live customer of the partner is it."""
    query = select(Customer.name).where(
        Customer.partner_id == partner.id, Customer.status != Status.INACTIVE, is_it
    )
    if name := db.session.scalar(query.order_by(Customer.id).limit(1)):
        raise Refused(Code.EMAIL_IS_CUSTOMER, field="email", customer=name)


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
