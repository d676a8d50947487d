"""The members of a cloud, as its owners see them, and whom a person asks an owner to add."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, accounts, clouds
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.access.assignments import rank, role_state
from portal.domain.accounts import BillingAccount, PartnerAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.identity import User


@dataclass(frozen=True)
class Member:
    """A user or partner account with a role on a cloud: the role in effect and the pending one.

    `email` is None for a partner account. The partner fields are also set for a user on the staff
    of a partner concerned.
    """

    id: str
    name: str
    email: str | None
    role: CloudRole | None
    pending_role: CloudRole | None
    effective_at: datetime | None
    since: datetime
    given_by: str | None
    partner_id: str | None
    partner_name: str | None
    is_disabled: bool
    is_blocked: bool

    @property
    def is_partner(self) -> bool:
        return self.email is None


class AccessRequest(NamedTuple):
    """Whom an owner has to add to a cloud so that the actor can link it: the partner account on
    whose staff the actor is, or (None) the actor. `is_owner`: one of them has or will have the
    owner role."""

    partner: PartnerAccount | None
    is_owner: bool


def members_of(cloud: Cloud, *, reader: Actor) -> list[Member]:
    """All holders of a role on the cloud, pending ones too: partner accounts first, then users, by
    name."""
    giver = aliased(User)
    query = (
        select(CloudAccess, User, BillingAccount.name, giver.name)
        .outerjoin(User, User.id == CloudAccess.user_id)
        .outerjoin(BillingAccount, BillingAccount.id == CloudAccess.partner_id)
        .outerjoin(giver, giver.id == CloudAccess.granted_by)
        .where(CloudAccess.cloud_id == cloud.id, CloudAccess.revoked_at.is_(None))
    )
    rows = list(db.session.execute(query))
    rows_by_holder: dict[str | None, list[Any]] = {}
    for row in rows:
        rows_by_holder.setdefault(row[0].user_id or row[0].partner_id, []).append(row)
    partners = _partners_concerned(cloud, rows, reader)
    staff = {partner_id: access.staff_ids(partner_id) for partner_id in partners}
    members = [_member(rows, partners, staff) for rows in rows_by_holder.values()]
    return sorted(members, key=lambda member: (not member.is_partner, member.name, member.id))


def access_request_for(cloud: Cloud, *, actor: Actor) -> AccessRequest:
    """Whom the actor asks an owner to add: the partner account on whose staff they are, if it has a
    role on the cloud or its customer pays for it; otherwise themselves."""
    rows = open_grants(cloud)
    concerned = {clouds.payer_of(cloud).parent_id, *(row.partner_id for row in rows)}
    partner = next(
        (partner for partner in accounts.partner_accounts_of(actor) if partner.id in concerned),
        None,
    )
    owners = {row.user_id or row.partner_id for row in rows if row.role is CloudRole.OWNER}
    is_owner = actor.id in owners or (partner is not None and partner.id in owners)
    return AccessRequest(partner, is_owner)


def _partners_concerned(cloud: Cloud, rows: list[Any], reader: Actor) -> dict[str, str]:
    """Names by ID of the partners with a role on the cloud, and of the partner whose customer pays
    for it, if the reader sees the payer."""
    partners = {row[0].partner_id: row[2] for row in rows if row[0].partner_id}
    payer = clouds.visible_payer(cloud, reader)
    if payer is not None and payer.parent is not None:
        partners[payer.parent.id] = payer.parent.name
    return partners


def _member(rows: list[Any], partners: dict[str, str], staff: dict[str, set[str]]) -> Member:
    strongest = sorted(rows, key=lambda row: rank(row[0].role))
    current, pending = role_state([row[0] for row in strongest])
    assignment, user, partner_name, given_by = next(
        (row for row in strongest if row[0] is current), strongest[0]
    )
    employers = [partner_id for partner_id in partners if user and user.id in staff[partner_id]]
    return Member(
        id=assignment.user_id or assignment.partner_id,
        name=user.name if user else partner_name,
        email=user.email if user else None,
        role=current.role if current else None,
        pending_role=pending.role if pending else None,
        effective_at=pending.effective_at if pending else None,
        since=assignment.granted_at,
        given_by=given_by,
        partner_id=assignment.partner_id or next(iter(employers), None),
        partner_name=partner_name or (partners[employers[0]] if employers else None),
        is_disabled=bool(user and user.disabled_at),
        is_blocked=bool(user and user.blocked_at),
    )


def open_grants(cloud: Cloud) -> list[CloudAccess]:
    """All unrevoked roles on the cloud, pending ones too, read from the database again."""
    query = select(CloudAccess).where(
        CloudAccess.cloud_id == cloud.id, CloudAccess.revoked_at.is_(None)
    )
    return list(db.session.scalars(query.execution_options(populate_existing=True)))
