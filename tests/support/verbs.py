"""Every verb of the role tables, with a sample call on the cast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from portal import db
from portal.domain import (
    access,
    accounts,
    claims,
    cloud_access,
    clouds,
    customers,
    first_steps,
    imports,
    ledger,
    mail_deliveries,
    memberships,
    team,
    values,
)
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.clouds import Cloud, Folder
from portal.domain.connections import Connection
from portal.domain.customers import Customer, CustomerNote, SavedView
from portal.domain.errors import Forbidden, Refused
from portal.domain.imports import Import, Line
from portal.domain.invitations import Invitation
from tests.support.mail_deliveries import settle_invitation
from tests.support.memberships import pretend_connection, put_on
from tests.support.world import (
    DORA,
    EDDIE,
    OLGA,
    SAM,
    World,
    actor,
    draft,
    link_cloud,
    signed_in,
    user,
)


@dataclass(frozen=True)
class Verb:
    """A verb's action and a sample call."""

    action: str
    object_id: Callable[[World], str]
    """The ID of the account, cloud or invited subaccount whose roles decide on the permission."""
    run: Callable[[World, Actor], object]
    audit_actions: tuple[str, ...] = ()
    """The actions of the audit lines that the sample writes, if not one line with `action`."""
    prepare: Callable[[World, Actor], object] = lambda _world, _by: None
    """Create what the sample needs."""

    @property
    def name(self) -> str:
        return self.run.__name__

    def call(self, world: World, by: Actor) -> object:
        """Prepare the sample, then run it."""
        self.prepare(world, by)
        return self.run(world, by)


def _see_account(world: World, by: Actor) -> None:
    if db.find(BillingAccount, world.north, by) is None:
        raise Forbidden("account.see")


def _see_money(world: World, by: Actor) -> None:
    ledger.money_for(db.session.get_one(BillingAccount, world.north), by=by)


def _see_customer(world: World, by: Actor) -> None:
    if db.find(Customer, world.carls_customer, by) is None:
        raise Forbidden("account.see")


def _add_customer(world: World, by: Actor) -> None:
    customers.add(db.session.get_one(BillingAccount, world.north), by=by, draft=draft())


def _switch_to_paid(world: World, by: Actor) -> None:
    accounts.switch_to_paid(db.session.get_one(BillingAccount, world.trial), by=signed_in(by))


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


def _accept(world: World, by: Actor) -> None:
    customers.accept(db.session.get_one(Invitation, world.carls_subaccount), by=by)


def _decline(world: World, by: Actor) -> None:
    customers.decline(db.session.get_one(Invitation, world.carls_subaccount), by=by)


def _edit_customer(world: World, by: Actor) -> None:
    customer = db.session.get_one(Customer, world.ninas_customer)
    draft = replace(customers.draft_of(customer), description="sample")
    customers.edit(customer, by=by, draft=draft, version=customer.version)


def _correct_address(world: World, by: Actor) -> None:
    customer = db.session.get_one(Customer, world.carls_customer)
    customers.correct_address(customer, by=by, email="right@customer.example")


def _suspend(world: World, by: Actor) -> None:
    customers.suspend(db.session.get_one(Customer, world.ninas_customer), by=by)


def _prepare_suspended(world: World, _by: Actor) -> None:
    _suspend(world, COMMAND)


def _resume(world: World, by: Actor) -> None:
    customers.resume(db.session.get_one(Customer, world.ninas_customer), by=by)


def _remove(world: World, by: Actor) -> None:
    customers.remove(db.session.get_one(Customer, world.carls_customer), by=by)


def _prepare_refused(world: World, _by: Actor) -> None:
    settle_invitation(world.carls_subaccount, mail_deliveries.record_refused)


def _send_again(world: World, by: Actor) -> None:
    customers.send_again(db.session.get_one(Customer, world.carls_customer), by=by)


def _end_partnership(world: World, by: Actor) -> None:
    customer = db.session.get_one(Customer, world.ninas_customer)
    customers.end_partnership(customer, by=signed_in(by))


def _give_notice(world: World, by: Actor) -> None:
    customer = db.session.get_one(Customer, world.ninas_customer)
    customers.give_notice(customer, ends_on=customers.earliest_ending(), by=signed_in(by))


def _prepare_notice(world: World, _by: Actor) -> None:
    _give_notice(world, actor(OLGA))


def _withdraw_notice(world: World, by: Actor) -> None:
    customers.withdraw_notice(db.session.get_one(Customer, world.ninas_customer), by=by)


def _add_note(world: World, by: Actor) -> None:
    customers.add_note(db.session.get_one(Customer, world.carls_customer), by=by, text="sample")


def _delete_note(world: World, by: Actor) -> None:
    customers.delete_note(db.session.get_one(CustomerNote, world.ninas_note), by=by)


def _add_staff(world: World, by: Actor) -> None:
    partner, address = db.session.get_one(BillingAccount, world.north), values.email(DORA)
    team.add(partner, by=by, address=address, role=AccountRole.VIEWER)


def _grant(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    access.grant(AccountRole.VIEWER, to=user(DORA), account=partner, by=by)


def _grant_owner(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    access.grant(AccountRole.OWNER, to=user(DORA), account=partner, by=signed_in(by))


def _change_role(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    team.change(AccountRole.VIEWER, of=user(EDDIE), partner=partner, by=by)


def _revoke(world: World, by: Actor) -> None:
    team.remove(of=user(EDDIE), partner=db.session.get_one(BillingAccount, world.north), by=by)


def _save_view(world: World, by: Actor) -> None:
    north = db.session.get_one(BillingAccount, world.north)
    customers.save_view(north, by=by, name="sample", query="status=Active")


def _sample_view(by: Actor) -> SavedView:
    return db.session.query(SavedView).filter_by(user_id=by.id, name="sample").one()


def _rename_view(_world: World, by: Actor) -> None:
    customers.rename_view(_sample_view(by), by=by, name="renamed")


def _move_view(_world: World, by: Actor) -> None:
    customers.move_view(_sample_view(by), by=by, to=0)


def _remove_view(_world: World, by: Actor) -> None:
    customers.remove_view(_sample_view(by), by=by)


def _hide_steps(world: World, by: Actor) -> None:
    first_steps.hide(db.session.get_one(BillingAccount, world.north), by=by)


def _show_steps(world: World, by: Actor) -> None:
    first_steps.show(db.session.get_one(BillingAccount, world.north), by=by)


def _copy_link(world: World, by: Actor) -> None:
    customers.copy_link(db.session.get_one(Customer, world.carls_customer), by=by)


def _upload(world: World, by: Actor) -> None:
    lines = [Line(2, {"name": "Sample", "invitation_email": "s@client.example", "country": "DE"})]
    imports.upload(db.session.get_one(BillingAccount, world.north), by=by, lines=lines)


def _begin_import(world: World, by: Actor) -> None:
    imports.begin(db.session.get_one(Import, world.norths_import), by=by)


def _prepare_importing(world: World, _by: Actor) -> None:
    _begin_import(world, actor(OLGA))


def _end_import(world: World, by: Actor) -> None:
    imports.end(db.session.get_one(Import, world.norths_import), by=by)


def _remove_import(world: World, by: Actor) -> None:
    imports.remove(db.session.get_one(Import, world.norths_import), by=by)


def _north(world: World) -> str:
    return world.north


def _doras_cloud(world: World) -> str:
    return world.doras_cloud


VERBS = (
    Verb("account.see", lambda world: world.north, _see_account),
    Verb("account.see", lambda world: world.north, _see_customer),
    Verb("account.see_money", lambda world: world.north, _see_money),
    Verb("account.see", _north, _save_view),
    Verb("account.see", _north, _rename_view, prepare=_save_view),
    Verb("account.see", _north, _move_view, prepare=_save_view),
    Verb("account.see", _north, _remove_view, prepare=_save_view),
    Verb("account.see", _north, _hide_steps),
    Verb("account.see", _north, _show_steps, prepare=_hide_steps),
    Verb("account.see", _north, _copy_link, ("invitation.copy_link",)),
    Verb("account.switch_to_paid", lambda world: world.trial, _switch_to_paid),
    Verb("access.manage", _north, _add_staff, ("access.grant",)),
    Verb("access.manage", _north, _grant, ("access.grant",)),
    Verb("access.manage", _north, _change_role, ("access.change",)),
    Verb("access.manage", _north, _revoke, ("access.revoke",)),
    Verb("access.manage_owners", _north, _grant_owner, ("access.grant",)),
    Verb("cloud.create", _north, _create_cloud),
    Verb("cloud.create", _north, _register_claim, ("claim.register",)),
    Verb("cloud.get_access", _doras_cloud, _get_access, prepare=_put_on_connection),
    Verb("cloud.link", _north, _link_cloud, ("cloud.link", "cloud.leave"), prepare=_own_cloud),
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
    Verb("customer.add", lambda world: world.north, _add_customer),
    Verb("customer.add", _north, _upload, ("import.upload",)),
    Verb("customer.add", _north, _begin_import, ("import.begin",)),
    Verb(
        "customer.add",
        _north,
        _end_import,
        ("import.begin", "import.end"),
        prepare=_prepare_importing,
    ),
    Verb("customer.add", _north, _remove_import, ("import.remove",)),
    Verb("customer.edit", _north, _edit_customer),
    Verb("customer.edit", _north, _correct_address, ("customer.add", "customer.correct_address")),
    Verb("customer.remove", _north, _remove),
    Verb(
        "customer.resume",
        _north,
        _resume,
        ("customer.suspend", "customer.resume"),
        prepare=_prepare_suspended,
    ),
    Verb("customer.suspend", _north, _suspend),
    Verb("folder.create", _doras_cloud, _create_folder),
    Verb("folder.rename", _doras_cloud, _rename_folder),
    Verb("invitation.accept", lambda world: world.carls_subaccount, _accept),
    Verb("invitation.decline", lambda world: world.carls_subaccount, _decline),
    Verb("invitation.send_again", _north, _send_again, prepare=_prepare_refused),
    Verb("note.add", _north, _add_note),
    Verb("note.delete", _north, _delete_note),
    Verb("partnership.end", _north, _end_partnership),
    Verb("partnership.give_notice", _north, _give_notice),
    Verb(
        "partnership.withdraw_notice",
        _north,
        _withdraw_notice,
        ("partnership.give_notice", "partnership.withdraw_notice"),
        prepare=_prepare_notice,
    ),
)
"""Every verb of the role tables; tests/domain/test_roles.py checks that none is missing."""
