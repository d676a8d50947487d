"""Connections: one default, sealed credentials, closed and never removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal import config, db
from portal.domain import circuit_breakers, clouds, connections, jobs
from portal.domain.accounts import BillingAccount
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud
from portal.domain.connections import BUILTIN_ID, Connection, Findings, Kind
from portal.domain.errors import Code, Forbidden, ReauthenticationRequired, Refused
from portal.domain.jobs import OrderKind
from portal.domain.values import Invalid
from tests.support.connections import VALUES, add_connection, stored, use_key, use_kind
from tests.support.orders import states
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, OLGA, Clock, World, actor, all_rows, signed_in, user

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
"""For what is the same on both databases."""
VERBS: dict[str, Callable[..., object]] = {
    "test": connections.queue_test,
    "default": connections.make_default,
    "close": connections.close,
    "change": partial(connections.change, values=VALUES),
}


@pytest.fixture(autouse=True)
def keys(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of keys; there is the pretended kind."""
    clear_mails()
    use_kind(monkeypatch)
    use_key(tmp_path / "keys")
    yield tmp_path / "keys"
    connections.configure_keys(list)


def refusal(unit: Callable[[], object]) -> Code:
    """The code with which the unit is refused; it changes nothing."""
    before = all_rows()
    with pytest.raises(Refused) as error:
        db.write(unit)
    assert all_rows() == before
    return error.value.code


def create_cloud(world: World) -> Cloud:
    def unit() -> Cloud:
        payer = db.session.get_one(BillingAccount, world.direct)
        return clouds.create(payer, by=actor(DORA), name="shop")

    return db.write(unit)


def test_every_cloud_is_on_the_built_in_connection_and_carried_out_at_once(
    app: Flask, world: World
) -> None:
    cloud = create_cloud(world)
    assert (cloud.connection_id, cloud.external_id) == (BUILTIN_ID, None)
    assert cloud.carried_out_at == cloud.created_at
    numbers = db.read(clouds.numbers_by_connection)[BUILTIN_ID]
    assert numbers.total >= 4
    assert numbers.by_hand == 0


def test_new_clouds_are_created_on_the_default_connection_and_the_others_stay(
    app: Flask, world: World
) -> None:
    manual, by = add_connection("By hand", Kind.MANUAL), appoint_operator()
    db.write(lambda: connections.make_default(manual, by=by))
    cloud = create_cloud(world)
    assert (cloud.connection_id, cloud.carried_out_at) == (manual.id, None)
    numbers = db.read(clouds.numbers_by_connection)
    assert numbers[manual.id] == (1, 1, cloud.created_at)
    assert stored(BUILTIN_ID).is_default is False


def test_the_default_connection_is_not_closed_and_a_closed_one_is_not_the_default(
    app: Flask,
) -> None:
    manual, by = add_connection("By hand", Kind.MANUAL), appoint_operator()
    builtin = stored(BUILTIN_ID)
    assert refusal(lambda: connections.close(builtin, by=by)) == Code.CONNECTION_DEFAULT
    db.write(lambda: connections.close(manual, by=by))
    assert refusal(lambda: connections.make_default(manual, by=by)) == Code.CONNECTION_CLOSED
    before = all_rows()
    db.write(lambda: connections.close(manual, by=by))
    assert all_rows() == before, "again is harmless"


@ON_SQLITE
def test_a_connection_that_did_not_work_when_it_was_tested_is_not_made_the_default(
    app: Flask,
) -> None:
    connection, by = add_connection(), appoint_operator()
    make_default = partial(connections.make_default, connection, by=by)
    assert refusal(make_default) == Code.CONNECTION_UNTESTED
    db.write(lambda: connections.record_test(connection.id, Findings(fault="timed out")))
    assert refusal(make_default) == Code.CONNECTION_TEST_FAILED
    db.write(lambda: connections.record_test(connection.id, Findings()))
    db.write(lambda: connections.change(connection, values=VALUES, by=by))
    assert refusal(make_default) == Code.CONNECTION_UNTESTED, "other settings were tested"
    db.write(lambda: connections.record_test(connection.id, Findings()))
    db.write(make_default)
    assert stored(connection.id).is_default


@ON_SQLITE
def test_a_name_is_had_by_one_connection_and_each_required_setting_is_given(app: Flask) -> None:
    add_connection("Frankfurt")
    by = appoint_operator()
    add = partial(connections.add, "pretended", by=by)
    assert refusal(partial(add, name="FRANKFURT", values=VALUES)) == Code.CONNECTION_NAME_TAKEN
    with pytest.raises(Invalid, match=Code.REQUIRED):
        db.write(partial(add, name="B", values={"url": "x"}))


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_two_operators_make_two_connections_the_default_at_once_and_one_is(app: Flask) -> None:
    both = [add_connection(name, Kind.MANUAL).id for name in ("A", "B")]
    by, barrier = appoint_operator(), threading.Barrier(2, timeout=20)

    def run(connection_id: str) -> None:
        with app.app_context():
            connection = stored(connection_id)
            barrier.wait()
            db.write(lambda: connections.make_default(connection, by=by))

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(run, connection_id) for connection_id in both]:
            future.result()
    rows = db.read(lambda: connections.connections_for(by))
    assert [row.is_default for row in rows] == [True, False, False]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE connections SET is_default = TRUE",
        "UPDATE connections SET closed_at = created_at WHERE is_default",
        "DELETE FROM connections WHERE is_default",
        "UPDATE clouds SET external_id = 'one'",
        "UPDATE clouds SET connection_id = 'none'",
    ],
)
def test_the_database_refuses_what_must_never_be(app: Flask, statement: str) -> None:
    add_connection()
    with pytest.raises(IntegrityError):
        db.write(lambda: db.session.execute(text(statement)))


@ON_SQLITE
def test_credentials_are_sealed_and_not_in_the_row(app: Flask) -> None:
    connection = add_connection()
    assert connection.settings == {"url": VALUES["url"]}
    assert "hunter2" not in str(connection.credentials)
    assert connections.unseal(connection) == {"password": VALUES["password"]}
    assert VALUES["password"] not in str(all_rows())


@ON_SQLITE
def test_credentials_that_are_copied_into_another_row_do_not_decrypt_there(app: Flask) -> None:
    first, second = add_connection("A"), add_connection("B")
    copied = f"UPDATE connections SET credentials = '{first.credentials}' WHERE id = '{second.id}'"
    db.write(lambda: db.session.execute(text(copied)))
    assert connections.unseal(stored(second.id)) is None
    assert [it.id for it in db.read(connections.unreadable_connections)] == [second.id]


@ON_SQLITE
@pytest.mark.parametrize("fault", ["gone", "another", "broken"])
def test_without_the_key_a_connection_asks_for_its_credentials_again_and_nothing_else_fails(
    app: Flask, world: World, keys: Path, fault: str
) -> None:
    connection, by = add_connection(), appoint_operator()
    keys.unlink()
    if fault == "another":
        config.add_credentials_key(str(keys))
    elif fault == "broken":
        keys.write_text("x")
    create_cloud(world)
    assert connections.unseal(stored(connection.id)) is None
    test = partial(connections.queue_test, connection, by=by)
    assert refusal(test) == Code.CREDENTIALS_UNREADABLE
    again = partial(connections.change, connection, values={"password": "new"}, by=by)
    if fault == "another":
        db.write(again)
        assert connections.unseal(stored(connection.id)) == {"password": "new"}
    else:
        assert refusal(again) == Code.CREDENTIALS_KEY_MISSING


@ON_SQLITE
def test_after_a_new_key_the_old_one_can_go(app: Flask, keys: Path) -> None:
    connection, by = add_connection(), appoint_operator()
    config.add_credentials_key(str(keys))
    resealed = db.write(lambda: connections.reseal_next("", by=by))
    assert resealed == (connection.id, "Frankfurt", True)
    assert db.write(lambda: connections.reseal_next(connection.id, by=by)) is None
    keys.write_text(keys.read_text().splitlines()[1])
    assert connections.unseal(stored(connection.id)) == {"password": VALUES["password"]}


def test_a_test_is_queued_before_other_orders_and_asks_even_if_the_breaker_is_open(
    app: Flask, clock: Clock
) -> None:
    connection, by = add_connection(), appoint_operator()
    lane = jobs.cloud_lane(connection.id)
    for _ in range(circuit_breakers.OPENS_AFTER):
        db.write(lambda: circuit_breakers.record_failure(lane, "timed out"))
    grant = db.write(
        lambda: jobs.add_order(OrderKind.GRANT, "mem1", connection_id=connection.id).id
    )
    clock.forward(seconds=1)
    db.write(lambda: connections.queue_test(connection, by=by))
    claimed = db.write(lambda: jobs.claim_next(jobs.Kind.CLOUDS))
    assert claimed is not None
    assert (claimed.subject_kind, claimed.subject_id) == ("test-connection", connection.id)
    assert states(grant) == ["waiting"]
    builtin = stored(BUILTIN_ID)
    assert refusal(lambda: connections.queue_test(builtin, by=by)) == Code.CONNECTION_UNTESTABLE


@ON_SQLITE
@pytest.mark.parametrize("verb", VERBS)
def test_only_an_operator_who_gave_the_password_a_moment_ago_takes_a_step(
    app: Flask, clock: Clock, verb: str
) -> None:
    connection, by, olga = add_connection(), appoint_operator(), signed_in(OLGA)
    before = all_rows()
    with pytest.raises(Forbidden):
        db.write(lambda: VERBS[verb](connection, by=olga))
    with pytest.raises(Forbidden):
        db.write(lambda: connections.add("manual", name="X", values={}, by=olga))
    clock.forward(minutes=11)
    with pytest.raises(ReauthenticationRequired):
        db.write(lambda: VERBS[verb](connection, by=by))
    assert all_rows() == before
    assert db.read(lambda: connections.connections_for(olga)) == []


def test_each_step_leaves_its_line_in_the_chain_of_the_installation(app: Flask) -> None:
    connection, by = add_connection(), appoint_operator()
    for name in ("test", "change", "default"):
        db.write(lambda: connections.record_test(connection.id, Findings()))
        db.write(lambda name=name: VERBS[name](connection, by=by))  # type: ignore[misc]
    builtin = stored(BUILTIN_ID)
    db.write(lambda: connections.make_default(builtin, by=by))
    db.write(lambda: connections.close(connection, by=by))
    lines = db.session.query(AuditLine).filter_by(chain="installation").order_by(AuditLine.seq)
    found = [(it.action, it.actor) for it in lines if it.thing == connection.id]
    actions = ("add", "test", "change", "make_default", "close")
    assert found == [(f"connection.{action}", user(DORA).id) for action in actions]
    assert db.read(lambda: db.session.get_one(Connection, connection.id).closed_at) is not None
