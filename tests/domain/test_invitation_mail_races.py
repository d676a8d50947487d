"""*Send again*, the answer, an operator's word and the worker at once, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import customers, invitations, mail_deliveries
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, NotArrivedReason, Status, answering
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.worker import mails
from tests.domain.test_races import Run, Unit, race, take_out, without_locks
from tests.support.mail_deliveries import mark_invitation, settle_invitation
from tests.support.world import CARL, EDDIE, OLGA, World, actor

__all__ = ["race"]

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

LOCKED = (BillingAccount, Cloud, Customer, Invitation)
"""The models of the rows that `lock_customer` locks."""
OPEN = "mail-may-arrive"


def settle(world: World, verb: Callable[..., bool]) -> str:
    return db.write(lambda: settle_invitation(world.carls_subaccount, verb).id)


def press_send_again(world: World, by: str = EDDIE) -> Unit:
    who = actor(by)
    return lambda: customers.send_again(db.session.get_one(Customer, world.carls_customer), by=who)


def states(world: World) -> list[str]:
    db.session.rollback()
    return [str(row.state) for row in invitations.deliveries_of(world.carls_subaccount)]


# Two of the staff at once


def test_two_who_send_again_at_once_queue_one_mail(world: World, race: Run) -> None:
    settle(world, mail_deliveries.record_refused)
    assert race(press_send_again(world), press_send_again(world, OLGA)) == ["done", OPEN]
    assert states(world) == ["refused", "pending"]


@pytest.mark.parametrize(
    ("index", "outcomes"), [("kept", ["IntegrityError", "done"]), ("dropped", ["done", "done"])]
)
def test_control_without_the_locks_the_index_holds_and_without_both_two_go_out(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, index: str, outcomes: list[str]
) -> None:
    settle(world, mail_deliveries.record_refused)
    without_locks(monkeypatch, *LOCKED)
    if index == "dropped":
        take_out("DROP INDEX uq_mail_deliveries_once")
    assert race(press_send_again(world), press_send_again(world, OLGA)) == outcomes
    assert states(world) == ["refused"] + ["pending"] * outcomes.count("done")


# Beside the end of the invitation


def decline(world: World) -> Unit:
    invitation, carl = db.session.get_one(Invitation, world.carls_subaccount), actor(CARL)
    return lambda: customers.decline(db.session.merge(invitation), by=carl)


def remove(world: World) -> Unit:
    olga = actor(OLGA)
    return lambda: customers.remove(db.session.get_one(Customer, world.carls_customer), by=olga)


def correct(world: World) -> Unit:
    olga, email = actor(OLGA), "right@client.example"

    def unit() -> None:
        customer = db.session.get_one(Customer, world.carls_customer)
        customers.correct_address(customer, by=olga, email=email)

    return unit


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
@pytest.mark.parametrize("end", [decline, remove, correct])
def test_no_mail_is_left_queued_for_an_invitation_that_ended(
    world: World,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[World], Unit],
    is_guarded: bool,
) -> None:
    settle(world, mail_deliveries.record_refused)
    if not is_guarded:
        without_locks(monkeypatch, *LOCKED)
    outcomes = race(press_send_again(world), end(world))
    customer = db.session.get_one(Customer, world.carls_customer)
    assert customer.status is Status.INACTIVE
    if is_guarded:
        assert outcomes in (["customer-answered", "done"], ["done", "done"])
        assert states(world) in (["refused"], ["refused", "cancelled"])
    else:
        assert states(world) == ["refused", "pending"]


def test_an_accepted_customer_has_at_most_one_mail_more(world: World, race: Run) -> None:
    settle(world, mail_deliveries.record_refused)
    carl = actor(CARL)

    def accept() -> object:
        invitation = db.session.get_one(Invitation, world.carls_subaccount)
        return customers.accept(invitation, by=carl)

    outcomes = race(press_send_again(world), accept)
    assert outcomes in (["customer-answered", "done"], ["done", "done"])
    assert states(world) == ["refused"] + ["pending"] * (outcomes.count("done") - 1)


# The answer beside the worker's outcome


def narrow_lock(kind: str, *, about: str) -> None:
    """Settles what it sees as unknown; does not wait for an outcome that is being recorded."""
    query = select(MailDelivery.id).where(
        MailDelivery.kind == kind,
        MailDelivery.about == about,
        MailDelivery.state == DeliveryState.UNKNOWN,
    )
    for delivery_id in db.session.scalars(query):
        mail_deliveries.record_arrived(delivery_id)


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_an_answer_beside_a_lost_reply_always_proves_that_the_mail_arrived(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    delivery = db.write(lambda: mark_invitation(world.carls_subaccount))
    delivery_id, token, carl = delivery.id, delivery.token or "", actor(CARL)
    lost = mails.Result(mail_deliveries.record_no_reply, "timed out")

    def accept() -> object:
        invitation = db.session.get_one(Invitation, world.carls_subaccount)
        return customers.accept(invitation, by=carl)

    if not is_guarded:
        monkeypatch.setattr(answering.mail_deliveries, "record_answered", narrow_lock)
    outcomes = race(accept, lambda: mails.record_outcome(delivery_id, token, lost))
    assert outcomes == ["done", "done"]
    assert states(world) == ["arrived" if is_guarded else "unknown"]


# An operator's word


def word(verb: Callable[..., Any], delivery_id: str, **reason: str) -> Unit:
    return lambda: verb(mail_deliveries.get(delivery_id), by=COMMAND, **reason)


def arrived(delivery_id: str) -> Unit:
    return word(customers.record_arrived, delivery_id)


def not_arrived(delivery_id: str) -> Unit:
    return word(customers.record_not_arrived, delivery_id, reason=NotArrivedReason.RELAY_LOG)


def test_of_two_operators_words_one_counts(world: World, race: Run) -> None:
    delivery_id = settle(world, mail_deliveries.record_no_reply)
    outcomes = race(arrived(delivery_id), not_arrived(delivery_id))
    assert outcomes == ["delivery-not-unknown", "done"]


def test_sending_again_beside_an_operators_word_queues_one_mail_at_most(
    world: World, race: Run
) -> None:
    delivery_id = settle(world, mail_deliveries.record_no_reply)
    outcomes = race(press_send_again(world), not_arrived(delivery_id))
    assert outcomes in (["done", OPEN], ["done", "done"])
    assert states(world) == ["not_arrived"] + ["pending"] * (outcomes.count("done") - 1)


def test_an_operators_word_beside_the_answer_contradicts_it_never(world: World, race: Run) -> None:
    delivery_id = settle(world, mail_deliveries.record_no_reply)
    outcomes = race(decline(world), not_arrived(delivery_id))
    assert outcomes in (["delivery-not-unknown", "done"], ["done", "done"])
    assert states(world) == ["arrived" if "delivery-not-unknown" in outcomes else "not_arrived"]
