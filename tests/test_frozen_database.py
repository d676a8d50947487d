"""A frozen PostgreSQL acknowledges packets and answers nothing; what waits for it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from socket import create_connection, create_server, socket
from typing import Any

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url

from portal import db
from portal.db import frozen
from tests.conftest import make_app
from tests.support import postgres
from tests.support.world import World

ON_POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


class Relay:
    """A relay to the server, which can be frozen: it takes what is sent and connections."""

    def __init__(self, listener: socket, target: tuple[str, int]) -> None:
        self.listener, self.target = listener, target
        self.flows, self.sockets = threading.Event(), list[socket]()
        self.flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self.listener.accept()
            except OSError:
                return
            self.flows.wait()
            far = create_connection(self.target)
            self.sockets += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket, target: socket) -> None:
        try:
            while data := source.recv(65536):
                self.flows.wait()
                target.sendall(data)
        except OSError:
            return
        finally:
            target.close()


@contextmanager
def relayed(url: str) -> Iterator[tuple[Relay, Callable[[], psycopg.Connection[Any]]]]:
    """A relay to the database, and how to connect through it."""
    target = make_url(url)
    with create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener, (str(target.host), int(target.port or 5432)))
        port = listener.getsockname()[1]
        through = target.set(drivername="postgresql", host="127.0.0.1", port=port)
        conninfo = through.render_as_string(hide_password=False)
        yield relay, partial(frozen.Connection.connect, conninfo)
        relay.flows.set()
        for each in relay.sockets:
            each.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "ASK_AFTER", 0.2)
    monkeypatch.setattr(frozen, "ANSWER_WITHIN", 2)


@ON_POSTGRESQL
def test_what_waits_for_a_frozen_server_ends_and_is_closed(cast: tuple[str, World]) -> None:
    with relayed(cast[0]) as (relay, open_connection):
        connection = open_connection()
        relay.flows.clear()
        with pytest.raises(psycopg.OperationalError, match="server-frozen"):
            connection.execute("SELECT 1")
        assert connection.closed


@ON_POSTGRESQL
def test_a_statement_that_takes_its_time_goes_on(cast: tuple[str, World]) -> None:
    with relayed(cast[0]) as (_relay, open_connection), open_connection() as connection:
        assert connection.execute("SELECT 1 FROM pg_sleep(0.7)").fetchall() == [(1,)]


@ON_POSTGRESQL
def test_the_application_connects_this_way(app: Flask) -> None:
    def driver() -> Any:
        return db.session.connection().connection.driver_connection

    assert isinstance(db.read(driver), frozen.Connection)


def processes(server: postgres.Server) -> list[int]:
    """The IDs of the server's processes."""
    home = server._process.home  # type: ignore[union-attr]
    postmaster = (home / "data" / "postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
    return [int(postmaster), *map(int, children.split())]


@contextmanager
def stopped(server: postgres.Server) -> Iterator[None]:
    """The server, frozen."""
    pids = processes(server)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.deploy
def test_a_page_is_503_while_the_server_is_stopped_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    with postgres.start() as server:
        app = make_app(server.create("frozen"))
        with app.app_context():
            flask_migrate.upgrade()
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = "nobody"
        assert client.get("/console").status_code == 303
        with stopped(server):
            answer = client.get("/console")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert client.get("/console").status_code == 303
        with app.app_context():
            db.extension.engine.dispose()
