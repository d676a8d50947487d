"""Why a cloud can not be linked to an account by this person now; None where it can.

One function answers for the drop-down and for the verb, over facts that either has read.
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
    """The account to link to, as it stands to the one who links. `partner_id`: the partner for
    which they act here, where that is what they do; `confirmed_by`: the customer's user."""

    account: BillingAccount
    actor: Actor
    may_link: bool
    partner_id: str | None
    confirmed_by: str | None
    staffed: tuple[str, ...]
    """The partner accounts whose roles on clouds hold for the actor."""


class OpenRole(NamedTuple):
    """An open role on a cloud. `is_customers`: of a person whose cloud it then is, see `target`."""

    cloud_id: str
    user_id: str | None
    partner_id: str | None
    role: CloudRole
    effective_at: datetime
    is_customers: bool


class Candidate(NamedTuple):
    """A cloud to link, as it is now, and its roles that matter here. ID and name of its payer are
    None where that account does not exist for the reader."""

    id: str
    name: str
    closed_at: datetime | None
    link_id: str
    linked_at: datetime
    linked_to: str
    payer_mode: Mode
    payer_id: str | None
    payer_name: str | None
    held: tuple[OpenRole, ...]


def target_for(account: BillingAccount, actor: Actor) -> Target:
    """How the account stands to the actor."""
    roles = access.roles_on_account(actor, account)
    staffed = tuple(db.session.scalars(access.account_ids(actor, staff=True)))
    partner = account.parent_id or (account.id if account.kind is Kind.PARTNER else None)
    confirmed = select(Invitation.answered_by).where(
        Invitation.subaccount_id == account.id, Invitation.answer == Answer.CONFIRMED
    )
    return Target(
        account=account,
        actor=actor,
        may_link=not access.ACCOUNT_TABLE[Action.CLOUD_LINK].isdisjoint(roles),
        partner_id=partner if partner in staffed else None,
        confirmed_by=db.session.scalar(confirmed),
        staffed=staffed,
    )


def account_refusal(at: Target) -> Refused | None:
    """What speaks against linking any cloud there: "account-role-missing", "customer-suspended",
    "customer-not-confirmed", "account-not-active"."""
    account = at.account
    if not at.may_link:
        return Refused(Code.ACCOUNT_ROLE_MISSING)
    if account.parent_id is not None and account.closed_at is None:
        if account.confirmed_at is None:
            return Refused(Code.CUSTOMER_NOT_CONFIRMED)
        if account.suspended_at is not None:
            return Refused(Code.CUSTOMER_SUSPENDED)
    if account.status not in (Status.ACTIVE, Status.TRIAL_ACTIVE):
        return Refused(Code.ACCOUNT_NOT_ACTIVE, status=account.status)
    return None


def find_refusal(at: Target, cloud: Candidate) -> Refused | None:
    """The first thing that speaks against it, what lasts before what passes: as `against_account`,
    or "cloud-closed", "already-linked", "role-insufficient", "not-this-customers", "paid-to-trial",
    "role-too-recent"."""
    return account_refusal(at) or _cloud_refusal(at, cloud) or _role_refusal(at, cloud)


def _cloud_refusal(at: Target, cloud: Candidate) -> Refused | None:
    if cloud.closed_at is not None:
        return Refused(Code.CLOUD_CLOSED)
    if cloud.linked_to == at.account.id:
        return Refused(Code.ALREADY_LINKED, since=cloud.linked_at)
    return None


def _role_refusal(at: Target, cloud: Candidate) -> Refused | None:
    usable = [row for row in cloud.held if _is_usable(at, row)]
    owning = [row for row in usable if row.role in OWNERS]
    if not owning:
        return _without_owner(at, cloud, usable)
    if at.partner_id and not _is_this_customers(at, cloud):
        return Refused(Code.NOT_THIS_CUSTOMERS)
    if cloud.payer_mode is Mode.PAID and at.account.mode is Mode.TRIAL:
        return Refused(Code.PAID_TO_TRIAL, account=at.account.id)
    until = min(row.effective_at for row in owning)
    return Refused(Code.ROLE_TOO_RECENT, until=until) if until > db.now() else None


def _is_usable(at: Target, row: OpenRole) -> bool:
    """A role of one's own, or of the partner for which one acts."""
    if row.partner_id is not None:
        return row.partner_id == at.partner_id
    return row.user_id == at.actor.id


def _without_owner(at: Target, cloud: Candidate, usable: list[OpenRole]) -> Refused:
    if any(row.partner_id in at.staffed and row.role in OWNERS for row in cloud.held):
        return Refused(Code.NOT_THIS_CUSTOMERS)
    roles = sorted((row.role for row in usable), key=list(CloudRole).index)
    return Refused(Code.ROLE_INSUFFICIENT, role=roles[0] if roles else None)


def _is_this_customers(at: Target, cloud: Candidate) -> bool:
    """Staff stay within their customer: its user owns the cloud; or it comes to the partner's own
    account, and no live customer's user owns it."""
    owns = any(row.is_customers and row.effective_at <= db.now() for row in cloud.held)
    return owns if at.account.parent_id is not None else not owns
