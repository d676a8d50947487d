"""Callbacks: a signed message wakes its order, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from portal import db
from portal.domain import connections, jobs
from portal.domain.connections import Callback, Connection, Kind, Message, callbacks
from portal.domain.jobs import Job, OrderKind, Outcome, State
from portal.webhook_signatures import MAX_AGE, new_secret, sign
from tests.support.connections import add_connection, use_key, use_kind
from tests.support.jobs import run_upkeep
from tests.support.orders import claim_order, job, queue_order
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import Clock, all_rows

SECRET = new_secret()
HOUR = timedelta(hours=1)
ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def keys(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    clear_mails()
    use_kind(monkeypatch)
    use_key(tmp_path / "keys")
    yield tmp_path / "keys"
    connections.configure_keys(list)


@pytest.fixture
def connection(app: Flask) -> Connection:
    values, by = {"url": "https://program.example", "secret": SECRET}, appoint_operator()
    return db.write(lambda: connections.add(Kind.WEBHOOK, name="Racks", values=values, by=by))


def waiting_order(connection_id: str) -> str:
    """An order that asks for its operation in an hour; its ID."""
    order_id = claim_order(OrderKind.ENSURE, connection_id=connection_id)
    end_try(order_id)
    return order_id


def end_try(order_id: str) -> None:
    claimed = job(order_id)
    facts = {"operation": "x"}

    def unit() -> None:
        outcome = Outcome(State.WAITING, run_at=db.now() + HOUR, facts=facts)
        assert jobs.finish(claimed.key, claimed.token, outcome)

    db.write(unit)


def accept(connection_id: str, order_id: str, webhook_id: str = "msg_1") -> bool:
    message = Message(connection_id, webhook_id, order_id)
    return db.write(lambda: connections.accept_callback(message))


def test_a_callback_lets_its_order_ask_now_and_is_taken_once(
    connection: Connection, clock: Clock
) -> None:
    order_id = waiting_order(connection.id)
    clock.forward(seconds=2)
    assert accept(connection.id, order_id)
    assert job(order_id).run_at <= db.read(db.now)
    before = all_rows()
    assert not accept(connection.id, order_id)
    assert all_rows() == before
    assert accept(connection.id, order_id, "msg_2"), "another message"


def test_a_callback_wakes_no_order_of_another_connection_and_none_that_failed(
    connection: Connection, clock: Clock
) -> None:
    other = waiting_order(add_connection().id)
    faulty = waiting_order(connection.id)
    db.write(lambda: db.session.execute(update(Job).where(Job.id == faulty).values(attempts=2)))
    times = [job(order_id).run_at for order_id in (other, faulty)]
    clock.forward(seconds=2)
    for number, order_id in enumerate((other, faulty, "job" + "0" * 17)):
        assert accept(connection.id, order_id, str(number))
    assert [job(order_id).run_at for order_id in (other, faulty)] == times


def test_a_callback_that_is_faster_than_the_answer_is_known_when_the_try_ends(
    connection: Connection, clock: Clock
) -> None:
    order_id = claim_order(OrderKind.ENSURE, connection_id=connection.id)
    started = job(order_id).started_at
    assert started is not None
    clock.forward(seconds=1)
    assert not db.read(lambda: connections.is_called_back(order_id, since=started))
    assert accept(connection.id, order_id)
    assert db.read(lambda: connections.is_called_back(order_id, since=started))
    later = started + timedelta(seconds=2)
    assert not db.read(lambda: connections.is_called_back(order_id, since=later))


@ON_SQLITE
def test_a_connection_that_sends_too_many_is_not_heard_for_a_while(
    connection: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "MOST", 2)
    order_id = queue_order(OrderKind.ENSURE, connection_id=connection.id)
    assert [accept(connection.id, order_id, str(n)) for n in range(3)] == [True, True, False]
    clock.forward(seconds=MAX_AGE.total_seconds())
    assert accept(connection.id, order_id, "2")


@ON_SQLITE
def test_ids_are_forgotten_when_they_can_not_come_again(
    connection: Connection, clock: Clock
) -> None:
    assert accept(connection.id, "x")
    clock.forward(minutes=9)
    run_upkeep("purge-callbacks")
    assert db.session.query(Callback).count() == 1
    clock.forward(minutes=11)
    run_upkeep("purge-callbacks")
    assert db.session.query(Callback).count() == 0


GOOD = {"type": "operation.ended", "id": "job" + "0" * 17}


@ON_SQLITE
@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (GOOD, {"secret": new_secret()}),
        (GOOD, {"seconds": -301}),
        (GOOD, {"seconds": 301}),
        ([GOOD], {}),
        ({"id": 1}, {}),
        ({"id": "job\0" + "0" * 16}, {}),
        ({"id": "x" * 100_000}, {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_only_what_the_secret_signed_a_moment_ago_and_names_an_order_is_a_message(
    connection: Connection, body: Any, changes: dict[str, Any]
) -> None:
    def signed(body: object, secret: str = SECRET, seconds: int = 0) -> Message | None:
        content = json.dumps(body).encode()
        at = db.now() + timedelta(seconds=seconds)
        headers = sign(secret, "msg_1", content, at=at)
        return connections.verify_callback(connection.id, headers, content)

    assert db.read(lambda: signed(GOOD)) == Message(connection.id, "msg_1", GOOD["id"])
    assert db.read(lambda: signed(body, **changes)) is None


@ON_SQLITE
def test_connections_without_the_secret_of_a_webhook_get_no_message(app: Flask, keys: Path) -> None:
    other = add_connection()
    for connection_id in (other.id, connections.BUILTIN_ID, "con" + "0" * 17):
        query = lambda: connections.verify_callback(connection_id, {}, b"{}")  # noqa: B023, E731
        assert db.read(query) is None
