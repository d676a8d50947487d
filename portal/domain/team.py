"""The staff of a partner: who is on it, in which role, since when; adding somebody."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, identity
from portal.domain.access import AccountAccess, AccountRole
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers import Customer, Status
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.invitations import Answer, Invitation
from portal.domain.values import EmailAddress


class Member(NamedTuple):
    """Somebody on the staff: the role in effect, and the one that is to come."""

    id: str
    name: str
    email: str
    role: AccountRole | None
    coming: AccountRole | None
    effective_at: datetime | None
    since: datetime
    given_by: str | None
    is_disabled: bool


def add(partner: BillingAccount, *, by: Actor, address: EmailAddress, role: AccountRole) -> User:
    """Who manages the partner's access takes somebody with an account here onto the staff, but
    never one of the partner's own customers.

    Raises Forbidden; Refused(Code.EMAIL_IS_CUSTOMER, "no-account") and as `access.grant`.
    """
    partner = db.lock(BillingAccount, partner.id)  # or the address is invited meanwhile
    access.require(by, Action.ACCESS_MANAGE, partner)
    user = identity.user_by_email(address.key)
    if customer := _own_customer(partner, address, user):
        raise Refused(Code.EMAIL_IS_CUSTOMER, field="email", customer=customer)
    if user is None:
        raise Refused(Code.NO_ACCOUNT, field="email", address=address.display)
    access.grant(role, to=user, account=partner, by=by)
    return user


def _own_customer(partner: BillingAccount, address: EmailAddress, user: User | None) -> str | None:
    """The name of the live customer whose invited address or confirmed user this is."""
    answered = select(Invitation.subaccount_id).where(
        Invitation.partner_id == partner.id,
        Invitation.answer == Answer.CONFIRMED,
        Invitation.answered_by == (user.id if user else ""),
    )
    found = select(Customer.name).where(
        Customer.partner_id == partner.id,
        Customer.status != Status.INACTIVE,
        or_(Customer.email_key == address.key, Customer.subaccount_id.in_(answered)),
    )
    return db.session.scalar(found.order_by(Customer.id).limit(1))


def members(partner: BillingAccount) -> list[Member]:
    """Everyone with a role on the partner's account, pending ones too, by name."""
    giver = aliased(User)
    found = (
        select(AccountAccess, User, giver.name)
        .join(User, User.id == AccountAccess.user_id)
        .outerjoin(giver, giver.id == AccountAccess.granted_by)
        .where(AccountAccess.account_id == partner.id, AccountAccess.revoked_at.is_(None))
        .order_by(User.name, User.id)
    )
    rows_of: dict[str, list[tuple[AccountAccess, User, str | None]]] = {}
    for access_row, user, given_by in db.session.execute(found):
        rows_of.setdefault(user.id, []).append((access_row, user, given_by))
    return [_member(rows) for rows in rows_of.values()]


def member(partner: BillingAccount, user_id: str) -> Member | None:
    """One of them."""
    return next((one for one in members(partner) if one.id == user_id), None)


def pending_memberships(actor: Actor) -> list[tuple[str, datetime]]:
    """The partners whose staff the actor is about to join: name, and from when."""
    found = (
        select(BillingAccount.name, AccountAccess.effective_at)
        .join(AccountAccess, AccountAccess.account_id == BillingAccount.id)
        .where(
            AccountAccess.user_id == actor.id,
            AccountAccess.revoked_at.is_(None),
            AccountAccess.effective_at > db.now(),
            BillingAccount.kind == Kind.PARTNER,
        )
        .order_by(AccountAccess.effective_at)
    )
    return [(name, at) for name, at in db.session.execute(found)]


def user_of(who: Member) -> User:
    """Their account."""
    return db.session.get_one(User, who.id)


def _member(rows: list[tuple[AccountAccess, User, str | None]]) -> Member:
    strongest = sorted(rows, key=lambda row: list(AccountRole).index(row[0].role))
    now = db.now()
    held = next((row for row in strongest if row[0].effective_at <= now), None)
    coming = next((row for row in strongest if row[0].effective_at > now), None)
    shown, user, given_by = held or strongest[0]
    return Member(
        id=user.id,
        name=user.name,
        email=user.email,
        role=held[0].role if held else None,
        coming=coming[0].role if coming else None,
        effective_at=coming[0].effective_at if coming else None,
        since=shown.granted_at,
        given_by=given_by,
        is_disabled=user.disabled_at is not None,
    )
