"""Block a person: stopped at once, everywhere, and still the owner of what is theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import flask_migrate
import pytest
from flask import Flask

from portal import db
from portal.domain import (
    customers,
    doctor,
    idempotency,
    identity,
    imports,
    notifications,
    people,
    values,
    workflows,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.audit import AuditLine
from portal.domain.customers import Customer
from portal.domain.errors import Forbidden, ReauthenticationRequired, Refused
from portal.domain.identity import BlockReason, User, UserSession
from portal.domain.imports import Import
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.notifications import Notification
from tests.domain.test_races import Run, race, without_locks
from tests.support.work import appoint_operator
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    OLGA,
    PASSWORD,
    PASSWORD_HASH,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
    signed_in,
    user,
)

__all__ = ["race"]

Verb = Callable[..., None]


def block(email: str, by: Actor = COMMAND) -> None:
    db.write(lambda: people.block(user(email), by=by, reason=BlockReason.STOLEN))


def unblock(email: str, by: Actor = COMMAND) -> None:
    db.write(lambda: people.unblock(user(email), by=by))


def end_sessions(email: str, by: Actor = COMMAND) -> None:
    db.write(lambda: people.end_sessions(user(email), by=by))


def live_sessions(email: str) -> int:
    return db.session.query(UserSession).filter_by(user_id=user(email).id, ended_at=None).count()


def count_mails(kind: str) -> int:
    return db.session.query(MailDelivery).filter_by(kind=kind).count()


def reset_key(email: str) -> str:
    """The key of a link that is mailed now."""
    db.write(lambda: identity.request_password_reset(values.email(email)))
    (delivery,) = db.session.query(MailDelivery).filter_by(kind="password-reset")
    return str(delivery.about)


def test_who_is_blocked_is_stopped_at_once(app: Flask, world: World) -> None:
    token = db.write(lambda: identity.open_session(user(OLGA).id, user_agent="Browser"))
    olga, key = signed_in(OLGA), reset_key(OLGA)
    block(OLGA)
    assert db.read(lambda: identity.actor_of_session(token)) is None
    assert live_sessions(OLGA) == 0
    assert identity.check_password(OLGA, PASSWORD) is None
    assert db.read(lambda: identity.user_for_reset(key)) is None
    before = all_rows()
    for code, step in {
        "link-over": lambda: identity.reset_password(olga.id, reset_key=key, password_hash="x"),
        "password-foreign": lambda: identity.open_session(olga.id, user_agent="Browser"),
        "user-disabled": lambda: idempotency.run_once(olga, "k" * 20, {}, lambda: "done"),
        "reauthentication-required": lambda: identity.change_password(olga, password_hash="x"),
    }.items():
        with pytest.raises(Refused, match=f"^{code}$"):
            db.write(step)
    db.write(lambda: identity.request_password_reset(values.email(OLGA)))
    block(OLGA)
    assert all_rows() == before, "again is harmless"


def test_who_is_blocked_does_not_answer_an_invitation_whose_page_is_open(
    app: Flask, world: World
) -> None:
    carl, subaccount = actor(CARL), world.carls_subaccount
    block(CARL)
    for answer in (customers.accept, customers.decline):
        with pytest.raises(Forbidden):
            db.write(partial(answer, db.session.get_one(Invitation, subaccount), by=carl))
    unblock(CARL)
    db.write(lambda: customers.accept(db.lock(Invitation, subaccount), by=carl))


def test_an_import_of_who_is_blocked_stops(app: Flask, world: World) -> None:
    import_ = db.session.get_one(Import, world.norths_import)
    db.write(lambda: imports.begin(import_, by=actor(OLGA)))
    block(OLGA)
    customers_before = db.session.query(Customer).count()
    assert db.write(lambda: imports.run_step(world.norths_import)) is None
    assert db.session.get_one(Import, world.norths_import).state is imports.State.OVER
    assert db.session.query(Customer).count() == customers_before


def test_who_is_blocked_keeps_what_they_own_and_counts_as_owner(app: Flask, world: World) -> None:
    before = all_rows()
    block(OLGA)
    after = all_rows()
    changed = {table for table in before if before[table] != after[table]}
    assert changed == {"users", "mail_deliveries", "jobs", "audit_lines", "audit_heads"}
    assert [result for result in doctor.run() if result.total] == []
    with pytest.raises(Refused, match=r"^owns-alone$"):
        db.write(lambda: workflows.disable_user(user(OLGA), by=COMMAND))
    with pytest.raises(Refused, match=r"^heir-unfit$"):
        db.write(lambda: workflows.disable_user(user(DORA), by=COMMAND, heir=user(OLGA)))


@pytest.mark.both_databases
def test_who_is_blocked_gets_no_notification_but_a_mail_that_says_it(
    app: Flask, world: World
) -> None:
    block(EDDIE)
    assert count_mails("account-blocked") == 1
    seen = db.session.query(Notification).filter_by(user_id=world.eddie).count()
    north = db.session.get_one(BillingAccount, world.north)
    about = {"about": north.id, "target": north.people_target, "thing": "North"}
    kind = notifications.Kind.ACCESS_TAKEN
    db.write(lambda: notifications.notify(kind, to=[world.eddie], by=COMMAND, **about))
    assert db.session.query(Notification).filter_by(user_id=world.eddie).count() == seen


def _disable(email: str) -> None:
    db.write(lambda: workflows.disable_user(user(email), by=COMMAND, heir=user(OLGA)))


@pytest.mark.parametrize("stop", [block, _disable])
def test_who_is_stopped_gets_no_notification_that_waits(
    app: Flask, world: World, stop: Callable[[str], None]
) -> None:
    north = db.session.get_one(BillingAccount, world.north)
    about = {"about": north.id, "target": north.people_target, "thing": "North"}
    kind = notifications.Kind.ACCESS_TAKEN
    for _ in range(3):
        db.write(lambda: notifications.notify(kind, to=[world.eddie], by=COMMAND, **about))
    stop(EDDIE)
    mails = db.session.query(MailDelivery).filter_by(kind=notifications.MAIL, about=world.eddie)
    assert {mail.state for mail in mails} == {DeliveryState.CANCELLED}


def test_who_is_blocked_stays_stopped_in_the_version_before(app: Flask, world: World) -> None:
    block(EDDIE)
    db.session.remove()
    flask_migrate.downgrade(revision="0017")
    flask_migrate.upgrade()
    assert (user(EDDIE).is_active, user(VERA).is_active) == (False, True)


def test_who_is_unblocked_signs_in_again_and_no_session_comes_back(
    app: Flask, world: World
) -> None:
    token = db.write(lambda: identity.open_session(user(OLGA).id, user_agent="Browser"))
    block(OLGA)
    unblock(OLGA)
    assert identity.check_password(OLGA, PASSWORD) is not None
    assert db.read(lambda: identity.actor_of_session(token)) is None
    before = all_rows()
    unblock(OLGA)
    assert all_rows() == before


def test_a_disabled_user_who_is_unblocked_stays_disabled(app: Flask, world: World) -> None:
    db.write(lambda: workflows.disable_user(user(VERA), by=COMMAND, heir=user(OLGA)))
    block(VERA)
    unblock(VERA)
    assert identity.check_password(VERA, PASSWORD) is None


def test_ended_sessions_are_all_of_one_person_who_may_sign_in(app: Flask, world: World) -> None:
    signed_in(OLGA), signed_in(OLGA), signed_in(SAM)
    end_sessions(OLGA)
    assert (live_sessions(OLGA), live_sessions(SAM)) == (0, 1)
    assert identity.check_password(OLGA, PASSWORD) is not None


def test_each_step_has_its_line_without_personal_data(app: Flask, world: World) -> None:
    block(OLGA)
    unblock(OLGA)
    end_sessions(OLGA)
    olga = user(OLGA).id
    lines = db.session.query(AuditLine).filter_by(thing=olga).order_by(AuditLine.seq)
    assert [(line.action, line.facts) for line in lines][-3:] == [
        ("user.block", {"reason": "stolen"}),
        ("user.unblock", {}),
        ("user.end_sessions", {}),
    ]


@pytest.mark.parametrize("verb", [block, unblock, end_sessions])
def test_an_operator_who_has_just_given_the_password_may_and_nobody_else(
    app: Flask, world: World, clock: Clock, verb: Verb
) -> None:
    dora, olga = appoint_operator(), signed_in(OLGA)
    before = all_rows()
    with pytest.raises(Forbidden):
        verb(SAM, by=olga)
    with pytest.raises(ReauthenticationRequired):
        verb(SAM, by=actor(DORA))
    clock.forward(minutes=11)
    with pytest.raises(ReauthenticationRequired):
        verb(SAM, by=dora)
    assert all_rows() == before
    verb(SAM, by=signed_in(DORA))


def test_an_operator_does_not_block_themself_but_a_command_blocks_the_last_one(
    app: Flask, world: World
) -> None:
    dora = appoint_operator()
    before = all_rows()
    with pytest.raises(Refused, match=r"^block-self$"):
        block(DORA, by=dora)
    assert all_rows() == before
    done = app.test_cli_runner().invoke(args=["user", "block", DORA, "--reason", "stolen"])
    assert done.output == (
        f"{DORA} is blocked and signed out everywhere; they keep what they own.\n"
        "No operator is left who can sign in; `flask user operator` appoints one.\n"
    )


def test_the_commands_say_what_they_did(app: Flask, world: World) -> None:
    appoint_operator()
    runner = app.test_cli_runner()
    said = {
        "block": f"{OLGA} is blocked and signed out everywhere; they keep what they own.\n",
        "enable": f"{OLGA} is still blocked.\n",
        "unblock": f"{OLGA} may sign in again.\n",
        "end-sessions": f"{OLGA} is signed out everywhere.\n",
    }
    assert {name: runner.invoke(args=["user", name, OLGA]).output for name in said} == said
    assert runner.invoke(args=["user", "block", OLGA, "--reason", "none"]).exit_code == 2


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
@pytest.mark.parametrize("stop", ["block", "disable"])
def test_nobody_signs_in_who_is_stopped_meanwhile(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool, stop: str
) -> None:
    is_stopping = threading.Event()
    if not is_guarded:
        without_locks(monkeypatch, User)

    def stop_vera() -> None:
        vera = db.lock(User, user(VERA).id)
        is_stopping.set()
        if stop == "block":
            people.block(vera, by=COMMAND, reason=BlockReason.STOLEN)
        else:
            workflows.disable_user(vera, by=COMMAND, heir=user(OLGA))

    def sign_in() -> None:
        assert is_stopping.wait(20)
        identity.open_session(user(VERA).id, user_agent="B", password_hash=PASSWORD_HASH)

    code = "password-foreign" if is_guarded else "done"
    assert race(stop_vera, sign_in) == ["done", code]
    assert live_sessions(VERA) == (0 if is_guarded else 1)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_of_two_operators_who_block_each_other_one_is_left(world: World, race: Run) -> None:
    dora = appoint_operator()
    db.write(lambda: identity.make_operator(user(SAM), by=COMMAND))
    sam = signed_in(SAM)

    def units(by: Actor, other: str) -> Callable[[], None]:
        return lambda: people.block(user(other), by=by, reason=BlockReason.OTHER)

    assert race(units(dora, SAM), units(sam, DORA)) == ["done", "reauthentication-required"]
    assert sorted([user(DORA).is_active, user(SAM).is_active]) == [False, True]
