"""Migration 0013, up and down: no mail is lost, none is sent again, open imports go on."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import select, text

from portal import db
from portal.domain import imports, mail_deliveries
from portal.domain.accounts import BillingAccount
from portal.domain.imports import Import, Line
from portal.domain.jobs import Job
from portal.domain.jobs import State as JobState
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from tests.support.jobs import run_import_steps, run_imports
from tests.support.mails import deliver_mails
from tests.support.relay import clear_mails
from tests.support.world import OLGA, Clock, World, actor

pytestmark = pytest.mark.both_databases

OLD_STATES = (
    *("pending", "claimed", "transmitting"),
    *("sent", "refused", "failed", "unknown", "cancelled"),
)
OLD_MAIL = """INSERT INTO outbox (id, kind, about, recipient, language, facts, message_id, is_once,
    state, tries, claim, created_at, due_at, leased_until, finished_at, answer)
  VALUES (:id, 'invitation', :id, :recipient, 'en', :facts, :message_id, :is_once, :state, :tries,
    :claim, :at, :at, :leased_until, :finished_at, :answer)"""
OPEN = ("pending", "claimed", "transmitting")


def add_old_mails(clock: Clock) -> dict[str, tuple[str, bool]]:
    """At version 0012 add a mail in every state, once-only and repeatable: state and is_once by
    ID."""
    mails = {f"out{state}{once}": (state, once) for state in OLD_STATES for once in (True, False)}

    def unit() -> None:
        for ident, (state, once) in mails.items():
            is_claimed = state in ("claimed", "transmitting")
            lease = clock.now + timedelta(minutes=5) if is_claimed else None
            facts = {"partner": "North", "email": f"{ident}@x.example", "subaccount": "x"}
            row = {"id": ident, "recipient": f"{ident}@x.example", "message_id": f"m-{ident}"}
            row |= {"state": state, "is_once": once, "facts": json.dumps(facts | {"cloud": None})}
            row |= {"tries": int(state != "pending"), "claim": "c" if is_claimed else None}
            row |= {"at": stored_instant(clock.now), "leased_until": stored_instant(lease)}
            row |= {"finished_at": None if state in OPEN else row["at"]}
            db.session.execute(text(OLD_MAIL), {**row, "answer": f"words of {ident}"})

    db.write(unit)
    return mails


def stored_instant(instant: Any) -> str | None:
    return instant and instant.strftime("%Y-%m-%d %H:%M:%S.%f")


def recipients() -> list[str]:
    """The recipients of all mails that were handed over, with repetitions."""
    return sorted(str(mail["To"]) for mail in deliver_mails() if "@x.example" in str(mail["To"]))


def stored(*columns: Any) -> dict[str, Any]:
    """These columns of the mails, by ID."""
    query = select(MailDelivery.id, *columns).where(MailDelivery.recipient.like("%@x.example"))
    return db.read(lambda: {row[0]: tuple(row[1:]) for row in db.session.execute(query)})


def states() -> dict[str, str]:
    return {ident: str(state) for ident, (state,) in stored(MailDelivery.state).items()}


def old_states() -> dict[str, str]:
    sql = text("SELECT id, state FROM outbox WHERE recipient LIKE '%@x.example'")
    return db.read(lambda: {row.id: row.state for row in db.session.execute(sql)})


@pytest.mark.deploy  # an upgrade
def test_old_mails_are_sent_exactly_if_they_have_not_left(app: Flask, clock: Clock) -> None:
    clear_mails()
    flask_migrate.downgrade(revision="0012")
    mails = add_old_mails(clock)
    flask_migrate.upgrade()

    expected = {ident: state.replace("claimed", "pending") for ident, (state, _) in mails.items()}
    assert states() == expected
    frozen = {ident: (f"m-{ident}", f"words of {ident}") for ident in mails}
    assert stored(MailDelivery.message_id, MailDelivery.answer) == frozen
    is_unsent = {ident for ident, (state, _) in mails.items() if state in ("pending", "claimed")}
    assert recipients() == sorted(f"{ident}@x.example" for ident in is_unsent)

    clock.forward(minutes=6)  # the leases of the old version's workers end
    is_unsent.add("outtransmittingFalse")
    assert recipients() == sorted(f"{ident}@x.example" for ident in is_unsent)
    expected |= dict.fromkeys(is_unsent, "sent") | {"outtransmittingTrue": "unknown"}
    assert states() == expected

    flask_migrate.downgrade(revision="0012")
    assert old_states() == expected
    flask_migrate.upgrade()
    clock.forward(days=2)
    assert len(recipients()) == len(is_unsent)
    assert states() == expected


@pytest.mark.deploy  # an upgrade
def test_mails_of_the_new_version_are_kept_by_the_older_one(app: Flask, clock: Clock) -> None:
    clear_mails()
    added = {state: _add(state) for state in DeliveryState}
    flask_migrate.downgrade(revision="0012")
    expected = {ident: str(state) for state, ident in added.items()}
    settled = (DeliveryState.ARRIVED, DeliveryState.NOT_ARRIVED)
    expected |= {added[state]: "unknown" for state in settled}
    assert old_states() == expected


def _add(state: DeliveryState) -> str:
    """Add a once-only mail in this state; its ID."""

    def unit() -> str:
        delivery = mail_deliveries.add(
            "invitation", about=state, to=f"{state}@x.example", language="en", facts={}, once=True
        )
        delivery.state = state
        return delivery.id

    return db.write(unit)


@pytest.mark.deploy  # an upgrade
@pytest.mark.parametrize("is_begun", [True, False])
def test_an_open_import_goes_on_after_both_directions(
    app: Flask, world: World, clock: Clock, is_begun: bool
) -> None:
    olga, cells = actor(OLGA), {"name": "Firm", "country": "DE", "invitation_email": "f@x.example"}

    def upload() -> str:
        north = db.lock(BillingAccount, world.north)
        return imports.upload(north, by=olga, lines=[Line(2, cells)]).id

    import_id = db.write(upload)
    if is_begun:
        run_import_steps(import_id)
        db.write(lambda: imports.begin(db.lock(Import, import_id), by=olga))
    flask_migrate.downgrade(revision="0012")
    due = text("SELECT due_at <= :now FROM imports WHERE id = :id")
    row = {"id": import_id, "now": stored_instant(clock.now)}
    assert db.read(lambda: db.session.scalar(due, row))
    flask_migrate.upgrade()
    run_imports()
    state = db.read(lambda: db.session.get_one(Import, import_id).state)
    assert state is (imports.State.OVER if is_begun else imports.State.CHECKED)
    jobs = db.read(lambda: set(db.session.scalars(select(Job.state))))
    assert JobState.RUNNING not in jobs
