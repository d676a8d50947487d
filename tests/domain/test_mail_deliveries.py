"""Mail deliveries: claimed by one, marked once, unknown without a reply, never sent twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import jobs, mail_deliveries
from portal.domain.mail_deliveries import DeliveryState
from tests.support.jobs import job_of
from tests.support.mail_deliveries import (
    claim,
    claim_entry,
    mark_transmitting,
    queue,
    record_outcome,
    state,
    state_and_answer,
)
from tests.support.relay import clear_mails
from tests.support.world import Clock

FINAL = [state for state in DeliveryState if state not in mail_deliveries.OPEN_STATES]


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def has_work() -> bool:
    return db.read(lambda: jobs.has_work(*mail_deliveries.KINDS))


def bring_to(wanted: DeliveryState) -> tuple[str, str]:
    """An entry in this state, and the token its worker had."""
    held = queue(), "never claimed"
    if wanted is DeliveryState.PENDING:
        return held
    held = claim_entry()
    if wanted in (DeliveryState.TRANSMITTING, DeliveryState.UNKNOWN, DeliveryState.SENT):
        assert mark_transmitting(held)
    verbs = {
        DeliveryState.SENT: mail_deliveries.record_sent,
        DeliveryState.REFUSED: mail_deliveries.record_refused,
        DeliveryState.UNKNOWN: mail_deliveries.record_no_reply,
    }
    if wanted in (DeliveryState.ARRIVED, DeliveryState.NOT_ARRIVED):
        assert mark_transmitting(held)
        assert record_outcome(mail_deliveries.record_no_reply, held, "its answer")
        if wanted is DeliveryState.ARRIVED:
            db.write(lambda: mail_deliveries.record_answered("invitation", about="dn2first"))
        else:
            assert db.write(lambda: mail_deliveries.record_not_arrived(held[0], code="relay-log"))
    if wanted in verbs:
        assert record_outcome(verbs[wanted], held, "its answer")
    if wanted is DeliveryState.CANCELLED:
        db.write(lambda: mail_deliveries.cancel("invitation", about="dn2first"))
    if wanted is DeliveryState.FAILED:
        entry = db.read(lambda: mail_deliveries.get(held[0]))
        clock = db.time.clock
        assert isinstance(clock, Clock)
        clock.now = entry.created_at + mail_deliveries.GIVE_UP_AFTER
        assert record_outcome(mail_deliveries.record_not_handed_over, held, "its answer")
    assert state(held[0]) is wanted
    return held


def test_an_entry_disappears_with_the_change_that_caused_it(app: Flask) -> None:
    def unit() -> None:
        mail_deliveries.add(
            "invitation", about="dn2first", to="c@x.example", language="en", facts={}
        )
        raise LookupError

    with pytest.raises(LookupError):
        db.write(unit)
    assert not has_work()
    assert db.read(lambda: mail_deliveries.latest("invitation", about="dn2first")) is None


def test_nothing_is_queued_twice_that_is_sent_once(app: Flask) -> None:
    queue()
    with pytest.raises(IntegrityError):
        queue()
    queue("dn2second")
    queue("dn2repeated", once=False)
    queue("dn2repeated", once=False)


def test_the_newest_entry_shows_the_delivery(app: Flask) -> None:
    queue("dn2repeated", once=False)
    newest = queue("dn2repeated", once=False)
    found = db.read(lambda: mail_deliveries.latest("invitation", about="dn2repeated"))
    assert found is not None
    assert found.id == newest


def test_a_claimed_entry_is_nobody_elses_until_its_lease_is_over(app: Flask, clock: Clock) -> None:
    ident = queue()
    first = claim_entry()
    assert first[0] == ident
    assert claim() is None
    clock.forward(seconds=mail_deliveries.LEASE.total_seconds() - 1)
    assert claim() is None
    clock.forward(seconds=2)
    second = claim_entry()
    assert second[0] == ident
    assert second[1] != first[1]
    assert db.read(lambda: mail_deliveries.get(ident).attempts) == 2


def test_what_is_due_longest_goes_first(app: Flask) -> None:
    idents = [queue("dn2first"), queue("dn2second"), queue("dn2third")]
    assert [claim_entry()[0] for _ in idents] == idents


def test_idle_workers_only_read(app: Flask, clock: Clock) -> None:
    assert not has_work()
    queue()
    assert has_work()
    held = claim_entry()
    assert not has_work(), "somebody is at it"
    assert mark_transmitting(held)
    assert not has_work()
    clock.forward(minutes=1, seconds=mail_deliveries.REPLY_WAIT.total_seconds() + 1)
    assert has_work(), "its worker is gone, and it wants parking"


def test_a_late_worker_finds_the_entry_taken_away(app: Flask, clock: Clock) -> None:
    ident = queue()
    late = claim_entry()
    clock.forward(seconds=mail_deliveries.LEASE.total_seconds() + 1)
    prompt = claim_entry()
    assert not mark_transmitting(late)
    assert mark_transmitting(prompt)
    for verb in (
        mail_deliveries.record_sent,
        mail_deliveries.record_refused,
        mail_deliveries.record_no_reply,
        mail_deliveries.record_not_handed_over,
    ):
        assert not record_outcome(verb, late)
        assert state(ident) is DeliveryState.TRANSMITTING
    assert record_outcome(mail_deliveries.record_sent, prompt, "250 taken")
    assert state_and_answer(ident) == (DeliveryState.SENT, "250 taken")


def test_a_worker_whose_lease_is_over_marks_nothing_even_if_nobody_came(
    app: Flask, clock: Clock
) -> None:
    ident = queue()
    held = claim_entry()
    clock.forward(seconds=mail_deliveries.LEASE.total_seconds() + 1)
    assert not mark_transmitting(held)
    assert state(ident) is DeliveryState.CLAIMED


def test_an_entry_is_marked_once(app: Flask) -> None:
    held = bring_to(DeliveryState.CLAIMED)
    assert not mark_transmitting((held[0], "another token"))
    assert mark_transmitting(held)
    assert not mark_transmitting(held)


def test_what_was_not_handed_over_goes_again_less_and_less_often_for_four_hours(
    app: Flask, clock: Clock
) -> None:
    ident = queue()
    began = clock.now
    waits = []
    for _ in range(100):
        held = claim_entry()
        assert record_outcome(mail_deliveries.record_not_handed_over, held, "451 not now")
        if state(ident) is DeliveryState.FAILED:
            break
        assert claim() is None, "not before its time"
        before = clock.now
        entry = db.read(lambda: mail_deliveries.get(ident))
        assert entry.answer == "451 not now"
        clock.now = job_of(f"mail:{ident}").run_at
        waits.append((clock.now - before).total_seconds())
    assert state_and_answer(ident) == (DeliveryState.FAILED, "451 not now")
    assert (
        mail_deliveries.GIVE_UP_AFTER
        <= clock.now - began
        < mail_deliveries.GIVE_UP_AFTER + timedelta(minutes=19)
    )
    least = [15, 60, 180, 300, 600, *[900] * len(waits)]
    most = [wait * (1 + jobs.JITTER) for wait in least]
    assert all(low <= wait <= high for low, wait, high in zip(least, waits, most, strict=False))
    clock.forward(days=30)
    assert claim() is None


def test_a_mail_whose_workers_always_die_is_reported_as_well(app: Flask, clock: Clock) -> None:
    ident = queue()
    began = clock.now
    for _ in range(100):
        if claim() is None:
            break
        clock.forward(seconds=mail_deliveries.LEASE.total_seconds() + 1)
    assert state(ident) is DeliveryState.FAILED
    assert (
        mail_deliveries.GIVE_UP_AFTER
        <= clock.now - began
        < mail_deliveries.GIVE_UP_AFTER + timedelta(minutes=19)
    )


def test_a_mail_is_tried_although_no_worker_was_there_for_days(app: Flask, clock: Clock) -> None:
    ident = queue()
    clock.forward(days=3)
    claim_entry()
    clock.forward(days=3)
    held = claim_entry()
    assert mark_transmitting(held)
    assert record_outcome(mail_deliveries.record_sent, held)
    assert state(ident) is DeliveryState.SENT


def test_refused_keeps_the_relays_words_for_good(app: Flask, clock: Clock) -> None:
    held = bring_to(DeliveryState.CLAIMED)
    assert record_outcome(mail_deliveries.record_refused, held, "550 5.1.1 no such user")
    assert state_and_answer(held[0]) == (DeliveryState.REFUSED, "550 5.1.1 no such user")
    clock.forward(days=30)
    assert claim() is None


@pytest.mark.parametrize(
    ("once", "is_marked", "then"),
    [
        (True, True, DeliveryState.UNKNOWN),
        (False, True, DeliveryState.PENDING),
        (True, False, DeliveryState.PENDING),
        (False, False, DeliveryState.PENDING),
    ],
)
def test_silence_parks_a_mail_that_is_sent_once_if_it_may_have_left(
    app: Flask, clock: Clock, once: bool, is_marked: bool, then: DeliveryState
) -> None:
    ident = queue(once=once)
    held = claim_entry()
    assert not is_marked or mark_transmitting(held)
    assert record_outcome(mail_deliveries.record_no_reply, held, "timed out")
    assert state_and_answer(ident) == (then, "timed out")
    clock.forward(days=1)
    assert (claim() is not None) == (then is DeliveryState.PENDING)


@pytest.mark.parametrize(
    ("once", "then"), [(True, DeliveryState.UNKNOWN), (False, DeliveryState.CLAIMED)]
)
def test_after_a_workers_death_past_the_mark_the_lease_decides(
    app: Flask, clock: Clock, once: bool, then: DeliveryState
) -> None:
    ident = queue(once=once)
    held = claim_entry()
    assert mark_transmitting(held)
    clock.forward(seconds=mail_deliveries.REPLY_WAIT.total_seconds() + 1)
    assert claim() is None, "a reply in the wait's last second is still to be written down"
    assert state(ident) is DeliveryState.TRANSMITTING
    clock.forward(minutes=1)
    assert (claim() is not None) == (then is DeliveryState.CLAIMED)
    assert state(ident) is then
    assert not record_outcome(mail_deliveries.record_sent, held), (
        "its worker was only slow, and comes too late"
    )
    assert state(ident) is then


def test_parking_leaves_alone_what_is_not_abandoned(app: Flask, clock: Clock) -> None:
    abandoned = bring_to(DeliveryState.TRANSMITTING)[0]
    clock.forward(seconds=mail_deliveries.REPLY_WAIT.total_seconds())
    queue("dn2second")
    busy = claim_entry()
    assert mark_transmitting(busy)
    waiting = queue("dn2third")
    clock.forward(minutes=2)
    assert len(db.write(mail_deliveries.settle_lost)) == 1
    assert state(abandoned) is DeliveryState.UNKNOWN
    assert state(busy[0]) is DeliveryState.TRANSMITTING
    assert state(waiting) is DeliveryState.PENDING


@pytest.mark.parametrize("before", [DeliveryState.PENDING, DeliveryState.CLAIMED])
def test_a_mail_that_has_not_left_is_cancelled(
    app: Flask, clock: Clock, before: DeliveryState
) -> None:
    held = bring_to(before)
    other = queue("dn2second")
    db.write(lambda: mail_deliveries.cancel("invitation", about="dn2first"))
    assert state(held[0]) is DeliveryState.CANCELLED
    assert not mark_transmitting(held), "a worker that has it in hand hangs up"
    assert state(other) is DeliveryState.PENDING
    clock.forward(days=1)
    assert claim_entry()[0] == other
    assert claim() is None


def test_a_mail_that_may_have_left_is_not_called_cancelled(app: Flask) -> None:
    held = bring_to(DeliveryState.TRANSMITTING)
    db.write(lambda: mail_deliveries.cancel("invitation", about="dn2first"))
    assert state(held[0]) is DeliveryState.TRANSMITTING
    assert record_outcome(mail_deliveries.record_sent, held, "250 taken")
    assert state_and_answer(held[0]) == (DeliveryState.SENT, "250 taken")


@pytest.mark.parametrize(
    "verb", [mail_deliveries.record_not_handed_over, mail_deliveries.record_no_reply]
)
@pytest.mark.parametrize("once", [True, False])
def test_a_mail_cancelled_while_it_was_on_its_way_does_not_go_again(
    app: Flask, clock: Clock, once: bool, verb: Callable[[str, str, str], bool]
) -> None:
    ident = queue(once=once)
    held = claim_entry()
    assert mark_transmitting(held)
    db.write(lambda: mail_deliveries.cancel("invitation", about="dn2first"))
    assert record_outcome(verb, held, "451 not now")
    may_have_left = once and verb is mail_deliveries.record_no_reply
    assert state(ident) is (DeliveryState.UNKNOWN if may_have_left else DeliveryState.CANCELLED)
    clock.forward(days=1)
    assert claim() is None


def test_a_cancelled_mail_whose_worker_died_does_not_go_again(app: Flask, clock: Clock) -> None:
    ident = queue(once=False)
    assert mark_transmitting(claim_entry())
    db.write(lambda: mail_deliveries.cancel("invitation", about="dn2first"))
    clock.forward(days=1)
    assert claim() is None
    assert state(ident) is DeliveryState.CANCELLED


@pytest.mark.parametrize("final", FINAL)
def test_nothing_leads_out_of_a_final_state(app: Flask, clock: Clock, final: DeliveryState) -> None:
    held = bring_to(final)
    before = state_and_answer(held[0])
    assert not mark_transmitting(held)
    for verb in (
        mail_deliveries.record_sent,
        mail_deliveries.record_refused,
        mail_deliveries.record_not_handed_over,
        mail_deliveries.record_no_reply,
    ):
        assert not record_outcome(verb, held, "other words")
    clock.forward(days=30)
    db.write(lambda: mail_deliveries.cancel("invitation", about="dn2first"))
    db.write(mail_deliveries.settle_lost)
    assert claim() is None
    assert state_and_answer(held[0]) == before
