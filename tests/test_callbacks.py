"""`POST /callbacks/<connection>`: no session, a signature, and 204 to all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from portal import callbacks, db
from portal.domain import connections, jobs
from portal.domain.connections import BUILTIN_ID, Kind
from portal.domain.jobs import OrderKind, Outcome, State
from portal.webhook_signatures import new_secret, sign
from tests.support.connections import use_key
from tests.support.orders import claim_order, job
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import all_rows

SECRET = new_secret()


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def connection_id(app: Flask, tmp_path: Path) -> Iterator[str]:
    clear_mails()
    use_key(tmp_path / "keys")
    values, by = {"url": "https://program.example", "secret": SECRET}, appoint_operator()
    add = connections.add
    yield db.write(lambda: add(Kind.WEBHOOK, name="Racks", values=values, by=by).id)
    connections.configure_keys(list)


def send(app: Flask, connection_id: str, order_id: str, *, secret: str = SECRET) -> int:
    body = json.dumps({"type": "operation.ended", "id": order_id}).encode()
    headers = {**sign(secret, "msg_1", body, at=db.read(db.now)), "Origin": "https://a.example"}
    answer = app.test_client().post(f"/callbacks/{connection_id}", data=body, headers=headers)
    assert answer.data == b""
    assert "Set-Cookie" not in answer.headers
    return answer.status_code


def test_a_signed_callback_wakes_its_order(app: Flask, connection_id: str) -> None:
    order_id = claim_order(OrderKind.ENSURE, connection_id=connection_id)
    claimed = job(order_id)
    outcome = Outcome(State.WAITING, run_at=db.read(db.now) + timedelta(hours=1))
    db.write(lambda: jobs.finish(claimed.key, claimed.token, outcome))
    assert send(app, connection_id, order_id) == 204
    assert job(order_id).run_at <= db.read(db.now)


def test_the_answer_to_all_others_is_the_same_and_nothing_is_written(
    app: Flask, connection_id: str
) -> None:
    before = all_rows()
    order_id = "job" + "0" * 17
    assert send(app, connection_id, order_id, secret=new_secret()) == 204
    assert send(app, BUILTIN_ID, order_id) == 204
    assert send(app, "con" + "0" * 17, order_id) == 204
    assert app.test_client().post(f"/callbacks/{connection_id}").status_code == 204
    assert all_rows() == before


def test_a_callback_that_comes_again_waits_for_no_writer(app: Flask, connection_id: str) -> None:
    order_id = "job" + "0" * 17
    assert send(app, connection_id, order_id) == 204
    with closing(sqlite3.connect(db.extension.engine.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert send(app, connection_id, order_id) == 204


def test_a_body_has_a_bound_and_nothing_but_post_is_answered(
    app: Flask, connection_id: str
) -> None:
    url, client = f"/callbacks/{connection_id}", app.test_client()
    assert client.post(url, data=b"x" * callbacks.MAX_BYTES).status_code == 204
    answer = client.post(url, data=b"x" * (callbacks.MAX_BYTES + 1))
    assert (answer.status_code, answer.data) == (413, b"")
    assert client.get(url).status_code == 405
