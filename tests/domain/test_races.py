"""Two at once, on PostgreSQL: one wins, the other is told why; each rule with its control.

SQLite writes one after the other and would prove nothing. Every race is run once as the code is,
and once with its guard taken out: then both must win, or else the race was never one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, select, text

from portal import db
from portal.domain import access, accounts, audit, clouds, customers, idempotency, workflows
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actors import COMMAND, Actor
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status, answering
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.invitations import Answer, Invitation
from tests.support.world import CARL, DORA, EDDIE, TINA, World, actor, draft, signed_in

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

PATIENCE = 20
"""Seconds after which a racer that never comes fails the test."""

Unit = Callable[[], object]
Run = Callable[..., list[str]]
WRITE, COMMIT, END = 1, 2, 3
"""How far a racer has come."""
WAITS = """SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'"""


class Race:
    """Units of work in threads of their own, as so many requests.

    Each stops before its first write and again before its commit, until every other one has come
    as far, has ended, or waits for a lock. So all have read before anyone writes, and none sees
    what another has written, unless a guard prevents just that.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.address = db.extension.engine.url.set(drivername="postgresql")
        self.racers: list[threading.Thread] = []
        self.come: dict[threading.Thread, int] = {}
        self.outcomes: list[str] = []

    def run(self, *units: Unit) -> list[str]:
        """What became of each, in no order: "done", the code of a refusal, or a fault's name."""
        db.session.rollback()
        self.racers = [threading.Thread(target=self._race, args=(unit,)) for unit in units]
        listeners = {"before_cursor_execute": self._before, "commit": self._before_commit}
        for name, listener in listeners.items():
            event.listen(db.extension.engine, name, listener)
        for racer in self.racers:
            racer.start()
        for racer in self.racers:
            racer.join(PATIENCE)
        for name, listener in listeners.items():
            event.remove(db.extension.engine, name, listener)
        assert not any(racer.is_alive() for racer in self.racers)
        db.session.rollback()
        return sorted(self.outcomes)

    def act(self, unit: Unit) -> None:
        db.write(unit)

    def stops_before(self, statement: str) -> bool:
        """Claiming a form's key is a lock, taken before anything is read."""
        is_claim = statement.startswith("INSERT INTO form_keys")
        return statement.startswith(("INSERT", "UPDATE", "DELETE")) and not is_claim

    def _race(self, unit: Unit) -> None:
        with self.app.app_context():
            try:
                self.act(unit)
            except Refused as refused:
                self.outcomes.append(refused.code)
            except Exception as fault:
                self.outcomes.append(type(fault).__name__)
            else:
                self.outcomes.append("done")
            finally:
                self.come[threading.current_thread()] = END

    def _before(self, _c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if self.stops_before(statement):
            self._meet(WRITE)

    def _before_commit(self, _connection: object) -> None:
        self._meet(COMMIT)

    def _meet(self, point: int) -> None:
        racer = threading.current_thread()
        if racer not in self.racers or self.come.get(racer, 0) >= point:
            return
        self.come[racer] = point
        until = time.monotonic() + PATIENCE
        with psycopg.connect(
            self.address.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            while time.monotonic() < until:
                away = [r for r in self.racers if self.come.get(r, 0) < point]
                row = connection.execute(WAITS).fetchone()
                if row is not None and row[0] >= len(away):
                    return
                time.sleep(0.005)
        raise TimeoutError("the other one never came")


@pytest.fixture
def race(app: Flask) -> Run:
    return Race(app).run


def without_locks(monkeypatch: pytest.MonkeyPatch, *models: type) -> None:
    """From now on rows of these models are read without being held."""
    held = db.lock

    def lock(model: type, ident: str) -> object:
        if model in models:
            return db.session.get_one(model, ident, populate_existing=True)
        return held(model, ident)

    monkeypatch.setattr(db, "lock", lock)


def take_out(*guards: str) -> None:
    """Drop guards of the database, each named as in SQL."""

    def unit() -> None:
        for guard in guards:
            db.session.execute(text(guard))

    db.write(unit)


def count(action: str) -> int:
    """How often this was done, as the log has it."""
    return db.session.query(AuditLine).filter_by(action=action).count()


# Accepting and declining


def answers(world: World, *verbs: Callable[..., Customer]) -> list[Unit]:
    """Carl's clicks; nobody holds the invitation, so the verb itself has to decide."""
    carl = actor(CARL)

    def click(verb: Callable[..., Customer]) -> Unit:
        return lambda: verb(db.session.get_one(Invitation, world.carls_subaccount), by=carl)

    return [click(verb) for verb in verbs]


def careless_answer(asked: Invitation, answer: Answer, status: Status, *, by: Actor) -> Customer:
    """Reads, then writes: what the conditional update is there to prevent."""
    found = select(Customer).where(Customer.subaccount_id == asked.subaccount_id)
    record = db.session.scalars(found).one()
    if record.status is not Status.WAITING:
        raise Refused("invitation-closed")
    record.status = status
    asked.answer, asked.answered_at, asked.answered_by = answer, db.now(), by.id
    db.session.flush()
    return record


def test_accept_raced_with_decline_has_one_winner(world: World, race: Run) -> None:
    outcomes = race(*answers(world, customers.accept, customers.decline))
    record = db.session.get_one(Customer, world.carls_customer)
    accepted = record.status is Status.ACTIVE
    assert outcomes == sorted(["done", "already-confirmed" if accepted else "invitation-closed"])
    asked = db.session.get_one(Invitation, world.carls_subaccount)
    subaccount = db.session.get_one(BillingAccount, world.carls_subaccount)
    assert asked.answer == ("confirmed" if accepted else "declined")
    assert (subaccount.closed_at is None) == accepted
    assert count("invitation.decline") == (0 if accepted else 1)
    assert audit.find_broken_links() == []


def test_accepting_twice_at_once_confirms_once(world: World, race: Run) -> None:
    before = count("invitation.accept")
    outcomes = race(*answers(world, customers.accept, customers.accept))
    assert outcomes == ["already-confirmed", "done"]
    assert count("invitation.accept") == before + 1
    subaccount = db.session.get_one(BillingAccount, world.carls_subaccount)
    assert access.roles_on_account(actor(CARL), subaccount) == {access.AccountRole.ADMIN}


def test_control_without_the_conditional_update_both_answers_count(
    world: World,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_out(
        "DROP TRIGGER customers_move ON customers",
        "DROP TRIGGER invitations_answered_once ON invitations",
    )
    monkeypatch.setattr(answering, "_answer", careless_answer)
    monkeypatch.setattr(answering.identity, "refresh_actor", lambda by: by)  # holds the user's row
    before = count("invitation.accept"), count("invitation.decline")
    assert race(*answers(world, customers.accept, customers.decline)) == ["done", "done"]
    assert (count("invitation.accept"), count("invitation.decline")) == (
        before[0] + 1,
        before[1] + 1,
    )


# Adding


def adding(world: World, *keys: str) -> list[Unit]:
    """Eddie's clicks on *Add*, each with its form's key, as the page sends them."""
    eddie = actor(EDDIE)

    def click(key: str) -> Unit:
        def unit() -> str:
            partner = db.lock(BillingAccount, world.north)
            effect = customers.add
            return idempotency.run_once(
                eddie, key, {}, lambda: effect(partner, by=eddie, draft=draft()).id
            )

        return unit

    return [click(key) for key in keys]


def added() -> int:
    return db.session.query(Customer).filter_by(invitation_email="new@client.example").count()


def inviting(world: World) -> list[Unit]:
    """Two of the staff add a customer each."""
    eddie = actor(EDDIE)

    def click(email: str) -> Unit:
        def unit() -> object:
            partner = db.session.get_one(BillingAccount, world.north)
            return customers.add(partner, by=eddie, draft=draft(email))

        return unit

    return [click("one@client.example"), click("two@client.example")]


@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "3"}])
def test_the_last_invitation_of_a_day_is_sent_once(world: World, race: Run) -> None:
    assert race(*inviting(world)) == ["done", "invitations-per-day"]


@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "3"}])
def test_control_without_holding_the_account_there_is_one_more(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch, BillingAccount)
    assert race(*inviting(world)) == ["done", "done"]


def test_a_double_click_adds_one_customer(world: World, race: Run) -> None:
    assert race(*adding(world, "k" * 22, "k" * 22)) == ["done", "done"]
    assert added() == 1
    assert audit.find_broken_links() == []


def test_control_without_the_locks_a_double_click_adds_two(
    world: World,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_locks(monkeypatch, BillingAccount, User)
    take_out(
        "DROP INDEX uq_customers_live_email",
        "ALTER TABLE form_keys DROP CONSTRAINT pk_form_keys",
    )
    assert race(*adding(world, "k" * 22, "k" * 22)) == ["done", "done"]
    assert added() == 2


def test_two_forms_with_one_address_add_one_customer_and_the_other_reads_why(
    world: World, race: Run
) -> None:
    assert race(*adding(world, "a" * 22, "b" * 22)) == ["done", "email-taken"]
    assert added() == 1


@pytest.mark.parametrize(
    ("index", "outcomes"), [("kept", ["IntegrityError", "done"]), ("dropped", ["done", "done"])]
)
def test_control_without_the_lock_the_other_reads_a_trace_and_without_the_index_adds(
    world: World,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
    index: str,
    outcomes: list[str],
) -> None:
    without_locks(monkeypatch, BillingAccount, User)
    if index == "dropped":
        take_out("DROP INDEX uq_customers_live_email")
    assert race(*adding(world, "a" * 22, "b" * 22)) == outcomes
    assert added() == outcomes.count("done")


# Paid mode and partner status


def careless_switch(own: BillingAccount, *, by: Actor) -> None:
    """Reads, then writes: what the conditional update is there to prevent."""
    if own.mode is Mode.PAID:
        raise Refused("already-paid")
    own.mode = Mode.PAID
    db.session.flush()
    audit.record("account.switch_to_paid", by=by, chain=own.id, thing=own.id)


@pytest.mark.parametrize(
    ("verb", "outcomes"),
    [
        (accounts.switch_to_paid, ["already-paid", "done"]),
        pytest.param(careless_switch, ["done", "done"], id="control"),
    ],
)
def test_switching_twice_at_once_switches_once(
    world: World,
    race: Run,
    verb: Callable[..., None],
    outcomes: list[str],
) -> None:
    tina, before = signed_in(TINA), count("account.switch_to_paid")

    def click() -> None:
        verb(db.session.get_one(BillingAccount, world.trial), by=tina)

    assert race(click, click) == outcomes
    assert count("account.switch_to_paid") == before + outcomes.count("done")


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_partner_status_is_never_lost_while_a_customer_is_added(
    world: World,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
    is_guarded: bool,
) -> None:
    tina = signed_in(TINA)
    db.write(lambda: accounts.switch_to_paid(db.lock(BillingAccount, world.trial), by=tina))

    def revoke() -> None:
        partner = db.session.get_one(BillingAccount, world.trial)
        workflows.revoke_partner_status(partner, by=COMMAND)

    def add() -> None:
        customers.add(db.lock(BillingAccount, world.trial), by=tina, draft=draft())

    if not is_guarded:
        without_locks(monkeypatch, BillingAccount)
    outcomes = race(revoke, add)
    partner = db.session.get_one(BillingAccount, world.trial)
    is_lost = partner.kind is Kind.DIRECT and customers.count_live_customers(partner) > 0
    assert is_lost is not is_guarded
    assert outcomes.count("done") == (1 if is_guarded else 2)


# Folders


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_two_folders_never_take_one_name(
    world: World,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
    is_guarded: bool,
) -> None:
    dora = actor(DORA)

    def create() -> None:
        clouds.create_folder(db.session.get_one(Cloud, world.doras_cloud), by=dora, name="shop")

    if not is_guarded:
        without_locks(monkeypatch, Cloud)
        take_out("ALTER TABLE folders DROP CONSTRAINT uq_folders_cloud_id_name")
    assert race(create, create) == ["done", "folder-name-taken" if is_guarded else "done"]
    names = [f.name for f in clouds.folders_of(db.session.get_one(Cloud, world.doras_cloud))]
    assert names == ["default", "shop"] + ([] if is_guarded else ["shop"])
