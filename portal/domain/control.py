"""Access control of a cloud: who holds which role on it, given, changed and taken back by owners.

A holder is a user, or a partner's account, whose role holds for its staff with editor or higher.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, account, audit, cloud, identity
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.access.seat import Seat, rank, standing, take
from portal.domain.account import BillingAccount, Kind, PartnerAccount
from portal.domain.actor import Actor
from portal.domain.cloud import Cloud
from portal.domain.contact import Address
from portal.domain.customer import Customer, Status
from portal.domain.errors import Refused
from portal.domain.identity import User

OWNER = CloudRole.OWNER


@dataclass(frozen=True)
class Holder:
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


class Asking(NamedTuple):
    """Whom an owner of a cloud has to add so that somebody can link it: the account of the partner
    on whose staff they are, or (None) themselves. `is_owner`: they are one, or are to be."""

    partner: PartnerAccount | None
    is_owner: bool


def grant(found: Cloud, *, by: Actor, role: CloudRole, to: Address | str) -> str:
    """An owner gives a role to somebody with an account here, by address, or to a partner's
    account, by ID; returns the holder's ID.

    Raises Forbidden; Refused("cloud-closed", "no-account", "no-partner", "has-role").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    holder = _partner(to).id if isinstance(to, str) else _user(to).id
    seat = _seat(found, holder)
    seat.fill(role, by=by)
    _record("cloud_access.grant", found, holder, by=by, role=role)
    return holder


def change(found: Cloud, *, by: Actor, role: CloudRole, of: str) -> None:
    """An owner raises or lowers a holder's role; the last owner stays one, and a partner's staff
    do not lower the last role of the customer's people on the default cloud.

    Raises Forbidden; Refused("cloud-closed", "no-role", "last-cloud-owner", "customers-last-role").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    seat = _seat(found, of)
    rows = seat.taken()
    if role is not OWNER:
        _keep_an_owner(found, rows)
    if rank(role) > rank(rows[0].role):
        _keep_the_customers(found, rows, by=by)
    if seat.change(role, by=by):
        _record("cloud_access.change", found, of, by=by, role=role)


def revoke(found: Cloud, *, by: Actor, of: str) -> None:
    """An owner takes a holder's role, at once; a partner's staff leave the customer's people the
    last one that they have on the default cloud. Raises as `change`.
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    rows = _seat(found, of).taken()
    _keep_an_owner(found, rows)
    _keep_the_customers(found, rows, by=by)
    take(rows)
    _record("cloud_access.revoke", found, of, by=by)


def revoke_partner(found: Cloud, *, by: Actor, of: str) -> None:
    """An owner takes the role of a partner's account and those of its staff, at once.

    Raises Forbidden; Refused("cloud-closed", "no-role", "last-cloud-owner").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    staff = access.staff_ids(of)
    rows = [row for row in _open_rows(found) if row.partner_id == of or row.user_id in staff]
    if not rows:
        raise Refused("no-role")
    _keep_an_owner(found, rows)
    take(rows)
    _record("cloud_access.revoke_partner", found, of, by=by)


def holders_of(found: Cloud, *, reader: Actor) -> list[Holder]:
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
    partners = _partners_at(found, [row for rows in grouped.values() for row in rows], reader)
    staff = {ident: access.staff_ids(ident) for ident in partners}
    holders = [_holder(rows, partners, staff) for rows in grouped.values()]
    return sorted(holders, key=lambda one: (not one.is_partner, one.name, one.id))


def asking(found: Cloud, *, actor: Actor) -> Asking:
    """Whom the actor asks to be added: the partner's account on whose staff they are, where that
    looks after the cloud or holds a role on it, else themselves."""
    rows = _open_rows(found)
    concerned = {cloud.payer_of(found).parent_id, *(row.partner_id for row in rows)}
    partner = next((one for one in account.partners_of(actor) if one.id in concerned), None)
    asked = {actor.id, partner.id if partner else actor.id}
    owned = [row for row in rows if row.role is OWNER and {row.user_id, row.partner_id} & asked]
    return Asking(partner, bool(owned))


def _partners_at(found: Cloud, rows: list[Any], reader: Actor) -> dict[str, str]:
    """ID and name of the partners concerned, as far as the reader knows them: those with a role on
    the cloud, and the one whose customer's account pays for it."""
    known = {row[0].partner_id: row[2] for row in rows if row[0].partner_id}
    payer = db.find(BillingAccount, cloud.payer_of(found).id, reader)
    if payer is not None and payer.parent is not None:
        known[payer.parent.id] = payer.parent.name
    return known


def _holder(rows: list[Any], partners: dict[str, str], staff: dict[str, set[str]]) -> Holder:
    strongest = sorted(rows, key=lambda row: rank(row[0].role))
    held, coming = standing([row[0] for row in strongest])
    shown, user, partner_name, given_by = next(
        (row for row in strongest if row[0] is held), strongest[0]
    )
    staffed = [ident for ident in partners if user and user.id in staff[ident]]
    return Holder(
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


def _user(address: Address) -> User:
    user = identity.user_by_email(address.key)
    if user is None:
        raise Refused("no-account", field="email", address=address.display)
    return user


def _partner(ident: str) -> BillingAccount:
    """An unknown account and one without partner status are the same answer."""
    partner = db.session.get(BillingAccount, ident)
    if partner is None or partner.kind is not Kind.PARTNER:
        raise Refused("no-partner", field="email")
    return partner


def _seat(found: Cloud, holder: str) -> Seat:
    kind = "partner_id" if holder.startswith("dn2") else "user_id"
    return Seat(CloudAccess, {kind: holder, "cloud_id": found.id})


def _open_rows(found: Cloud) -> list[CloudAccess]:
    rows = select(CloudAccess).where(
        CloudAccess.cloud_id == found.id, CloudAccess.revoked_at.is_(None)
    )
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def _keep_an_owner(found: Cloud, leaving: Iterable[CloudAccess]) -> None:
    """A cloud always has an owner in effect who can act (I8). Raises Refused("last-cloud-owner")
    where one of those who leave is the last."""
    going = {row.id for row in leaving}
    owning = [row for row in _open_rows(found) if row.role is OWNER and _acts(row)]
    if going & {row.id for row in owning} and all(row.id in going for row in owning):
        raise Refused("last-cloud-owner")


def _acts(row: CloudAccess) -> bool:
    """In effect, and of somebody who can come in: a user, or a partner's account, which always has
    an owner."""
    if row.effective_at > db.now():
        return False
    if row.partner_id is not None:
        return db.session.get_one(BillingAccount, row.partner_id).kind is Kind.PARTNER
    return db.session.get_one(User, row.user_id).disabled_at is None


def _keep_the_customers(found: Cloud, leaving: list[CloudAccess], *, by: Actor) -> None:
    """A partner's staff never take the last role of the customer's people on its default cloud.
    Raises Refused("customers-last-role")."""
    live = select(Customer.partner_id).where(
        Customer.default_cloud_id == found.id, Customer.status != Status.INACTIVE
    )
    partner_id = db.session.scalar(live)
    staff = access.staff_ids(partner_id) if partner_id else set()
    if by.id not in staff:
        return
    people = [row for row in _open_rows(found) if row.user_id and row.user_id not in staff]
    if people and set(people) <= set(leaving):
        raise Refused("customers-last-role")


def _record(action: str, found: Cloud, holder: str, *, by: Actor, **facts: str) -> None:
    chain = cloud.chain_of(found)
    audit.record(action, by=by, chain=chain, thing=found.id, holder=holder, **facts)
