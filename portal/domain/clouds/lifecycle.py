"""Clouds and folders: create and rename."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import access, audit, connections, identity
from portal.domain.accounts import BillingAccount, Mode, Status
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds.listing import payer_of
from portal.domain.clouds.ordering import order_changes
from portal.domain.clouds.pending import Task
from portal.domain.clouds.record import Cloud, Folder, Link
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.values import search_key

DEFAULT_NAME = "default"
MAX_NAME_LENGTH = 63


def create_with_folder(
    payer: BillingAccount, *, by: Actor, name: str = DEFAULT_NAME, folder_name: str = DEFAULT_NAME
) -> tuple[Cloud, Folder]:
    """Create a cloud on the default connection that is linked to `payer`, and its default folder.
    The calling verb checks permissions and records the change."""
    now, connection = db.now(), connections.default()
    is_builtin = connection.kind == connections.Kind.BUILTIN
    cloud = Cloud(
        id=db.new_id("b1g"),
        name=name,
        name_key=search_key(name),
        created_at=now,
        connection_id=connection.id,
        carried_out_at=now if is_builtin else None,
        limits=connection.default_limits,
    )
    folder = _add(cloud, payer, folder_name=folder_name, by=by)
    if not is_builtin:
        order_changes(cloud.id)
    return cloud, folder


def _add(cloud: Cloud, payer: BillingAccount, *, folder_name: str, by: Actor) -> Folder:
    """Add a new cloud with its link and its default folder; returns the folder."""
    db.session.add(cloud)
    db.session.flush()
    now, ids = db.now(), {"cloud_id": cloud.id}
    folder = Folder(id=db.new_id("b1g"), name=folder_name, is_default=True, created_at=now, **ids)
    link = Link(
        id=db.new_id("lnk"),
        account_id=payer.id,
        since_at=now,
        linked_by=by.id,
        is_waivable=payer.mode is Mode.TRIAL,
        **ids,
    )
    db.session.add_all([folder, link])
    db.session.flush()
    return folder


def create(
    payer: BillingAccount, *, by: Actor, name: str, folder_name: str = DEFAULT_NAME
) -> Cloud:
    """Editors of an account that can pay create clouds in it and own them at once. A cloud that a
    partner's staff create for a customer is owned by the partner's account and by the users who
    administer the subaccount.

    Raises Forbidden, and those of `require_payer`.
    """
    payer = db.lock(BillingAccount, payer.id)
    access.require(by, Action.CLOUD_CREATE, payer)
    require_payer(payer)
    cloud, folder = create_with_folder(payer, by=by, name=name, folder_name=folder_name)
    partner = (
        payer.parent_id if payer.parent_id and access.is_staff(by.id, payer.parent_id) else None
    )
    if partner:
        _give_owner(cloud, partner=partner, by=by)
    for user in (
        sorted(access.users_with_role(payer.id, access.ACCOUNT_TABLE[Action.ACCESS_MANAGE]))
        if partner
        else [by.id]
    ):
        _give_owner(cloud, user=user, by=by)
    audit.record(
        Action.CLOUD_CREATE,
        by=by,
        chain=payer.chain,
        thing=cloud.id,
        folder=folder.id,
        payer=payer.id,
    )
    return cloud


def require_payer(payer: BillingAccount) -> None:
    """Raises Refused("partnership-ending", "customer-not-confirmed", "account-not-active",
    "balance-negative", "no-new-clouds") unless the account can pay for another cloud."""
    if payer.ends_on is not None:
        raise Refused(Code.PARTNERSHIP_ENDING, day=payer.ends_on)
    if payer.status not in (Status.ACTIVE, Status.TRIAL_ACTIVE):
        raise Refused(Code.ACCOUNT_NOT_ACTIVE, status=payer.status)
    if payer.parent_id is not None and payer.confirmed_at is None:
        raise Refused(Code.CUSTOMER_NOT_CONFIRMED)
    if payer.is_overdrawn:
        raise Refused(Code.BALANCE_NEGATIVE)
    if (day := payer.no_clouds_until) is not None:
        raise Refused(Code.NO_NEW_CLOUDS, day=day)


def adopt(
    payer: BillingAccount,
    *,
    connection_id: str,
    external_id: str,
    name: str,
    owners: Collection[str],
    by: Actor,
) -> Cloud:
    """Make a cloud of one that exists at a connection, owned by these users; that it is named and
    marked there is ordered. The calling verb checks permissions and locks the account.

    Raises Refused("external-id-taken") and those of `require_payer`.
    """
    require_payer(payer)
    cloud = Cloud(
        id=db.new_id("b1g"),
        name=name,
        name_key=search_key(name),
        created_at=db.now(),
        connection_id=connection_id,
        external_id=external_id,
        carried_out_at=db.now(),
    )
    try:
        with db.savepoint():
            _add(cloud, payer, folder_name=DEFAULT_NAME, by=by)
    except IntegrityError as error:
        raise Refused(Code.EXTERNAL_ID_TAKEN) from error
    for user_id in sorted(owners):
        _give_owner(cloud, user=user_id, by=by)
    order_changes(cloud.id)
    facts = {"payer": payer.id, "external_id": external_id}
    audit.record(Action.CLOUD_ADOPT, by=by, chain=payer.chain, thing=cloud.id, **facts)
    return cloud


def rename(cloud: Cloud, *, by: Actor, name: str) -> None:
    """Editors of a cloud rename it. Raises Forbidden, Refused("cloud-closed")."""
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.CLOUD_RENAME, cloud)
    require_open(cloud)
    if cloud.name == name:
        return
    cloud.name, cloud.name_key = name, search_key(name)
    order_changes(cloud.id, of=[Task.CREATE, Task.RENAME])
    audit.record(Action.CLOUD_RENAME, by=by, chain=audit_chain_of(cloud), thing=cloud.id)


def limit(cloud: Cloud, *, limits: Mapping[str, str], by: Actor) -> None:
    """An operator limits what a cloud may have; what is not named, or empty, has no limit. That is
    ordered at its connection.

    Raises ReauthenticationRequired, Forbidden, Refused("cloud-closed", "limits-not-offered"),
    Invalid.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.CLOUD_LIMIT)
    cloud = db.lock(Cloud, cloud.id)
    require_open(cloud)
    connection = db.session.get_one(Connection, cloud.connection_id)
    asked = connections.parse_limits(connection, limits)
    taken_off = dict.fromkeys(cloud.limits.keys() - asked.keys())
    if {**taken_off, **asked} == cloud.limits:
        return
    cloud.limits = {**taken_off, **asked}
    order_changes(cloud.id, of=[Task.CREATE, Task.LIMIT])
    audit.record(Action.CLOUD_LIMIT, by=by, chain=audit_chain_of(cloud), thing=cloud.id)


def create_folder(cloud: Cloud, *, by: Actor, name: str) -> Folder:
    """Editors of a cloud add folders, if its kind has them.

    Raises Forbidden, Refused("cloud-closed", "cloud-folderless", "folder-name-taken").
    """
    cloud = db.lock(Cloud, cloud.id)
    access.require(by, Action.FOLDER_CREATE, cloud)
    _require_free_name(cloud, name)
    folder = Folder(id=db.new_id("b1g"), cloud_id=cloud.id, name=name, created_at=db.now())
    db.session.add(folder)
    db.session.flush()
    audit.record(
        Action.FOLDER_CREATE, by=by, chain=audit_chain_of(cloud), thing=folder.id, cloud=cloud.id
    )
    return folder


def rename_folder(folder: Folder, *, by: Actor, name: str) -> None:
    """Editors of a cloud rename its folders. Raises as `create_folder`."""
    cloud = db.lock(Cloud, folder.cloud_id)
    folder = db.lock(Folder, folder.id)
    access.require(by, Action.FOLDER_RENAME, cloud)
    if folder.name == name:
        return
    _require_free_name(cloud, name)
    folder.name = name
    audit.record(
        Action.FOLDER_RENAME, by=by, chain=audit_chain_of(cloud), thing=folder.id, cloud=cloud.id
    )


def audit_chain_of(cloud: Cloud) -> str:
    """The audit chain for changes to the cloud: the chain of its current payer."""
    return payer_of(cloud).chain


def _give_owner(
    cloud: Cloud, *, by: Actor, user: str | None = None, partner: str | None = None
) -> None:
    role = access.CloudRole.OWNER
    access.assign_cloud_role(role, cloud_id=cloud.id, user_id=user, partner_id=partner, by=by)


def require_open(cloud: Cloud) -> None:
    """A closed cloud can't be changed. Raises Refused("cloud-closed")."""
    if cloud.closed_at is not None:
        raise Refused(Code.CLOUD_CLOSED)


def _require_free_name(cloud: Cloud, name: str) -> None:
    require_open(cloud)
    if not db.session.get_one(connections.Connection, cloud.connection_id).has_folders:
        raise Refused(Code.CLOUD_FOLDERLESS)
    is_taken = exists().where(Folder.cloud_id == cloud.id, Folder.name == name)
    if db.session.scalar(select(is_taken)):
        raise Refused(Code.FOLDER_NAME_TAKEN, field="name", name=name)
