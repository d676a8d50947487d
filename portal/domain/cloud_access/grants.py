"""Roles on a cloud given, changed and taken back by its owners."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, clouds, identity, notifications
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.access.assignments import Assignments, rank, revoke_assignments
from portal.domain.accounts import BillingAccount
from portal.domain.accounts import Kind as AccountKind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.cloud_access.members import open_grants
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.notifications import CONSOLE, Kind, Target, TargetKind
from portal.domain.values import EmailAddress

OWNER = CloudRole.OWNER


def grant(found: Cloud, *, by: Actor, role: CloudRole, to: EmailAddress | str) -> str:
    """An owner gives a role to somebody with an account here, by address, or to a partner's
    account, by ID; returns the holder's ID.

    Raises Forbidden; Refused("cloud-closed", "no-account", "no-partner", "has-role").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, found)
    clouds.refuse_closed(found)
    holder = _partner(to).id if isinstance(to, str) else _user(to).id
    seat = _assignments(found, holder)
    seat.fill(role, by=by)
    _record(Action.CLOUD_ACCESS_GRANT, found, holder, by=by, role=role)
    _notify_given(found, holder, role, by=by)
    return holder


def change(found: Cloud, *, by: Actor, role: CloudRole, of: str) -> None:
    """An owner raises or lowers a holder's role; the last owner stays one, and a partner's staff
    do not lower the last role of the customer's people on the default cloud.

    Raises Forbidden; Refused("cloud-closed", "no-role", "last-cloud-owner", "customers-last-role").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, found)
    clouds.refuse_closed(found)
    seat = _assignments(found, of)
    rows = seat.taken()
    if role is not OWNER:
        _require_another_owner(found, rows)
    if rank(role) > rank(rows[0].role):
        _require_customers_role(found, rows, by=by)
    if seat.change(role, by=by):
        _record(Action.CLOUD_ACCESS_CHANGE, found, of, by=by, role=role)
        _notify_given(found, of, role, by=by)


def revoke(found: Cloud, *, by: Actor, of: str) -> None:
    """An owner takes a holder's role, at once; a partner's staff leave the customer's people the
    last one that they have on the default cloud. Raises as `change`.
    """
    found = db.lock(Cloud, found.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, found)
    clouds.refuse_closed(found)
    rows = _assignments(found, of).taken()
    _require_another_owner(found, rows)
    _require_customers_role(found, rows, by=by)
    revoke_assignments(rows)
    _record(Action.CLOUD_ACCESS_REVOKE, found, of, by=by)
    _notify_taken(found, of, by=by)


def revoke_partner(found: Cloud, *, by: Actor, of: str) -> None:
    """An owner takes the role of a partner's account and those of its staff, at once.

    Raises Forbidden; Refused("cloud-closed", "no-role", "last-cloud-owner").
    """
    found = db.lock(Cloud, found.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, found)
    clouds.refuse_closed(found)
    staff = access.staff_ids(of)
    rows = [row for row in open_grants(found) if row.partner_id == of or row.user_id in staff]
    if not rows:
        raise Refused(Code.NO_ROLE)
    _require_another_owner(found, rows)
    revoke_assignments(rows)
    _record(Action.CLOUD_ACCESS_REVOKE_PARTNER, found, of, by=by)
    _notify_taken(found, of, by=by, with_them={row.user_id for row in rows if row.user_id})


def _user(address: EmailAddress) -> User:
    user = identity.user_by_email(address.key)
    if user is None:
        raise Refused(Code.NO_ACCOUNT, field="email", address=address.display)
    return user


def _partner(ident: str) -> BillingAccount:
    """An unknown account and one without partner status are the same answer."""
    partner = db.session.get(BillingAccount, ident)
    if partner is None or partner.kind is not AccountKind.PARTNER:
        raise Refused(Code.NO_PARTNER, field="email")
    return partner


def _assignments(found: Cloud, holder: str) -> Assignments:
    kind = "partner_id" if holder.startswith("dn2") else "user_id"
    return Assignments(CloudAccess, {kind: holder, "cloud_id": found.id})


def _require_another_owner(found: Cloud, leaving: Iterable[CloudAccess]) -> None:
    """A cloud always has an owner in effect who can act (I8). Raises Refused("last-cloud-owner")
    where one of those who leave is the last."""
    going = {row.id for row in leaving}
    owning = [row for row in open_grants(found) if row.role is OWNER and _can_act(row)]
    if going & {row.id for row in owning} and all(row.id in going for row in owning):
        raise Refused(Code.LAST_CLOUD_OWNER)


def _can_act(row: CloudAccess) -> bool:
    """In effect, and of somebody who can come in: a user, or a partner's account, which always has
    an owner."""
    if row.effective_at > db.now():
        return False
    if row.partner_id is not None:
        return db.session.get_one(BillingAccount, row.partner_id).kind is AccountKind.PARTNER
    return db.session.get_one(User, row.user_id).disabled_at is None


def _require_customers_role(found: Cloud, leaving: list[CloudAccess], *, by: Actor) -> None:
    """A partner's staff never take the last role of the customer's people on its default cloud.
    Raises Refused("customers-last-role")."""
    live = select(Customer.partner_id).where(
        Customer.default_cloud_id == found.id, Customer.status != Status.INACTIVE
    )
    partner_id = db.session.scalar(live)
    staff = access.staff_ids(partner_id) if partner_id else set()
    if by.id not in staff:
        return
    people = [row for row in open_grants(found) if row.user_id and row.user_id not in staff]
    if people and set(people) <= set(leaving):
        raise Refused(Code.CUSTOMERS_LAST_ROLE)


def _record(action: Action, found: Cloud, holder: str, *, by: Actor, **facts: str) -> None:
    chain = clouds.audit_chain_of(found)
    audit.record(action, by=by, chain=chain, thing=found.id, holder=holder, **facts)


def _notify_given(found: Cloud, holder: str, role: CloudRole, *, by: Actor) -> None:
    """Who holds the role now hears of it, and the owners."""
    target, said = _target(found), {"about": found.id, "thing": found.name}
    name, people, whom = _people(holder)
    owners = access.cloud_owners(found.id) - people
    notifications.notify(
        Kind.ACCESS_GIVEN, to=people, target=target, by=by, role=role, **whom, **said
    )
    said["person"] = name
    if role is OWNER:
        notifications.notify(Kind.OWNER_ADDED, to=owners, target=target, by=by, **said)
    else:
        notifications.notify(Kind.ACCESS_GIVEN, to=owners, target=target, by=by, role=role, **said)


def _notify_taken(
    found: Cloud, holder: str, *, by: Actor, with_them: frozenset[str] | set[str] = frozenset()
) -> None:
    """Who held it hears of it, and the owners who are left."""
    name, people, whom = _people(holder)
    people |= with_them
    owners = access.cloud_owners(found.id) - people
    said = {"about": found.id, "thing": found.name}
    notifications.notify(Kind.ACCESS_TAKEN, to=people, target=CONSOLE, by=by, **whom, **said)
    said["person"] = name
    notifications.notify(Kind.ACCESS_TAKEN, to=owners, target=_target(found), by=by, **said)


def _target(found: Cloud) -> Target:
    return Target(TargetKind.CLOUD, found.id)


def _people(holder: str) -> tuple[str, set[str], dict[str, str]]:
    """The holder's name; who hears what happens to them, of a partner those who may act; and whom
    it happened to, unless that is just who hears it."""
    partner = db.session.get(BillingAccount, holder)
    if partner is not None:
        staff = access.users_with_role(partner.id, access.STAFF_ROLES)
        return partner.name, staff, {"person": partner.name}
    return db.session.get_one(User, holder).name, {holder}, {}
