"""Verbs of clouds and folders."""

from __future__ import annotations

from portal import db
from portal.domain import access, claims, cloud_access, clouds, memberships, values
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.clouds import Cloud, Folder
from portal.domain.connections import Connection
from portal.domain.errors import Forbidden, Refused
from tests.support.memberships import pretend_connection, put_on
from tests.support.verbs.verb import Verb, north
from tests.support.world import SAM, World, link_cloud, signed_in, user


def _create_cloud(world: World, by: Actor) -> None:
    clouds.create(db.session.get_one(BillingAccount, world.north), by=by, name="sample")


def _register_claim(world: World, by: Actor) -> None:
    row = db.session.get_one(Connection, pretend_connection())
    account = db.session.get_one(BillingAccount, world.north)
    claims.register(account, connection=row, external_id="prj-1", name="sample", by=by)


def _own_cloud(world: World, by: Actor) -> None:
    access.assign_cloud_role(CloudRole.OWNER, cloud_id=world.doras_cloud, user_id=by.id, by=COMMAND)


def _link_cloud(world: World, by: Actor) -> None:
    """Link as an owner of the cloud: the role on the account decides."""
    _link(world.doras_cloud, world.north, by)


def _administer_account(world: World, by: Actor) -> None:
    payer = db.session.get_one(BillingAccount, world.trial)
    access.assign_account_role(AccountRole.ADMIN, to=by.id, account=payer, by=COMMAND)


def _relink_cloud(world: World, by: Actor) -> None:
    """Link as an administrator of the account: the role on the cloud decides."""
    _link(world.doras_cloud, world.trial, by)


def _link(cloud_id: str, account_id: str, by: Actor) -> None:
    try:
        link_cloud(cloud_id, account_id, by)
    except Refused as refused:
        if refused.code in ("account-role-missing", "role-insufficient"):
            raise Forbidden("cloud.link") from refused
        raise


def _rename_cloud(world: World, by: Actor) -> None:
    clouds.rename(db.session.get_one(Cloud, world.doras_cloud), by=by, name="renamed")


def _close_cloud(world: World, by: Actor) -> None:
    cloud = db.session.get_one(Cloud, world.doras_cloud)
    clouds.close(cloud, name=cloud.name, by=signed_in(by))


def _prepare_closing(world: World, _by: Actor) -> None:
    _close_cloud(world, COMMAND)


def _restore_cloud(world: World, by: Actor) -> None:
    clouds.restore(db.session.get_one(Cloud, world.doras_cloud), by=by)


def _put_on_connection(world: World, _by: Actor) -> None:
    put_on(pretend_connection(), world.doras_cloud)


def _get_access(world: World, by: Actor) -> None:
    cloud = db.session.get_one(Cloud, world.doras_cloud)
    memberships.get_access(cloud, by=signed_in(by), name="sample", days=30)


def _grant_cloud(world: World, by: Actor) -> None:
    cloud = db.session.get_one(Cloud, world.doras_cloud)
    cloud_access.grant(cloud, by=by, role=CloudRole.VIEWER, to=values.email(SAM))


def _share_with_sam(world: World, _by: Actor) -> None:
    holder = {"cloud_id": world.doras_cloud, "user_id": user(SAM).id}
    access.assign_cloud_role(CloudRole.VIEWER, **holder, by=COMMAND)


def _change_cloud(world: World, by: Actor) -> None:
    cloud = db.session.get_one(Cloud, world.doras_cloud)
    cloud_access.change(cloud, by=by, role=CloudRole.MEMBER, of=user(SAM).id)


def _revoke_cloud(world: World, by: Actor) -> None:
    cloud_access.revoke(db.session.get_one(Cloud, world.doras_cloud), by=by, of=user(SAM).id)


def _share_with_north(world: World, _by: Actor) -> None:
    holder = {"cloud_id": world.doras_cloud, "partner_id": world.north}
    access.assign_cloud_role(CloudRole.EDITOR, **holder, by=COMMAND)


def _revoke_partner(world: World, by: Actor) -> None:
    cloud_access.revoke_partner(db.session.get_one(Cloud, world.doras_cloud), by=by, of=world.north)


def _create_folder(world: World, by: Actor) -> None:
    clouds.create_folder(db.session.get_one(Cloud, world.doras_cloud), by=by, name="sample")


def _rename_folder(world: World, by: Actor) -> None:
    clouds.rename_folder(db.session.get_one(Folder, world.doras_folder), by=by, name="renamed")


def _doras_cloud(world: World) -> str:
    return world.doras_cloud


VERBS = (
    Verb("cloud.create", north, _create_cloud),
    Verb("cloud.create", north, _register_claim, ("claim.register",)),
    Verb("cloud.get_access", _doras_cloud, _get_access, prepare=_put_on_connection),
    Verb("cloud.link", north, _link_cloud, ("cloud.link", "cloud.leave"), prepare=_own_cloud),
    Verb("cloud.manage_access", _doras_cloud, _grant_cloud, ("cloud_access.grant",)),
    Verb(
        "cloud.manage_access",
        _doras_cloud,
        _change_cloud,
        ("cloud_access.change",),
        prepare=_share_with_sam,
    ),
    Verb(
        "cloud.manage_access",
        _doras_cloud,
        _revoke_cloud,
        ("cloud_access.revoke",),
        prepare=_share_with_sam,
    ),
    Verb(
        "cloud.manage_access",
        _doras_cloud,
        _revoke_partner,
        ("cloud_access.revoke_partner",),
        prepare=_share_with_north,
    ),
    Verb(
        "cloud.relink",
        _doras_cloud,
        _relink_cloud,
        ("cloud.link", "cloud.leave"),
        prepare=_administer_account,
    ),
    Verb("cloud.close", _doras_cloud, _close_cloud),
    Verb(
        "cloud.close",
        _doras_cloud,
        _restore_cloud,
        ("cloud.close", "cloud.restore"),
        prepare=_prepare_closing,
    ),
    Verb("cloud.rename", _doras_cloud, _rename_cloud),
    Verb("folder.create", _doras_cloud, _create_folder),
    Verb("folder.rename", _doras_cloud, _rename_folder),
)
