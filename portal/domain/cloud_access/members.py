"""Who has access to a cloud, as its owners read it; whom somebody asks them to add."""

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
    """Somebody with a role on a cloud: the one in effect, and the one to come. A partner's account
    has no address; a user on the staff of a partner concerned is marked as its."""

    id: str
    name: str
    email: str | None
    role: CloudRole | None
    coming: CloudRole | None
    effective_at: datetime | None
    since: datetime
    given_by: str | None
    partner_id: str | None
    partner_name: str | None
    is_disabled: bool

    @property
    def is_partner(self) -> bool:
        return self.email is None


class AccessRequest(NamedTuple):
    """Whom an owner of a cloud has to add so that somebody can link it: the account of the partner
    on whose staff they are, or (None) themselves. `is_owner`: they are one, or are to be."""

    partner: PartnerAccount | None
    is_owner: bool


def members_of(found: Cloud, *, reader: Actor) -> list[Member]:
    """Everyone with a role on the cloud, pending ones too: partners' accounts, then users, by
    name."""
    giver = aliased(User)
    rows = (
        select(CloudAccess, User, BillingAccount.name, giver.name)
        .outerjoin(User, User.id == CloudAccess.user_id)
        .outerjoin(BillingAccount, BillingAccount.id == CloudAccess.partner_id)
        .outerjoin(giver, giver.id == CloudAccess.granted_by)
        .where(CloudAccess.cloud_id == found.id, CloudAccess.revoked_at.is_(None))
    )
    grouped: dict[str | None, list[Any]] = {}
    for row in db.session.execute(rows):
        grouped.setdefault(row[0].user_id or row[0].partner_id, []).append(row)
    partners = _partners_concerned(
        found, [row for rows in grouped.values() for row in rows], reader
    )
    staff = {ident: access.staff_ids(ident) for ident in partners}
    holders = [_member(rows, partners, staff) for rows in grouped.values()]
    return sorted(holders, key=lambda one: (not one.is_partner, one.name, one.id))


def access_request_for(found: Cloud, *, actor: Actor) -> AccessRequest:
    """Whom the actor asks to be added: the partner's account on whose staff they are, where that
    looks after the cloud or holds a role on it, else themselves."""
    rows = open_grants(found)
    concerned = {clouds.payer_of(found).parent_id, *(row.partner_id for row in rows)}
    partner = next(
        (one for one in accounts.partner_accounts_of(actor) if one.id in concerned), None
    )
    asked = {actor.id, partner.id if partner else actor.id}
    owners = {row.user_id or row.partner_id for row in rows if row.role is CloudRole.OWNER}
    return AccessRequest(partner, not owners.isdisjoint(asked))


def _partners_concerned(found: Cloud, rows: list[Any], reader: Actor) -> dict[str, str]:
    """ID and name of the partners concerned, as far as the reader knows them: those with a role on
    the cloud, and the one whose customer's account pays for it."""
    known = {row[0].partner_id: row[2] for row in rows if row[0].partner_id}
    payer = db.find(BillingAccount, clouds.payer_of(found).id, reader)
    if payer is not None and payer.parent is not None:
        known[payer.parent.id] = payer.parent.name
    return known


def _member(rows: list[Any], partners: dict[str, str], staff: dict[str, set[str]]) -> Member:
    strongest = sorted(rows, key=lambda row: rank(row[0].role))
    held, coming = role_state([row[0] for row in strongest])
    shown, user, partner_name, given_by = next(
        (row for row in strongest if row[0] is held), strongest[0]
    )
    staffed = [ident for ident in partners if user and user.id in staff[ident]]
    return Member(
        id=shown.user_id or shown.partner_id,
        name=user.name if user else partner_name,
        email=user.email if user else None,
        role=held.role if held else None,
        coming=coming.role if coming else None,
        effective_at=coming.effective_at if coming else None,
        since=shown.granted_at,
        given_by=given_by,
        partner_id=shown.partner_id or next(iter(staffed), None),
        partner_name=partner_name or (partners[staffed[0]] if staffed else None),
        is_disabled=bool(user and user.disabled_at),
    )


def open_grants(found: Cloud) -> list[CloudAccess]:
    """Every role on the cloud, pending ones too, as it is now."""
    rows = select(CloudAccess).where(
        CloudAccess.cloud_id == found.id, CloudAccess.revoked_at.is_(None)
    )
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))
