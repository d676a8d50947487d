"""Access control of a cloud: who holds which role on it, given, changed and taken back by owners.

A holder is a user, or a partner's account, whose role holds for its staff with editor or higher.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import access, audit, cloud, identity, notice
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.access.seat import Seat, rank, standing, take
from portal.domain.account import BillingAccount
from portal.domain.account import Kind as AccountKind
from portal.domain.actor import Actor
from portal.domain.cloud import Cloud
from portal.domain.contact import Address
from portal.domain.customer import Customer, Status
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.notice import Kind

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


def grant(found: Cloud, *, by: Actor, role: CloudRole, to: Address | str) -> None:
    """An owner gives a role to somebody with an account here, by address, or to a partner's
    account, by ID.

    Raises Forbidden; Refused("cloud-closed", "no-account", "no-partner", "has-role").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    holder = _partner(to).id if isinstance(to, str) else _user(to).id
    seat = _seat(found, holder)
    seat.fill(role, by=by)
    _record("cloud_access.grant", found, holder, by=by, role=role)
    _tell_given(found, holder, role, by=by)


def change(found: Cloud, *, by: Actor, role: CloudRole, of: str) -> None:
    """An owner raises or lowers a holder's role; the last owner stays one.

    Raises Forbidden; Refused("cloud-closed", "no-role", "last-cloud-owner").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    seat = _seat(found, of)
    rows = seat.taken()
    if role is not OWNER:
        _keep_an_owner(found, rows)
    if seat.change(role, by=by):
        _record("cloud_access.change", found, of, by=by, role=role)
        _tell_given(found, of, role, by=by)


def revoke(found: Cloud, *, by: Actor, of: str) -> None:
    """An owner takes a holder's role, at once; a partner's staff leave the customer's people the
    last one that they have on the default cloud.

    Raises as `change`, and Refused("customers-last-role").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    rows = _seat(found, of).taken()
    _keep_an_owner(found, rows)
    _keep_the_customers(found, rows, by=by)
    take(rows)
    _record("cloud_access.revoke", found, of, by=by)
    _tell_taken(found, of, by=by)


def revoke_partner(found: Cloud, *, by: Actor, of: str) -> None:
    """An owner takes the role of a partner's account and those of its staff, at once.

    Raises Forbidden; Refused("cloud-closed", "no-role", "last-cloud-owner").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, "cloud.manage_access", found)
    cloud.refuse_closed(found)
    rows = [row for row in _open_rows(found) if row.partner_id == of or _is_staffs(row, of)]
    if not rows:
        raise Refused("no-role")
    _keep_an_owner(found, rows)
    take(rows)
    _record("cloud_access.revoke_partner", found, of, by=by)
    _tell_taken(found, of, by=by)


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
    holders = [_holder(rows, partners) for rows in grouped.values()]
    return sorted(holders, key=lambda one: (not one.is_partner, one.name, one.id))


def _partners_at(found: Cloud, rows: list[Any], reader: Actor) -> dict[str, str]:
    """ID and name of the partners concerned, as far as the reader knows them: those with a role on
    the cloud, and the one whose customer's account pays for it."""
    known = {row[0].partner_id: row[2] for row in rows if row[0].partner_id}
    payer = cloud.payers_of(found, actor=reader)[0].account_id
    account = db.session.get(BillingAccount, payer) if payer else None
    if account is not None and account.parent is not None:
        known[account.parent.id] = account.parent.name
    return known


def _holder(rows: list[Any], partners: dict[str, str]) -> Holder:
    strongest = sorted(rows, key=lambda row: rank(row[0].role))
    held, coming = standing([row[0] for row in strongest])
    shown, user, partner_name, given_by = next(
        (row for row in strongest if row[0] is held), strongest[0]
    )
    staffed = [ident for ident in partners if user and access.is_staff(user.id, ident)]
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
        raise Refused("no-account", field="holder", address=address.display)
    return user


def _partner(ident: str) -> BillingAccount:
    """An unknown account and one without partner status are the same answer."""
    partner = db.session.get(BillingAccount, ident)
    if partner is None or partner.kind is not AccountKind.PARTNER:
        raise Refused("no-partner", field="holder")
    return partner


def _seat(found: Cloud, holder: str) -> Seat:
    kind = "partner_id" if holder.startswith("dn2") else "user_id"
    return Seat(CloudAccess, {kind: holder, "cloud_id": found.id})


def _open_rows(found: Cloud) -> list[CloudAccess]:
    rows = select(CloudAccess).where(
        CloudAccess.cloud_id == found.id, CloudAccess.revoked_at.is_(None)
    )
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def _is_staffs(row: CloudAccess, partner_id: str) -> bool:
    return row.user_id is not None and access.is_staff(row.user_id, partner_id)


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
        return db.session.get_one(BillingAccount, row.partner_id).kind is AccountKind.PARTNER
    return db.session.get_one(User, row.user_id).disabled_at is None


def _keep_the_customers(found: Cloud, leaving: list[CloudAccess], *, by: Actor) -> None:
    """A partner's staff never take the last role of the customer's people on its default cloud."""
    live = select(Customer.partner_id).where(
        Customer.default_cloud_id == found.id, Customer.status != Status.INACTIVE
    )
    partner_id = db.session.scalar(live)
    if partner_id is None or not access.is_staff(by.id, partner_id):
        return
    people = [row for row in _open_rows(found) if row.user_id and not _is_staffs(row, partner_id)]
    if people and set(people) <= set(leaving):
        raise Refused("customers-last-role")


def _record(action: str, found: Cloud, holder: str, *, by: Actor, **facts: str) -> None:
    chain = cloud.chain_of(found)
    audit.record(action, by=by, chain=chain, thing=found.id, holder=holder, **facts)


def _tell_given(found: Cloud, holder: str, role: CloudRole, *, by: Actor) -> None:
    """Who holds the role now hears of it, and the owners."""
    said = {"about": found.id, "path": f"/console/clouds/{found.id}", "thing": found.name}
    name, people = _people(holder)
    owners = access.cloud_owners(found.id) - people
    notice.tell(Kind.ACCESS_GIVEN, to=people, by=by, role=role, **said)
    if role is OWNER:
        notice.tell(Kind.OWNER_ADDED, to=owners, by=by, person=name, **said)
    else:
        notice.tell(Kind.ACCESS_GIVEN, to=owners, by=by, role=role, person=name, **said)


def _tell_taken(found: Cloud, holder: str, *, by: Actor) -> None:
    """Who held it hears of it, and the owners who are left."""
    name, people = _people(holder)
    owners = access.cloud_owners(found.id) - people
    said = {"about": found.id, "thing": found.name}
    notice.tell(Kind.ACCESS_TAKEN, to=people, path="/console", by=by, **said)
    path = f"/console/clouds/{found.id}"
    notice.tell(Kind.ACCESS_TAKEN, to=owners, path=path, by=by, person=name, **said)


def _people(holder: str) -> tuple[str, set[str]]:
    """The holder's name, and who hears what happens to them: of a partner those who may act."""
    partner = db.session.get(BillingAccount, holder)
    if partner is not None:
        return partner.name, access.holders(partner.id, access.STAFF_ROLES)
    return db.session.get_one(User, holder).name, {holder}
