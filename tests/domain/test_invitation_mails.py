"""Mails of invitations: the answer or an operator settles unknown ones; lost ones go again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal import db
from portal.domain import (
    audit,
    customers,
    identity,
    invitations,
    mail_deliveries,
    notifications,
    workflows,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, WORKER, Actor
from portal.domain.audit import AuditLine
from portal.domain.customers import Customer, NotArrivedReason
from portal.domain.errors import ReauthenticationRequired, Refused
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.notifications import Kind
from portal.worker import mails
from tests.support.mail_deliveries import mark_invitation, settle_invitation
from tests.support.relay import clear_mails, run_worker, use_relay
from tests.support.smtp import SmtpServer
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    OLGA,
    SAM,
    Clock,
    World,
    actor,
    all_rows,
    signed_in,
    user,
)

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
"""What is the same Python on every database."""
REASON = NotArrivedReason.RELAY_LOG


def give_up(delivery_id: str, token: str, *reply: str) -> bool:
    """Record a fault, four hours after the first try."""
    mail_deliveries.get(delivery_id).first_tried_at = db.now() - mail_deliveries.GIVE_UP_AFTER
    return mail_deliveries.record_not_handed_over(delivery_id, token, *reply)


LOST = {
    "failed": give_up,
    "refused": mail_deliveries.record_refused,
    "not_arrived": mail_deliveries.record_no_reply,
}


def settle(world: World, verb: Callable[..., bool]) -> str:
    """Let Carl's mail come to this; the ID of its delivery."""
    return db.write(lambda: settle_invitation(world.carls_subaccount, verb).id)


def lose(world: World, how: str = "refused") -> str:
    """Let Carl's mail certainly not arrive; the ID of its delivery."""
    delivery_id = settle(world, LOST[how])
    if how == "not_arrived":
        state_not_arrived(delivery_id)
    return delivery_id


def state_not_arrived(delivery_id: str, by: Actor = COMMAND) -> None:
    db.write(
        lambda: customers.record_not_arrived(mail_deliveries.get(delivery_id), by=by, reason=REASON)
    )


def state_arrived(delivery_id: str, by: Actor = COMMAND) -> None:
    db.write(lambda: customers.record_arrived(mail_deliveries.get(delivery_id), by=by))


def send_again(world: World, by: str = EDDIE) -> None:
    who = actor(by)
    db.write(lambda: customers.send_again(db.lock(Customer, world.carls_customer), by=who))


def answer(world: World, verb: Callable[..., Any]) -> None:
    carl = actor(CARL)
    db.write(lambda: verb(db.lock(Invitation, world.carls_subaccount), by=carl))


def states(world: World) -> list[str]:
    """The states of the deliveries of Carl's invitation, oldest first."""
    deliveries = db.read(lambda: invitations.deliveries_of(world.carls_subaccount))
    return [str(delivery.state) for delivery in deliveries]


def notices(email: str) -> list[tuple[Kind, dict[str, str]]]:
    rows = notifications.notifications_for(actor(email))
    return [(row.kind, row.facts) for row in rows]


def operator() -> Actor:
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    return signed_in(DORA)


def last_line(action: str) -> AuditLine:
    query = db.session.query(AuditLine).filter_by(action=action)
    return query.order_by(AuditLine.seq.desc()).first()  # type: ignore[return-value]


# Arrived, by the answer


@pytest.mark.parametrize("verb", [customers.accept, customers.decline])
def test_the_account_s_answer_proves_that_an_unknown_mail_arrived(
    app: Flask, world: World, verb: Callable[..., Any]
) -> None:
    settle(world, mail_deliveries.record_no_reply)
    answer(world, verb)
    assert states(world) == ["arrived"]


def test_a_withdrawal_proves_nothing(app: Flask, world: World) -> None:
    settle(world, mail_deliveries.record_no_reply)
    olga = actor(OLGA)
    db.write(lambda: customers.remove(db.lock(Customer, world.carls_customer), by=olga))
    assert states(world) == ["unknown"]


@pytest.mark.parametrize("verb", [customers.accept, customers.decline])
def test_a_mail_that_becomes_unknown_after_the_answer_arrived(
    app: Flask, world: World, verb: Callable[..., Any]
) -> None:
    delivery = db.write(lambda: mark_invitation(world.carls_subaccount))
    token = delivery.token or ""
    answer(world, verb)
    before = notices(OLGA)
    result = mails.Result(mail_deliveries.record_no_reply, "timed out")
    outcome = db.write(lambda: mails.record_outcome(delivery.id, token, result))
    assert (outcome or {})["state"] == "arrived"
    assert states(world) == ["arrived"]
    assert notices(OLGA) == before


def test_a_mail_whose_worker_died_arrived_if_it_is_answered(
    app: Flask, world: World, clock: Clock
) -> None:
    db.write(lambda: mark_invitation(world.carls_subaccount))
    answer(world, customers.accept)
    clock.forward(hours=1)
    db.write(lambda: mails.claim("mail", mail_deliveries.LEASE))
    assert states(world) == ["arrived"]


def test_a_mail_that_a_restore_parks_arrived_if_it_is_answered(app: Flask, world: World) -> None:
    db.write(lambda: mark_invitation(world.carls_subaccount))
    answer(world, customers.accept)
    db.write(workflows.finish_restore, while_restoring=True)
    assert states(world) == ["arrived"]


# After a restore


def test_what_could_be_sent_again_is_parked_once_by_a_restore(
    app: Flask, world: World, clock: Clock
) -> None:
    """It may have been sent again after the backup, so that nobody sends it a second time."""
    lose(world)
    for _ in range(2):
        db.write(workflows.finish_restore, while_restoring=True)
        assert states(world) == ["refused", "unknown"]
    clock.forward(hours=1)
    assert refusal(world).code == "mail-may-arrive"
    state_not_arrived(invitations.deliveries_of(world.carls_subaccount)[1].id)
    send_again(world)
    assert states(world) == ["refused", "not_arrived", "pending"]


def test_a_restore_parks_nothing_that_could_not_be_sent_again(
    app: Flask, world: World, clock: Clock
) -> None:
    lose(world)
    for _ in range(2):
        clock.forward(hours=1)
        send_again(world)
        lose(world)
    db.write(workflows.finish_restore, while_restoring=True)
    assert states(world) == ["refused"] * 3


# It arrived, it did not arrive: an operator's word


def test_an_operator_s_word_settles_an_unknown_mail_with_an_audit_line(
    app: Flask, world: World
) -> None:
    delivery_id, dora = settle(world, mail_deliveries.record_no_reply), operator()
    state_arrived(delivery_id, dora)
    assert states(world) == ["arrived"]
    line = last_line("delivery.arrived")
    assert (line.chain, line.actor) == (world.north, dora.id)
    assert (line.customer_id, line.facts) == (world.carls_customer, {"delivery": delivery_id})


def test_the_partner_is_notified_that_a_mail_did_not_arrive(app: Flask, world: World) -> None:
    delivery_id, dora = settle(world, mail_deliveries.record_no_reply), operator()
    state_not_arrived(delivery_id, dora)
    assert states(world) == ["not_arrived"]
    assert last_line("delivery.not_arrived").facts == {"delivery": delivery_id, "reason": REASON}
    assert notices(EDDIE)[0] == (
        Kind.NOT_DELIVERED,
        {"customer": "Carl & Sons", "reason": REASON},
    )
    assert audit.find_broken_links() == []


def test_only_an_operator_settles_an_unknown_mail(app: Flask, world: World) -> None:
    delivery_id = settle(world, mail_deliveries.record_no_reply)
    stale = operator()
    db.write(lambda: setattr(user(DORA), "is_operator", False))
    before = all_rows()
    for verb in (state_arrived, state_not_arrived):
        for who in (actor(OLGA), actor(SAM), actor(CARL), stale):
            with pytest.raises(Refused, match="role-missing"):
                verb(delivery_id, who)
    assert all_rows() == before
    state_arrived(delivery_id, WORKER)


@ON_SQLITE
def test_an_operator_who_signed_in_long_ago_is_asked_for_the_password(
    app: Flask, world: World, clock: Clock
) -> None:
    delivery_id, dora = settle(world, mail_deliveries.record_no_reply), operator()
    clock.forward(minutes=11)
    for verb in (state_arrived, state_not_arrived):
        with pytest.raises(ReauthenticationRequired):
            verb(delivery_id, dora)
    assert states(world) == ["unknown"]


@pytest.mark.parametrize("settled", [state_arrived, state_not_arrived])
def test_an_operator_s_word_counts_for_an_unknown_mail_alone_and_once(
    app: Flask, world: World, settled: Callable[..., None]
) -> None:
    (delivery,) = invitations.deliveries_of(world.carls_subaccount)

    def refuse_words() -> None:
        before = all_rows()
        for verb in (state_arrived, state_not_arrived):
            with pytest.raises(Refused, match="delivery-not-unknown"):
                verb(delivery.id)
        assert all_rows() == before

    refuse_words()
    settle(world, mail_deliveries.record_no_reply)
    settled(delivery.id)
    refuse_words()


def test_a_word_on_an_older_delivery_does_not_settle_the_newest(app: Flask, world: World) -> None:
    first_id = lose(world, "not_arrived")
    send_again(world)
    settle(world, mail_deliveries.record_no_reply)
    with pytest.raises(Refused, match="delivery-not-unknown"):
        state_arrived(first_id)
    assert states(world) == ["not_arrived", "unknown"]


# Send again


@pytest.mark.parametrize("how", LOST)
def test_a_lost_mail_is_sent_again_as_a_new_delivery_with_the_present_facts(
    app: Flask, world: World, how: str
) -> None:
    def speak_russian() -> None:
        invitations.deliveries_of(world.carls_subaccount)[0].language = "ru"

    db.write(speak_russian)
    first_id = lose(world, how)
    db.write(lambda: setattr(db.lock(BillingAccount, world.north), "name", "North Star"))
    send_again(world)
    first, second = invitations.deliveries_of(world.carls_subaccount)
    assert (first.id, first.state) == (first_id, how)
    assert (second.state, second.is_once, second.language) == ("pending", True, "ru")
    assert (second.recipient, second.facts["partner"]) == (CARL, "North Star")
    assert second.message_id != first.message_id
    line = last_line("invitation.send_again")
    assert (line.actor, line.thing, line.facts) == (
        user(EDDIE).id,
        world.carls_subaccount,
        {"delivery": second.id},
    )


def test_a_mail_that_is_sent_again_is_handed_over_once(app: Flask, world: World) -> None:
    lose(world)
    clear_mails()
    with SmtpServer() as server:
        use_relay(app, server.port)
        send_again(world)
        run_worker()
        assert [message.rcpt_tos for message in server.messages] == [(CARL,)]
    assert states(world) == ["refused", "sent"]


def refusal(world: World, by: str = EDDIE) -> Refused:
    """How *Send again* is refused; nothing may be written."""
    before = all_rows()
    with pytest.raises(Refused) as caught:
        send_again(world, by)
    assert all_rows() == before
    return caught.value


@ON_SQLITE
def test_a_mail_that_may_arrive_is_never_sent_again_whatever_its_place(
    app: Flask, world: World
) -> None:
    customer = db.session.get_one(Customer, world.carls_customer)
    created_at = customer.created_at
    refused = MailDelivery(state=DeliveryState.REFUSED, created_at=created_at)
    for state in DeliveryState:
        other = MailDelivery(state=state, created_at=created_at)
        for deliveries in ([other], [refused, other], [other, refused]):
            found = customers.resend_refusal(customer, deliveries)
            is_lost = state in mail_deliveries.NOT_DELIVERED
            assert (found and found.code) == (None if is_lost else "mail-may-arrive")


def test_a_mail_that_is_queued_or_arrived_is_refused_without_a_trace(
    app: Flask, world: World
) -> None:
    assert refusal(world).code == "mail-may-arrive"
    settle(world, mail_deliveries.record_sent)
    assert refusal(world).code == "mail-may-arrive"


def test_a_mail_is_sent_three_times_in_all_once_an_hour(
    app: Flask, world: World, clock: Clock
) -> None:
    lose(world)
    send_again(world)
    lose(world)
    early = refusal(world)
    second = invitations.deliveries_of(world.carls_subaccount)[1]
    assert (early.code, early.facts["at"]) == (
        "resend-early",
        second.created_at + customers.RESEND_WAIT,
    )
    clock.forward(minutes=59)
    assert refusal(world).code == "resend-early"
    clock.forward(minutes=1)
    send_again(world)
    lose(world)
    clock.forward(days=3)
    assert (refusal(world).code, states(world)) == ("deliveries-many", ["refused"] * 3)


@pytest.mark.parametrize("verb", [customers.accept, customers.decline])
def test_an_answer_leaves_a_lost_mail_as_it_is_and_ends_sending(
    app: Flask, world: World, verb: Callable[..., Any]
) -> None:
    lose(world)
    answer(world, verb)
    assert states(world) == ["refused"]
    assert refusal(world).code == "customer-answered"


def test_a_removed_customer_is_not_invited_again_by_mail(app: Flask, world: World) -> None:
    lose(world)
    olga = actor(OLGA)
    db.write(lambda: customers.remove(db.lock(Customer, world.carls_customer), by=olga))
    assert refusal(world).code == "customer-answered"


@ON_SQLITE
@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "1"}])
def test_sending_again_is_no_new_invitation(app: Flask, world: World) -> None:
    lose(world)
    north = db.session.get_one(BillingAccount, world.north)
    assert customers.quota_refusal(north) is not None
    send_again(world)
    assert states(world) == ["refused", "pending"]
