"""Verbs of customers, invitations, notes, imports and partnerships."""

from __future__ import annotations

from dataclasses import replace

from portal import db
from portal.domain import customers, imports, mail_deliveries
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.customers import Customer, CustomerNote
from portal.domain.imports import Import, Line
from portal.domain.invitations import Invitation
from tests.support.mail_deliveries import settle_invitation
from tests.support.verbs.verb import Verb, north
from tests.support.world import OLGA, World, actor, draft, signed_in


def _add_customer(world: World, by: Actor) -> None:
    customers.add(db.session.get_one(BillingAccount, world.north), by=by, draft=draft())


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


VERBS = (
    Verb("customer.add", lambda world: world.north, _add_customer),
    Verb("customer.add", north, _upload, ("import.upload",)),
    Verb("customer.add", north, _begin_import, ("import.begin",)),
    Verb(
        "customer.add",
        north,
        _end_import,
        ("import.begin", "import.end"),
        prepare=_prepare_importing,
    ),
    Verb("customer.add", north, _remove_import, ("import.remove",)),
    Verb("customer.edit", north, _edit_customer),
    Verb("customer.edit", north, _correct_address, ("customer.add", "customer.correct_address")),
    Verb("customer.remove", north, _remove),
    Verb(
        "customer.resume",
        north,
        _resume,
        ("customer.suspend", "customer.resume"),
        prepare=_prepare_suspended,
    ),
    Verb("customer.suspend", north, _suspend),
    Verb("invitation.accept", lambda world: world.carls_subaccount, _accept),
    Verb("invitation.decline", lambda world: world.carls_subaccount, _decline),
    Verb("invitation.send_again", north, _send_again, prepare=_prepare_refused),
    Verb("note.add", north, _add_note),
    Verb("note.delete", north, _delete_note),
    Verb("partnership.end", north, _end_partnership),
    Verb("partnership.give_notice", north, _give_notice),
    Verb(
        "partnership.withdraw_notice",
        north,
        _withdraw_notice,
        ("partnership.give_notice", "partnership.withdraw_notice"),
        prepare=_prepare_notice,
    ),
)
