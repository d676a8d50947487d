"""Upkeep: no finished mail holds an address after 30 days; old rows are deleted in batches."""

from __future__ import annotations

from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import Table, insert, select, update

from portal import db, worker
from portal.domain import customers, invitations, mail_deliveries, notifications
from portal.domain.jobs import Job, Kind, State
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.notifications import Notification
from portal.domain.retention import BATCH
from tests.support.jobs import run_upkeep
from tests.support.relay import clear_mails
from tests.support.world import CARL, OLGA, Clock, World, actor

ENDED = [state for state in DeliveryState if state not in mail_deliveries.OPEN_STATES]
UNDELIVERED = {DeliveryState.UNKNOWN, *mail_deliveries.NOT_DELIVERED}
ADDRESS = "new@client.example"


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


def add_ended(about: str, *, once: bool) -> dict[str, DeliveryState]:
    """Add a mail in each final state, with its job: the states by the mails' IDs."""

    def unit() -> dict[str, DeliveryState]:
        return {_add_ended(about, state, once=once): state for state in ENDED}

    return db.write(unit)


def _add_ended(about: str, state: DeliveryState, *, once: bool) -> str:
    facts = {"email": ADDRESS}
    delivery = mail_deliveries.add(
        f"test-{state}", about=about, to=ADDRESS, language="en", facts=facts, once=once
    )
    delivery.answer, delivery.code = f"550 no {ADDRESS} here", "550"
    delivery.state, delivery.finished_at = state, db.now()
    ended = {"state": State.DONE, "finished_at": db.now(), "answer": delivery.answer}
    db.session.execute(update(Job).where(Job.subject_id == delivery.id).values(ended))
    return delivery.id


def stored() -> dict[str, str]:
    """All columns of all mails and of their jobs, by the mails' IDs."""

    def rows(table: Table) -> dict[str, str]:
        key = table.c.id if table.name == "mail_deliveries" else table.c.subject_id
        return {row[0]: str(row) for row in db.session.execute(select(key, table))}

    def both() -> dict[str, str]:
        of_jobs = rows(Job.__table__)  # type: ignore[arg-type]
        of_mails = rows(MailDelivery.__table__)  # type: ignore[arg-type]
        return {ident: row + of_jobs.get(ident, "") for ident, row in of_mails.items()}

    return db.read(both)


def with_address() -> set[str]:
    return {delivery_id for delivery_id, row in stored().items() if "@" in row}


@pytest.mark.parametrize("once", [True, False])
def test_a_finished_mail_holds_no_address_after_30_days_unless_people_decide_on_it(
    app: Flask, world: World, clock: Clock, once: bool
) -> None:
    answered = add_ended(world.ninas_subaccount, once=once)
    undecided = add_ended(world.carls_subaccount, once=once)
    clock.forward(days=29)
    run_upkeep("purge-mails")
    assert with_address() >= answered.keys() | undecided.keys()
    clock.forward(days=2)
    run_upkeep("purge-mails")
    kept = {ident for ident, state in undecided.items() if once and state in UNDELIVERED}
    assert with_address() == kept
    assert all("550" in stored()[delivery_id] for delivery_id in answered), "the code stays"
    carls = invitations.open_for(actor(CARL))[0]
    db.write(lambda: customers.decline(carls, by=actor(CARL)))
    clear_mails()
    clock.forward(days=29)
    run_upkeep("purge-mails")
    assert with_address() >= kept
    clock.forward(days=2)
    run_upkeep("purge-mails")
    assert with_address() == set()


def test_after_90_days_mails_and_jobs_are_deleted_but_never_those_sent_once(
    app: Flask, world: World, clock: Clock
) -> None:
    once = add_ended(world.ninas_subaccount, once=True)
    repeatable = add_ended(world.ninas_subaccount, once=False)
    clock.forward(days=89)
    run_upkeep("purge-mails")
    assert stored().keys() >= once.keys() | repeatable.keys()
    clock.forward(days=2)
    run_upkeep("purge-mails")
    subjects = db.read(lambda: set(db.session.scalars(select(Job.subject_id))))
    assert stored().keys() >= once.keys()
    assert subjects >= once.keys()
    assert not (stored().keys() | subjects) & repeatable.keys()


def test_after_90_days_other_jobs_are_deleted_in_batches(app: Flask, clock: Clock) -> None:
    job = {"kind": Kind.IMPORTS, "key": "import:x", "subject_kind": "import", "subject_id": "x"}
    job |= {"facts": {}, "created_at": clock(), "run_at": clock(), "finished_at": clock()}
    done = [{**job, "id": f"job{n}", "state": State.DONE} for n in range(2 * BATCH + 1)]
    waiting = {**job, "id": "job_waiting", "state": State.WAITING, "finished_at": None}
    db.write(lambda: db.session.execute(insert(Job), [*done, waiting]))

    def stored() -> list[str]:
        return db.read(
            lambda: list(db.session.scalars(select(Job.id).where(Job.key == "import:x")))
        )

    clock.forward(days=89)
    run_upkeep("purge-jobs")
    counts = [len(stored())]
    assert counts == [len(done) + 1]
    clock.forward(days=2)
    while worker.run_next(Kind.UPKEEP):
        counts.append(len(stored()))
    deleted = [before - after for before, after in pairwise(counts)]
    assert max(deleted) <= BATCH
    assert stored() == ["job_waiting"]


def test_a_notification_is_deleted_a_year_after_it_was_read(
    app: Flask, world: World, clock: Clock
) -> None:
    def stored() -> set[str]:
        return db.read(lambda: set(db.session.scalars(select(Notification.id))))

    notice = world.olgas_notice
    db.write(lambda: notifications.mark_read(by=actor(OLGA), notification_id=notice))
    before = stored()
    clock.forward(days=364)
    run_upkeep("purge-notifications")
    assert stored() == before
    clock.forward(days=2)
    run_upkeep("purge-notifications")
    assert before - stored() == {notice}
