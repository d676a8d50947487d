"""Instances of a real LXD: what runs is stopped with a suspension, and with *Revoke and stop*."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from portal.providers.contract import Access, Cloud, How, Member, NeedsPerson, Role
from portal.providers.lxd import Lxd
from tests.clouds.lxd import Server
from tests.clouds.lxd_people import DEAF, Person
from tests.clouds.relay import relaying

CARL = Member("mbr00000000000000001", "Carl")
UNTIL = datetime.now(UTC) + timedelta(days=9)


@pytest.fixture
def connection(lxd_server: Server) -> Lxd:
    """Instances have three seconds to shut down."""
    return lxd_server.connection(seconds=10)


@pytest.fixture
def carl(lxd_server: Server, connection: Lxd) -> Iterator[Person]:
    """Carl, with an access to a cloud on which he is editor."""
    cloud = Cloud(f"b1g{secrets.token_hex(8)}", "Web shop")
    connection.ensure_cloud("job1", cloud)
    connection.grant("job2", cloud.id, CARL, Role.EDITOR)
    access = connection.access("job3", cloud.id, CARL, access_id="key1", secret="", until=UNTIL)
    yield Person(lxd_server, access)
    connection.revoke("job9", cloud.id, CARL, stop=True)
    lxd_server.delete_project(cloud.id)


def test_a_suspension_stops_what_runs_and_resuming_starts_it_again(
    connection: Lxd, carl: Person
) -> None:
    carl.start_instance("obedient")
    carl.start_instance("deaf", DEAF)
    carl.start_instance("ephemeral", ephemeral=True)
    carl.start_instance("rests")
    carl.run("PUT", "/instances/rests/state", {"action": "stop", "force": True})
    carl.start_instance("frozen")
    carl.run("PUT", "/instances/frozen/state", {"action": "freeze"})

    done = connection.suspend("job4", carl.project)
    again = connection.suspend("job5", carl.project)

    names = ["obedient", "deaf", "ephemeral", "rests", "frozen"]
    assert carl.states() == dict.fromkeys(names, "Stopped")
    assert done.left == again.left == ("stopped instances", "volumes", "images")
    assert not carl.is_let_in()
    connection.resume("job6", carl.project)
    connection.resume("job7", carl.project)
    assert carl.states() == dict.fromkeys(names, "Running") | {"rests": "Stopped"}
    assert carl.is_let_in()


def test_revoke_and_stop_ends_a_console_that_a_revoke_leaves_open(
    connection: Lxd, carl: Person, tmp_path: Path
) -> None:
    carl.start_instance("server")
    console = carl.open_console("server", tmp_path)
    console.run("echo $((6 * 7))-a")
    assert b"42-a" in console.read_until(b"42-a")

    done = connection.revoke("job4", carl.project, CARL)

    assert done.left == ("open consoles and shells, until their instance is stopped",)
    assert not carl.is_let_in()
    console.run("echo $((6 * 7))-b")
    assert b"42-b" in console.read_until(b"42-b")
    done = connection.revoke("job5", carl.project, CARL, stop=True)
    assert done.left == ()
    assert carl.states() == {"server": "Stopped"}
    console.close()


def test_an_instance_that_does_not_start_needs_a_person_and_people_are_let_in(
    lxd_server: Server, connection: Lxd, carl: Person
) -> None:
    carl.start_instance("broken")
    connection.suspend("job4", carl.project)
    path = f"/instances/broken?project={carl.project}"
    row = lxd_server.call("GET", path)
    row["devices"]["gone"] = {"type": "unix-char", "path": "/dev/gone", "source": "/dev/gone"}
    project = lxd_server.call("GET", f"/projects/{carl.project}")
    allowed = project["config"] | {"restricted.devices.unix-char": "allow"}
    lxd_server.call("PUT", f"/projects/{carl.project}", {**project, "config": allowed})
    lxd_server.call("PUT", path, row)

    with pytest.raises(NeedsPerson) as refusal:
        connection.resume("job5", carl.project)

    assert refusal.value.code == "lxd-not-started"
    assert "broken: " in refusal.value.facts["said"]
    assert carl.is_let_in()
    del row["devices"]["gone"]
    lxd_server.call("PUT", path, row)
    connection.resume("job6", carl.project)
    assert carl.states() == {"broken": "Running"}


def test_a_server_that_ignores_which_project_is_asked_stops_nothing_of_another(
    lxd_server: Server, carl: Person
) -> None:
    text = f"Project: default\n\n{lxd_server.certificate}{lxd_server.key}"
    admin = Person(lxd_server, Access(How.TEXT, text))
    root = {"root": {"type": "disk", "path": "/", "pool": "default"}}
    admin.start_instance("theirs", devices=root)
    pem = lxd_server.folder / "portal.pem"
    pem.write_text(text)

    def connect() -> HTTPConnection:
        return HTTPSConnection("127.0.0.1", lxd_server.port, context=lxd_server.tls(pem))

    with relaying(connect, lambda name: name != "project") as port:
        lxd_server.connection(f"http://127.0.0.1:{port}").suspend("job4", carl.project)

    assert admin.states() == {"theirs": "Running"}
    state = {"action": "stop", "force": True}
    lxd_server.call("PUT", "/instances/theirs/state", state)
    lxd_server.call("DELETE", "/instances/theirs")
