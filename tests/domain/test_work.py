"""Operators run jobs again and cancel them, where the once-only mail and the upkeep allow it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask

from portal import db, worker
from portal.domain import imports, jobs, mail_deliveries, notifications, work
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.audit import AuditLine
from portal.domain.errors import Code, Forbidden, ReauthenticationRequired, Refused
from portal.domain.imports import Import, Line
from portal.domain.imports import Outcome as RowOutcome
from portal.domain.jobs import Job, Kind, State
from portal.domain.mail_deliveries import DeliveryState
from tests.support.jobs import job_of, run_imports
from tests.support.mail_deliveries import (
    claim_entry,
    mark_transmitting,
    queue,
    record_outcome,
    state_and_answer,
)
from tests.support.mail_deliveries import state as delivery_state
from tests.support.relay import clear_mails, invite
from tests.support.work import appoint_operator, begun_import, bring_to, refused_mail
from tests.support.world import OLGA, Clock, World, actor, all_rows, signed_in

VERBS = [work.run_again, work.cancel]
Verb = Callable[..., None]


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def take(verb: Verb, job: Job) -> Job:
    """Take the step as an operator; the job as it is then."""
    by, job_id = appoint_operator(), job.id
    db.write(lambda: _call(verb, job_id, by))
    return db.read(lambda: db.session.get_one(Job, job_id))


def refusal(verb: Verb, job: Job) -> Code:
    """The code with which the step is refused; it changes nothing."""
    by, job_id = appoint_operator(), job.id
    before = all_rows()
    with pytest.raises(Refused) as error:
        db.write(lambda: _call(verb, job_id, by))
    assert all_rows() == before
    return error.value.code


def _call(verb: Verb, job_id: str, by: Actor) -> None:
    verb(db.session.get_one(Job, job_id), by=by)


def test_a_mail_that_the_relay_refused_runs_again_for_another_four_hours(
    app: Flask, clock: Clock
) -> None:
    job = refused_mail()
    clock.forward(hours=5)
    job = take(work.run_again, job)
    assert (job.state, job.attempts, job.finished_at) == (State.WAITING, 0, None)
    assert delivery_state(job.subject_id) is DeliveryState.PENDING
    record_outcome(mail_deliveries.record_not_handed_over, claim_entry(), "451 later")
    assert delivery_state(job.subject_id) is DeliveryState.PENDING, "its four hours begin again"
    clock.forward(hours=4)
    record_outcome(mail_deliveries.record_not_handed_over, claim_entry(), "451 later")
    assert delivery_state(job.subject_id) is DeliveryState.FAILED
    assert job_of(job.key).state is State.FAILED


def test_what_waits_runs_at_once(app: Flask, clock: Clock) -> None:
    queue()
    held = claim_entry()
    record_outcome(mail_deliveries.record_not_handed_over, held, "451 later")
    job = job_of(mail_deliveries.lane_of(held[0]))
    first_tried_at = job.first_tried_at
    job = take(work.run_again, job)
    assert job.run_at <= db.now()
    assert (job.attempts, job.first_tried_at) == (1, first_tried_at), "its four hours go on"


@pytest.mark.parametrize("code", [None, "relay-log"])
def test_a_mail_that_is_sent_at_most_once_is_over_when_its_delivery_is_unknown(
    app: Flask, code: str | None
) -> None:
    """Also when an operator says that it did not arrive."""
    entry_id = queue()
    held = claim_entry()
    assert mark_transmitting(held)
    record_outcome(mail_deliveries.record_no_reply, held)
    if code is not None:
        db.write(lambda: mail_deliveries.record_not_arrived(entry_id, code=code))
    job = job_of(mail_deliveries.lane_of(entry_id))
    assert {refusal(verb, job) for verb in VERBS} == {Code.MAIL_ONCE}


def test_a_mail_that_is_sent_at_most_once_is_over_when_it_was_refused(app: Flask) -> None:
    job = refused_mail(once=True)
    assert {refusal(verb, job) for verb in VERBS} == {Code.MAIL_ONCE}


def test_a_cancelled_mail_is_never_sent(app: Flask) -> None:
    entry_id = queue(once=False)
    job = take(work.cancel, job_of(mail_deliveries.lane_of(entry_id)))
    assert (job.state, job.token) == (State.CANCELLED, None)
    assert delivery_state(entry_id) is DeliveryState.CANCELLED
    assert not db.read(lambda: jobs.has_work(*mail_deliveries.KINDS))


def test_a_cancelled_invitation_has_failed_and_its_partner_is_notified(
    app: Flask, world: World
) -> None:
    is_shown = {(notifications.Kind.NOT_DELIVERED, notifications.Channel.APP)}
    db.write(lambda: notifications.set_preferences(is_shown, by=actor(OLGA)))
    entry = mail_deliveries.latest("invitation", about=invite(world))
    assert entry is not None
    entry_id = entry.id
    job = take(work.cancel, job_of(mail_deliveries.lane_of(entry_id)))
    assert job.state is State.FAILED
    assert state_and_answer(entry_id) == (
        DeliveryState.FAILED,
        "an operator of this portal cancelled it",
    )
    newest = db.read(lambda: notifications.notifications_for(actor(OLGA))[0])
    assert newest.kind == notifications.Kind.NOT_DELIVERED


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.RUNNING, Code.JOB_RUNNING),
        (State.DONE, Code.JOB_OVER),
        (State.CANCELLED, Code.JOB_OVER),
    ],
)
def test_a_job_that_runs_or_is_over_is_left_alone(
    app: Flask, world: World, state: State, code: Code
) -> None:
    job = bring_to(begun_import(world.norths_import), state)
    assert {refusal(verb, job) for verb in VERBS} == {code}


def test_a_parked_import_runs_again(app: Flask, world: World) -> None:
    job = take(work.run_again, bring_to(begun_import(world.norths_import), State.PARKED))
    assert (job.state, job.attempts, job.first_tried_at) == (State.WAITING, 0, None)
    run_imports()
    assert job_of(job.key).state is State.DONE
    assert db.session.get_one(Import, world.norths_import).state is imports.State.OVER


def test_a_cancelled_import_is_closed_and_says_why(app: Flask, world: World) -> None:
    job = take(work.cancel, bring_to(begun_import(world.norths_import), State.FAILED))
    assert job.state is State.CANCELLED
    import_ = db.session.get_one(Import, world.norths_import)
    assert import_.state is imports.State.OVER
    rows = imports.rows_of(import_)
    assert {row.outcome for row in rows} == {RowOutcome.REFUSED}
    assert rows[0].reasons[0]["code"] == Code.IMPORT_CANCELLED


def test_an_import_that_is_still_checked_is_closed_with_all_its_rows(
    app: Flask, world: World
) -> None:
    def upload() -> str:
        partner = db.session.get_one(BillingAccount, world.north)
        cells = {"name": "Next", "invitation_email": "next@client.example", "country": "DE"}
        return imports.upload(partner, by=actor(OLGA), lines=[Line(2, cells)]).id

    import_id = db.write(upload)
    take(work.cancel, job_of(f"import:{import_id}"))
    import_ = db.session.get_one(Import, import_id)
    assert import_.state is imports.State.OVER
    assert [row.outcome for row in imports.rows_of(import_)] == [RowOutcome.REFUSED]


def test_both_steps_are_recorded_in_the_chain_of_the_installation(app: Flask, world: World) -> None:
    job = begun_import(world.norths_import)
    take(work.run_again, job)
    take(work.cancel, job)
    lines = db.session.query(AuditLine).filter_by(chain="installation").order_by(AuditLine.seq)
    recorded = [(line.action, line.thing, line.facts) for line in lines if "job." in line.action]
    facts = {"kind": "imports", "subject": world.norths_import}
    assert recorded == [("job.run_again", job.id, facts), ("job.cancel", job.id, facts)]
    norths = db.session.query(AuditLine).filter_by(chain=world.north, action="import.end").all()
    assert [line.thing for line in norths] == [world.norths_import]


def queue_purge() -> None:
    subject = ("upkeep", "purge-jobs")
    db.write(lambda: jobs.add_recurring(Kind.UPKEEP, key="upkeep:purge-jobs", subject=subject))


def test_upkeep_runs_at_once_and_is_never_cancelled(app: Flask, clock: Clock) -> None:
    queue_purge()
    assert worker.run_next(Kind.UPKEEP)
    job = job_of("upkeep:purge-jobs")
    assert job.run_at > db.now()
    assert refusal(work.cancel, job) == Code.JOB_UPKEEP
    assert take(work.run_again, job).run_at <= db.now()


def test_upkeep_that_another_job_does_meanwhile_does_not_run_twice(app: Flask) -> None:
    queue_purge()
    job = bring_to(job_of("upkeep:purge-jobs"), State.FAILED)
    queue_purge()
    assert refusal(work.run_again, job) == Code.JOB_OVER


def test_a_mail_whose_address_is_deleted_is_not_sent_again(app: Flask, clock: Clock) -> None:
    job = refused_mail()
    clock.forward(days=31)
    db.write(lambda: mail_deliveries.erase("dn2first"))
    assert refusal(work.run_again, job) == Code.MAIL_EMPTIED
    assert take(work.cancel, job).state is State.CANCELLED


def test_only_an_operator_who_gave_the_password_a_moment_ago_takes_a_step(
    app: Flask, world: World, clock: Clock
) -> None:
    job_id, operator = begun_import(world.norths_import).id, appoint_operator()
    olga = signed_in(OLGA)
    before = all_rows()
    for verb in VERBS:
        with pytest.raises(Forbidden):
            db.write(partial(_call, verb, job_id, olga))
    clock.forward(minutes=11)
    for verb in VERBS:
        with pytest.raises(ReauthenticationRequired):
            db.write(partial(_call, verb, job_id, operator))
    assert all_rows() == before


def test_the_summary_counts_by_kind_and_knows_the_oldest_due(
    app: Flask, world: World, clock: Clock
) -> None:
    operator = appoint_operator()
    refused_mail()
    clock.forward(minutes=1)
    queue("dn2second")
    due_since = db.read(lambda: job_of("mail:" + claimable())).run_at
    clock.forward(minutes=5)
    by_kind = {it.kind: it for it in db.read(lambda: work.summaries_for(operator))}
    assert list(by_kind) == list(Kind)
    assert by_kind["mail"].counts == {"waiting": 1, "running": 0, "failed": 1, "parked": 0}
    assert by_kind["mail"].due_since == due_since
    assert by_kind["imports"].due_since is None
    clock.forward(days=91)
    (mail,) = [it for it in db.read(lambda: work.summaries_for(operator)) if it.kind == "mail"]
    assert mail.counts[State.FAILED] == 0, "failed jobs are listed for 90 days"
    olga = actor(OLGA)
    assert not any(any(it.counts.values()) for it in db.read(lambda: work.summaries_for(olga)))


def claimable() -> str:
    """The ID of the only pending mail."""
    entry = mail_deliveries.latest("invitation", about="dn2second")
    assert entry is not None
    return entry.id


def test_a_list_goes_on_where_the_page_before_it_ended(
    app: Flask, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    operator = appoint_operator()
    ids = [queue(f"dn2{number}", once=False) for number in range(7)]
    db.write(lambda: db.session.query(Job).update({"run_at": db.now()}))  # the ID decides
    monkeypatch.setattr(work.listing, "PAGE", 3)
    found, after = [], ""
    while rows := db.read(
        lambda after=after: work.jobs_for(operator, "mail", State.WAITING, after=after)  # type: ignore[misc]
    ):
        found += [row.job.subject_id for row in rows[:3]]
        after = rows[:3][-1].cursor
    assert found == ids
    assert len(db.read(lambda: work.jobs_for(operator, "mail", State.WAITING, after="x"))) == 4
    assert db.read(lambda: work.jobs_for(actor(OLGA), "mail", State.WAITING)) == []


def test_a_row_names_the_customer_and_the_partner(app: Flask, world: World, clock: Clock) -> None:
    operator = appoint_operator()
    begun_import(world.norths_import)
    (row,) = db.read(lambda: work.jobs_for(operator, "imports", State.WAITING))
    assert (row.delivery, row.customer, row.partner) == (None, None, "North")
    entry = mail_deliveries.latest("invitation", about=world.carls_subaccount)
    assert entry is not None
    mail = work.job_row(operator, job_of(mail_deliveries.lane_of(entry.id)).id)
    assert mail is not None
    assert (mail.delivery, mail.customer, mail.partner) == (entry, "Carl & Sons", "North")
    assert work.job_row(actor(OLGA), row.job.id) is None
