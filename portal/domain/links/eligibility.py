"""Eligibility: whether an actor can link a cloud to an account now, and the refusal if not.

The drop-down and the verb ask the same function, `find_refusal`, with facts that each has read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain import access
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount, Kind, Mode, Status
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Answer, Invitation

OWNERS = access.CLOUD_TABLE[Action.CLOUD_RELINK]


@dataclass(frozen=True)
class Target:
    """The account to link to, and what the actor is to it."""

    account: BillingAccount
    actor: Actor
    may_link: bool
    partner_id: str | None
    """The partner for which the actor acts here, if they are on its staff."""
    customer_user_id: str | None
    """The user who confirmed the partnership for the customer of this subaccount."""
    staff_partner_ids: tuple[str, ...]
    """The partner accounts whose roles on clouds hold for the actor."""


class CandidateRole(NamedTuple):
    """An unrevoked role on a cloud. `is_customers`: a customer concerned holds it, see
    `_is_this_customers`."""

    cloud_id: str
    user_id: str | None
    partner_id: str | None
    role: CloudRole
    holds_from: datetime
    is_customers: bool


class Candidate(NamedTuple):
    """A cloud to link, with the roles on it that matter for its eligibility. Payer ID and name are
    None where the actor can't see that account."""

    id: str
    name: str
    closed_at: datetime | None
    closes_at: datetime | None
    link_id: str
    linked_at: datetime
    linked_account_id: str
    payer_mode: Mode
    payer_id: str | None
    payer_name: str | None
    roles: tuple[CandidateRole, ...]


def target_for(account: BillingAccount, actor: Actor) -> Target:
    """The account as a target for links by the actor."""
    roles = access.roles_on_account(actor, account)
    staff_partner_ids = tuple(db.session.scalars(access.account_ids(actor, staff=True)))
    partner_id = account.parent_id or (account.id if account.kind is Kind.PARTNER else None)
    query = select(Invitation.answered_by).where(
        Invitation.subaccount_id == account.id, Invitation.answer == Answer.CONFIRMED
    )
    return Target(
        account=account,
        actor=actor,
        may_link=not access.ACCOUNT_TABLE[Action.CLOUD_LINK].isdisjoint(roles),
        partner_id=partner_id if partner_id in staff_partner_ids else None,
        customer_user_id=db.session.scalar(query),
        staff_partner_ids=staff_partner_ids,
    )


def account_refusal(target: Target) -> Refused | None:
    """Why the actor can't link any cloud to the account: "account-role-missing",
    "partnership-ending", "customer-suspended", "customer-not-confirmed", "account-not-active",
    "balance-negative", "no-new-clouds"; None if they can."""
    account = target.account
    if not target.may_link:
        return Refused(Code.ACCOUNT_ROLE_MISSING)
    if account.ends_on is not None:
        return Refused(Code.PARTNERSHIP_ENDING, day=account.ends_on)
    if account.parent_id is not None and account.closed_at is None:
        if account.confirmed_at is None:
            return Refused(Code.CUSTOMER_NOT_CONFIRMED)
        if account.suspended_at is not None:
            return Refused(Code.CUSTOMER_SUSPENDED)
    if account.status not in (Status.ACTIVE, Status.TRIAL_ACTIVE):
        return Refused(Code.ACCOUNT_NOT_ACTIVE, status=account.status)
    return _money_refusal(account)


def _money_refusal(account: BillingAccount) -> Refused | None:
    if account.is_overdrawn:
        return Refused(Code.BALANCE_NEGATIVE)
    day = account.no_clouds_until
    return Refused(Code.NO_NEW_CLOUDS, day=day) if day else None


def find_refusal(target: Target, candidate: Candidate) -> Refused | None:
    """Why the actor can't link the cloud to the account now; None if they can.

    The first reason that applies, lasting ones before temporary ones: those of `account_refusal`,
    "cloud-closed", "already-linked", "cloud-closing", "role-insufficient", "not-this-customers",
    "paid-to-trial", "role-too-recent".
    """
    return (
        account_refusal(target)
        or _cloud_refusal(target, candidate)
        or _role_refusal(target, candidate)
    )


def _cloud_refusal(target: Target, candidate: Candidate) -> Refused | None:
    if candidate.closed_at is not None:
        return Refused(Code.CLOUD_CLOSED)
    if candidate.linked_account_id == target.account.id:
        return Refused(Code.ALREADY_LINKED, since=candidate.linked_at)
    if candidate.closes_at is not None:
        return Refused(Code.CLOUD_CLOSING)
    return None


def _role_refusal(target: Target, candidate: Candidate) -> Refused | None:
    usable = [role for role in candidate.roles if _is_usable(target, role)]
    owning = [role for role in usable if role.role in OWNERS]
    if not owning:
        return _missing_owner_refusal(target, candidate, usable)
    if target.partner_id and not _is_this_customers(target, candidate):
        return Refused(Code.NOT_THIS_CUSTOMERS)
    if candidate.payer_mode is Mode.PAID and target.account.mode is Mode.TRIAL:
        return Refused(Code.PAID_TO_TRIAL, account=target.account.id)
    until = min(role.holds_from for role in owning)
    return Refused(Code.ROLE_TOO_RECENT, until=until) if until > db.now() else None


def _is_usable(target: Target, role: CandidateRole) -> bool:
    """The actor holds the role, or the partner for which they act."""
    if role.partner_id is not None:
        return role.partner_id == target.partner_id
    return role.user_id == target.actor.id


def _missing_owner_refusal(
    target: Target, candidate: Candidate, usable: list[CandidateRole]
) -> Refused:
    if any(
        role.partner_id in target.staff_partner_ids and role.role in OWNERS
        for role in candidate.roles
    ):
        return Refused(Code.NOT_THIS_CUSTOMERS)
    roles = sorted((role.role for role in usable), key=list(CloudRole).index)
    return Refused(Code.ROLE_INSUFFICIENT, role=roles[0] if roles else None)


def _is_this_customers(target: Target, candidate: Candidate) -> bool:
    """Staff link a cloud to a subaccount only if its customer's user owns the cloud, and to the
    partner's own account only if no live customer's user owns it."""
    is_owned = any(role.is_customers and role.holds_from <= db.now() for role in candidate.roles)
    return is_owned if target.account.parent_id is not None else not is_owned
