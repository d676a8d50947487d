"""Grant, change and revoke roles on a cloud."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, clouds, identity, locks, memberships, notifications
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


def grant(cloud: Cloud, *, by: Actor, role: CloudRole, to: EmailAddress | str) -> str:
    """An owner grants a role to a registered user, by address, or to a partner account, by ID.
    Returns the holder's ID.

    Raises ReauthenticationRequired for the owner role; Forbidden; Refused("cloud-closed",
    "no-partner", "has-role") and as `identity.look_up`.
    """
    access.require_recent_for(by, role)
    payer_id = clouds.payer_of(cloud).id
    person_id = None if by.is_system else by.id
    locks.lock((User, person_id), (BillingAccount, payer_id), (Cloud, cloud.id))
    access.require(by, Action.CLOUD_MANAGE_ACCESS, cloud)
    clouds.require_open(cloud)
    if isinstance(to, str):
        holder_id = _partner(to).id
    else:
        holder_id = identity.look_up(to, by=by, account_id=payer_id).id
    _assignments(cloud, holder_id).assign_first(role, by=by)
    memberships.settle_cloud(cloud.id)
    _record(Action.CLOUD_ACCESS_GRANT, cloud, holder_id, by=by, role=role)
    _notify_granted(cloud, holder_id, role, by=by)
    return holder_id


def change(cloud: Cloud, *, by: Actor, role: CloudRole, of: str) -> None:
    """An owner raises or lowers the role of the holder with the ID `of`. The last owner can't be
    lowered; a partner's staff can't lower the last role of the customer's people on the default
    cloud.

    Raises ReauthenticationRequired for the owner role; Forbidden; Refused("cloud-closed",
    "no-role", "last-cloud-owner", "customers-last-role").
    """
    access.require_recent_for(by, role)
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, cloud)
    clouds.require_open(cloud)
    assignments = _assignments(cloud, of)
    rows = assignments.require_existing()
    if role is not OWNER:
        _require_another_owner(cloud, rows)
    if rank(role) > rank(rows[0].role):
        _require_customers_role(cloud, rows, by=by)
    if assignments.change(role, by=by):
        memberships.settle_cloud(cloud.id)
        _record(Action.CLOUD_ACCESS_CHANGE, cloud, of, by=by, role=role)
        _notify_granted(cloud, of, role, by=by)


def revoke(cloud: Cloud, *, by: Actor, of: str, stop: bool = False) -> None:
    """An owner revokes the role of the holder with the ID `of`, at once. A partner's staff can't
    revoke the last role of the customer's people on the default cloud. With `stop`, all instances
    of the cloud are stopped if this ends access to it. Raises as `change` to a lower role, and
    Refused("cloud-cant-stop").
    """
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, cloud)
    clouds.require_open(cloud)
    if stop:
        _require_can_stop(cloud)
    rows = _assignments(cloud, of).require_existing()
    if refusal := revoke_refusals(cloud, by).get(of):
        raise refusal
    revoke_assignments(rows)
    memberships.settle_cloud(cloud.id, stop=stop)
    _record(Action.CLOUD_ACCESS_REVOKE, cloud, of, by=by, **({"stop": True} if stop else {}))
    _notify_revoked(cloud, of, by=by)


def revoke_refusals(cloud: Cloud, actor: Actor) -> dict[str, Refused]:
    """Why the actor can't revoke the roles of holders, by their IDs: the role of the last owner who
    can act; by a partner's staff, the last role of the customer's people."""
    rows = open_grants(cloud)
    people = _customers_people(cloud, rows, by=actor)
    owners = {_holder_id(row) for row in rows if row.role is OWNER and _can_act(row)}
    last = (people, Code.CUSTOMERS_LAST_ROLE), (owners, Code.LAST_CLOUD_OWNER)
    return {next(iter(ids)): Refused(code) for ids, code in last if len(ids) == 1}


def revoke_partner(cloud: Cloud, *, by: Actor, of: str, stop: bool = False) -> None:
    """An owner revokes the roles of a partner account and of its staff, at once; `stop` as in
    `revoke`.

    Raises Forbidden; Refused("cloud-closed", "cloud-cant-stop", "no-role", "last-cloud-owner").
    """
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.CLOUD_MANAGE_ACCESS, cloud)
    clouds.require_open(cloud)
    if stop:
        _require_can_stop(cloud)
    staff = access.staff_ids(of)
    rows = [row for row in open_grants(cloud) if row.partner_id == of or row.user_id in staff]
    if not rows:
        raise Refused(Code.NO_ROLE)
    _require_another_owner(cloud, rows)
    revoke_assignments(rows)
    memberships.settle_cloud(cloud.id, stop=stop)
    _record(
        Action.CLOUD_ACCESS_REVOKE_PARTNER, cloud, of, by=by, **({"stop": True} if stop else {})
    )
    _notify_revoked(cloud, of, by=by, staff={row.user_id for row in rows if row.user_id})


def _require_can_stop(cloud: Cloud) -> None:
    if not clouds.pending_tasks(cloud).connection.can_stop:
        raise Refused(Code.CLOUD_CANT_STOP)


def _partner(account_id: str) -> BillingAccount:
    """The refusal is the same for an unknown account and for one without partner status."""
    partner = db.session.get(BillingAccount, account_id)
    if partner is None or partner.kind is not AccountKind.PARTNER:
        raise Refused(Code.NO_PARTNER, field="email")
    return partner


def _assignments(cloud: Cloud, holder_id: str) -> Assignments:
    column = "partner_id" if holder_id.startswith("dn2") else "user_id"
    return Assignments(CloudAccess, {column: holder_id, "cloud_id": cloud.id})


def _require_another_owner(cloud: Cloud, leaving: Iterable[CloudAccess]) -> None:
    """A cloud always has an owner in effect who can act (I8). Raises Refused("last-cloud-owner")
    if no such owner is left without the rows in `leaving`."""
    if is_last_owner(cloud, leaving):
        raise Refused(Code.LAST_CLOUD_OWNER)


def is_last_owner(cloud: Cloud, leaving: Iterable[CloudAccess]) -> bool:
    """Whether the rows in `leaving` hold the only owners in effect who can act."""
    leaving_ids = {row.id for row in leaving}
    owner_ids = {row.id for row in open_grants(cloud) if row.role is OWNER and _can_act(row)}
    return bool(leaving_ids & owner_ids) and owner_ids <= leaving_ids


def _can_act(row: CloudAccess) -> bool:
    """The role is in effect, and its holder is an enabled user or a partner account. A partner
    account always has an owner."""
    if row.holds_from > db.now():
        return False
    if row.partner_id is not None:
        return db.session.get_one(BillingAccount, row.partner_id).kind is AccountKind.PARTNER
    return db.session.get_one(User, row.user_id).disabled_at is None


def _require_customers_role(cloud: Cloud, leaving: list[CloudAccess], *, by: Actor) -> None:
    """A partner's staff never take the last role of the customer's people on its default cloud.
    Raises Refused("customers-last-role")."""
    people = _customers_people(cloud, open_grants(cloud), by=by)
    if people == {row.user_id for row in leaving} and people:
        raise Refused(Code.CUSTOMERS_LAST_ROLE)


def _customers_people(cloud: Cloud, rows: list[CloudAccess], *, by: Actor) -> set[str]:
    """The IDs of the customer's people among the holders of a default cloud, if the actor is on the
    partner's staff; else nobody."""
    query = select(Customer.partner_id).where(
        Customer.default_cloud_id == cloud.id, Customer.status != Status.INACTIVE
    )
    partner_id = db.session.scalar(query)
    staff = access.staff_ids(partner_id) if partner_id else set()
    if by.id not in staff:
        return set()
    return {row.user_id for row in rows if row.user_id and row.user_id not in staff}


def _holder_id(row: CloudAccess) -> str:
    return row.user_id or row.partner_id or ""


def _record(action: Action, cloud: Cloud, holder_id: str, *, by: Actor, **facts: Any) -> None:
    chain = clouds.audit_chain_of(cloud)
    audit.record(action, by=by, chain=chain, thing=cloud.id, holder=holder_id, **facts)


def _notify_granted(cloud: Cloud, holder_id: str, role: CloudRole, *, by: Actor) -> None:
    """Notify the people who hold the role now, and the other owners."""
    target, facts = _target(cloud), {"about": cloud.id, "thing": cloud.name}
    name, people, holder_facts = _holder(holder_id)
    owners = access.cloud_owners(cloud.id) - people
    notifications.notify(
        Kind.ACCESS_GIVEN, to=people, target=target, by=by, role=role, **holder_facts, **facts
    )
    facts["person"] = name
    if role is OWNER:
        notifications.notify(Kind.OWNER_ADDED, to=owners, target=target, by=by, **facts)
    else:
        notifications.notify(Kind.ACCESS_GIVEN, to=owners, target=target, by=by, role=role, **facts)


def _notify_revoked(
    cloud: Cloud, holder_id: str, *, by: Actor, staff: Set[str] = frozenset()
) -> None:
    """Notify the people who held the role, `staff` among them, and the remaining owners."""
    name, people, holder_facts = _holder(holder_id)
    people |= staff
    owners = access.cloud_owners(cloud.id) - people
    facts = {"about": cloud.id, "thing": cloud.name}
    notifications.notify(
        Kind.ACCESS_TAKEN, to=people, target=CONSOLE, by=by, **holder_facts, **facts
    )
    facts["person"] = name
    notifications.notify(Kind.ACCESS_TAKEN, to=owners, target=_target(cloud), by=by, **facts)


def _target(cloud: Cloud) -> Target:
    return Target(TargetKind.CLOUD, cloud.id)


def _holder(holder_id: str) -> tuple[str, set[str], dict[str, str]]:
    """The holder's name, the IDs of the users to notify, and the facts that name the holder to
    them. For a partner account these users are its staff; a user needs no such fact."""
    partner = db.session.get(BillingAccount, holder_id)
    if partner is not None:
        staff = access.users_with_role(partner.id, access.STAFF_ROLES)
        return partner.name, staff, {"person": partner.name}
    return db.session.get_one(User, holder_id).name, {holder_id}, {}
