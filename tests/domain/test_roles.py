"""Verb × role = the table: each verb is tried with each role, and with none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import pytest

from portal import db
from portal.domain import access, clouds, customers
from portal.domain.access import (
    ACCOUNT_TABLE,
    CLOUD_TABLE,
    INVITED_TABLE,
    AccountRole,
    CloudRole,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import COMMAND, Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import Forbidden
from portal.domain.invitations import Invitation
from tests.support.verbs import VERBS
from tests.support.verbs.verb import Verb
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    EDDIE,
    NAMES,
    OLGA,
    VERA,
    World,
    actor,
    all_rows,
    draft,
    register,
    user,
)

R = TypeVar("R", bound=StrEnum)
DOMAIN = Path(access.__file__).parent.parent
HOLDER = "holder@role.example"

LETTERS = dict(zip("oAeav", AccountRole, strict=True))
AS_WRITTEN = {
    "account.see": "oAeav",
    "account.see_money": "oAa",
    "price.set_rate": "oA",
    "price.publish": "oA",
    "price.withdraw": "oA",
    "statement.release": "oA",
    "budget.set": "oA",
    "budget.set_for_customer": "oAe",
    "budget.choose_steps": "o",
    "cloud.create": "oAe",
    "cloud.link": "oAe",
    "customer.add": "oAe",
    "customer.edit": "oAe",
    "customer.suspend": "oAe",
    "customer.resume": "oAe",
    "customer.remove": "o",
    "invitation.send_again": "oAe",
    "partnership.end": "o",
    "partnership.give_notice": "o",
    "partnership.withdraw_notice": "o",
    "note.add": "oAe",
    "note.delete": "o",
    "partner.edit_profile": "o",
    "access.manage": "oA",
    "access.manage_owners": "o",
    "account.switch_to_paid": "o",
}
"""The roles on accounts as the design has them: owner, Admin, editor, accountant, viewer."""

ASKS_NOBODY = {
    "accounts.register",
    "connections.reseal_next",
    "workflows.erase_customer",
    "workflows.key_audit_log",
}
"""Verbs of the operator's commands and of sign-up: no role on anything leads to them."""

ASKS_OPERATORS = {
    "claims.refuse",
    "claims.verify",
    "clouds.limit",
    "clouds.record_done",
    "clouds.record_fault",
    "connections.add",
    "connections.change",
    "connections.close",
    "connections.limit_new_clouds",
    "connections.make_default",
    "connections.queue_test",
    "customers.record_arrived",
    "customers.record_not_arrived",
    "drift.adopt",
    "drift.assign",
    "drift.check_again",
    "drift.queue_reconcile",
    "drift.restore",
    "ledger.counter",
    "ledger.give_lot",
    "ledger.record_credit",
    "ledger.record_payment",
    "memberships.map_person",
    "metering.queue_fetch",
    "metering.set_rates",
    "people.allow",
    "people.appoint_operator",
    "people.block",
    "people.end_sessions",
    "people.unblock",
    *("statements.close", "statements.finalise", "statements.stop"),
    "usage.add_source",
    "usage.assign",
    "usage.begin",
    "usage.begin_upload",
    "usage.discard",
    "usage.publish",
    "usage.queue",
    "usage.record_invoice",
    "usage.remove",
    "usage.unassign",
    "work.cancel",
    "work.run_again",
    "workflows.disable_user",
    "workflows.enable_user",
    "accounts.grant_partner_status",
    "workflows.revoke_partner_status",
}
"""Verbs of the operator's pages: no role on anything leads to them, only being an operator."""

ASKS_BY_REASON = {"links.link": {"cloud.link", "cloud.relink"}}
"""Who may not link reads why not; the reasons ask the tables (test_link_choices)."""

PARTS = {
    "access.assign_account_role",
    "access.assign_cloud_role",
    "audit.record",
    "accounts.open_paid",
    "clouds.adopt",
    "clouds.create_with_folder",
    "customers.end",
    "customers.erase",
    "customers.notify_customer",
    "customers.notify_partner",
    "customers.withdraw",
    "identity.end_all_sessions",
    "identity.end_sessions",
    "identity.allow_email",
    "identity.enable",
    "identity.look_up",
    "identity.make_operator",
    "imports.cancel",
    "ledger.add_lot",
    "ledger.begin",
    "ledger.give_initial_grant",
    "ledger.settle_from",
    "ledger.switch_to_paid",
    "links.move",
    "charges.post_relink",
    "charges.begin_repricing",
    "usage.prepare_assignment",
    "usage.prepare_publishing",
    "usage.prepare_removal",
    *("usage.publish_or_queue", "usage.remove_or_queue"),
    *("notifications.notify", "notifications.queue"),
    *("ledger.expire_lots", "ledger.round_off", "statements.tell_of_statement"),
    "workflows.end_partnership_on_its_day",
}
"""What verbs are made of; who calls them has asked."""

ONES_OWN = {
    "claims.check_again",
    "claims.withdraw",
    "feedback.submit",
    "memberships.show",
    "memberships.withdraw",
    "notifications.mark_read",
    "notifications.set_preferences",
}
"""They reach what is the actor's own, and nothing else."""


class Undone(Exception):
    """Ends a trial, so that nothing of it stays."""


@pytest.fixture
def holder(app: object) -> Actor:
    """A user without any role."""
    db.write(lambda: register(HOLDER, "Holder"))
    return actor(HOLDER)


def tried(verb: Verb, world: World, holder: Actor, hire: Callable[[Actor], None]) -> bool:
    """Whether the holder, after `hire`, may do what the verb's sample does. Nothing of it stays."""
    allowed = True

    def unit() -> None:
        nonlocal allowed
        hire(holder)
        try:
            verb.call(world, holder)
        except Forbidden:
            allowed = False
        raise Undone

    with pytest.raises(Undone):
        db.write(unit)
    return allowed


def on_account(ident: str, role: AccountRole) -> Callable[[Actor], None]:
    def hire(holder: Actor) -> None:
        thing = db.lock(BillingAccount, ident)
        access.assign_account_role(role, to=holder.id, account=thing, by=COMMAND)

    return hire


def on_cloud(ident: str, role: CloudRole) -> Callable[[Actor], None]:
    def hire(holder: Actor) -> None:
        access.assign_cloud_role(role, cloud_id=ident, user_id=holder.id, by=COMMAND)

    return hire


def nothing(_holder: Actor) -> None:
    """No role at all."""


def asked(kind: str, roles: Iterable[R], allowed: Collection[R]) -> list[R]:
    """On SQLite every role; on PostgreSQL, for which the table is the same Python, the weakest that
    is allowed and the strongest that is not. `roles` are in order, strongest first."""
    if kind == "sqlite":
        return list(roles)
    refused = [role for role in roles if role not in allowed]
    return [role for role in roles if role in allowed][-1:] + refused[:1]


def those(table: dict[str, object] | frozenset[str]) -> list[Verb]:
    return [verb for verb in VERBS if verb.action in table]


def test_the_table_is_the_one_of_the_design() -> None:
    letters = {action: {LETTERS[x] for x in roles} for action, roles in AS_WRITTEN.items()}
    assert letters == ACCOUNT_TABLE
    editors = {CloudRole.OWNER, CloudRole.ADMIN, CloudRole.EDITOR}
    assert {
        **dict.fromkeys(("cloud.rename", "folder.create", "folder.rename"), editors),
        "cloud.get_access": editors | {CloudRole.VIEWER},
        **{f"cloud.{key}": {CloudRole.OWNER} for key in ("close", "manage_access", "relink")},
    } == CLOUD_TABLE
    assert sorted(INVITED_TABLE) == ["invitation.accept", "invitation.decline"]


def test_every_action_has_a_verb_here_and_every_verb_an_action() -> None:
    assert {verb.action for verb in VERBS} == {*ACCOUNT_TABLE, *CLOUD_TABLE, *INVITED_TABLE}


@pytest.mark.parametrize("verb", those(ACCOUNT_TABLE), ids=lambda verb: verb.name)
def test_a_role_on_the_account_allows_what_the_table_says(
    holder: Actor, world: World, kind: str, verb: Verb
) -> None:
    ident, table = verb.object_id(world), ACCOUNT_TABLE[verb.action]
    roles = asked(kind, AccountRole, table)
    allowed = {role for role in roles if tried(verb, world, holder, on_account(ident, role))}
    assert allowed == table & set(roles)
    assert not tried(verb, world, holder, nothing)
    elsewhere = asked(kind, AccountRole, ())
    assert not any(tried(verb, world, holder, on_account(world.direct, role)) for role in elsewhere)


@pytest.mark.parametrize("verb", those(CLOUD_TABLE), ids=lambda verb: verb.name)
def test_a_role_on_the_cloud_allows_what_the_table_says(
    holder: Actor, world: World, kind: str, verb: Verb
) -> None:
    ident, table = verb.object_id(world), CLOUD_TABLE[verb.action]
    roles = asked(kind, CloudRole, table)
    allowed = {role for role in roles if tried(verb, world, holder, on_cloud(ident, role))}
    assert allowed == table & set(roles)
    assert not tried(verb, world, holder, nothing)
    elsewhere = asked(kind, CloudRole, ())
    assert not any(
        tried(verb, world, holder, on_cloud(world.ninas_cloud, role)) for role in elsewhere
    )


@pytest.mark.parametrize("verb", those(CLOUD_TABLE), ids=lambda verb: verb.name)
def test_no_role_on_the_paying_account_is_a_role_on_the_cloud(
    holder: Actor, world: World, kind: str, verb: Verb
) -> None:
    roles = asked(kind, AccountRole, ())
    assert not any(tried(verb, world, holder, on_account(world.direct, role)) for role in roles)


@pytest.mark.parametrize("verb", those(INVITED_TABLE), ids=lambda verb: verb.action)
def test_no_role_answers_an_invitation(holder: Actor, world: World, verb: Verb) -> None:
    for ident in (world.north, verb.object_id(world)):
        assert not any(tried(verb, world, holder, on_account(ident, role)) for role in AccountRole)
    assert not any(
        tried(verb, world, holder, on_cloud(world.carls_cloud, role)) for role in CloudRole
    )


@pytest.mark.parametrize("verb", those(INVITED_TABLE), ids=lambda verb: verb.action)
def test_the_invited_person_answers_without_any_role(app: object, world: World, verb: Verb) -> None:
    asked = db.session.get_one(Invitation, world.carls_subaccount)
    allowed = {email for email in NAMES if access.may(actor(email), verb.action, asked)}
    assert allowed == {CARL}
    db.write(lambda: verb.call(world, actor(CARL)))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_who_may_not_changes_nothing(holder: Actor, world: World, verb: Verb) -> None:
    before = all_rows()
    with pytest.raises(Forbidden):
        db.write(lambda: verb.call(world, holder))
    assert all_rows() == before


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_an_operator_as_such_has_no_role_on_anything(
    holder: Actor, world: World, verb: Verb
) -> None:
    def hire(holder: Actor) -> None:
        user(HOLDER).is_operator = True

    assert not tried(verb, world, holder, hire)


def test_roles_on_a_partners_account_hold_on_its_subaccounts(holder: Actor, world: World) -> None:
    def create(_world: World, by: Actor) -> None:
        clouds.create(db.lock(BillingAccount, world.ninas_subaccount), by=by, name="sample")

    def see(_world: World, by: Actor) -> None:
        if db.find(BillingAccount, world.ninas_subaccount, by) is None:
            raise Forbidden("account.see")

    for action, call in (("cloud.create", create), ("account.see", see)):
        verb = Verb(action, lambda world: world.north, call)
        allowed = {r for r in AccountRole if tried(verb, world, holder, on_account(world.north, r))}
        assert allowed == ACCOUNT_TABLE[action]
        assert not any(tried(verb, world, holder, on_account(world.south, r)) for r in AccountRole)


def test_a_role_on_a_subaccount_never_reaches_the_partners_customers(
    holder: Actor, world: World
) -> None:
    def see_own_record(_world: World, by: Actor) -> None:
        if db.find(Customer, world.ninas_customer, by) is None:
            raise Forbidden("account.see")

    def add(_world: World, by: Actor) -> None:
        customers.add(db.lock(BillingAccount, world.north), by=by, draft=draft())

    for call in (see_own_record, add):
        verb = Verb("customer.add", lambda world: world.ninas_subaccount, call)
        for role in AccountRole:
            assert not tried(verb, world, holder, on_account(world.ninas_subaccount, role))


def test_the_partner_accounts_role_on_a_cloud_holds_for_staff_with_editor_or_higher(
    app: object, world: World
) -> None:
    default = db.session.get_one(Cloud, world.carls_cloud)
    staff = (OLGA, AMIR, EDDIE, ACE, VERA)
    allowed = {email for email in staff if access.may(actor(email), "folder.create", default)}
    assert allowed == {OLGA, AMIR, EDDIE}


def test_the_pages_and_the_verbs_ask_the_same_table(app: object, world: World) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    for action, roles in ACCOUNT_TABLE.items():
        staff = {OLGA: "o", AMIR: "A", EDDIE: "e", ACE: "a", VERA: "v"}
        allowed = {email for email in staff if access.may(actor(email), action, partner)}
        assert allowed == {email for email, letter in staff.items() if LETTERS[letter] in roles}


def verbs_in_code() -> dict[str, set[str]]:
    """Every public function of the domain that is told who acts (`by`), and the actions it asks."""
    found = {}
    for path in DOMAIN.rglob("*.py"):
        module = path.parent.name if path.parent != DOMAIN else path.stem
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and is_told_who_acts(node):
                found[f"{module}.{node.name}"] = asked_in(node)
    return found | ASKS_BY_REASON


def is_told_who_acts(function: ast.FunctionDef) -> bool:
    arguments = {argument.arg for argument in function.args.kwonlyargs}
    return "by" in arguments and not function.name.startswith("_")


def asked_in(function: ast.FunctionDef) -> set[str]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    asked = [
        call
        for call in calls
        if "require" in (getattr(call.func, name, "") for name in ("attr", "id"))
    ]
    return {Action[getattr(call.args[1], "attr", "")] for call in asked}


def test_every_verb_asks_the_table_before_it_acts() -> None:
    silent = {name for name, actions in verbs_in_code().items() if not actions}
    assert silent == ASKS_NOBODY | ASKS_OPERATORS | PARTS | ONES_OWN


def test_every_verb_in_the_code_is_tried_here() -> None:
    asked = set().union(*verbs_in_code().values())
    assert asked == {verb.action for verb in VERBS}
