"""What needs no LXD: answers that one has given, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from portal.providers.contract import Cloud, Later, Member, NeedsPerson, Never, Role
from portal.providers.http_client import HttpClient
from portal.providers.lxd import Lxd, Settings
from portal.providers.lxd.accesses import make_certificate
from tests.providers.answering_servers import Server, answering

ID = "b1g00000000000000001"
CARL = Member("mbr00000000000000001")
SHOP = Cloud(ID, "Web shop")
PROJECT = {
    "config": {"user.portal.id": ID, f"user.portal.member.{CARL.id}": "editor key1"},
    "description": "Web shop",
    "name": ID,
    "used_by": [f"/1.0/profiles/default?project={ID}"],
}
CERTIFICATE = {
    "name": "key1",
    "type": "client",
    "restricted": True,
    "projects": [ID],
    "certificate": "",
    "fingerprint": "73265785acf0a8b2473511d9e6f0a776bdefaf39e6c19abc93cb0b569e83aa5e",
}
OPERATION = {"id": "a2586bed-d52d-47fc-aa68-b3bdb384ecf2", "class": "task", "err": ""}


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as server:
        yield server


@pytest.fixture
def connection(server: Server) -> Lxd:
    http = HttpClient(allowed=[ip_network("127.0.0.0/8")])
    return Lxd(http, Settings(f"http://127.0.0.1:{server.server_address[1]}/"))


def give(server: Server, data: object, kind: str = "sync", status: int = 200, **kw: str) -> None:
    """Answer as LXD does."""
    envelope = {"type": kind, "status": "", "status_code": status, "error": "", "metadata": data}
    server.give(status, envelope, **kw)


def refuse(server: Server, status: int, said: str = "because", **kw: str) -> None:
    server.give(status, {"type": "error", "error_code": status, "error": said}, **kw)


def sent(server: Server) -> list[str]:
    return [f"{request.method} {request.path}" for request in server.requests]


def instance(name: str, status: str, project: str = ID) -> dict[str, Any]:
    return {"name": name, "status": status, "ephemeral": False, "project": project}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (500, Later),
        (503, Later),
        (403, NeedsPerson),
        (400, Never),
        (501, Never),
    ],
)
def test_an_error_says_who_can_do_something(
    server: Server, connection: Lxd, status: int, expected: type[Exception]
) -> None:
    refuse(server, status)

    with pytest.raises(expected):
        connection.ensure_cloud("job1", SHOP)


@pytest.mark.parametrize(
    ("status", "wait", "seconds"),
    [(503, "7", 7), (503, "86400", 3600), (503, "9" * 30, 3600), (429, "soon", None), (404, "", 5)],
)
def test_lxd_says_when_to_ask_again(
    server: Server, connection: Lxd, status: int, wait: str, seconds: int | None
) -> None:
    refuse(server, status, Retry_After=wait)

    with pytest.raises(Later) as refusal:
        connection.ensure_cloud("job1", SHOP)

    expected = None if seconds is None else timedelta(seconds=seconds)
    assert refusal.value.retry_after == expected


@pytest.mark.parametrize("answer", [{"ok": True}, ["a"], b"<html>"])
def test_what_is_no_lxd_needs_a_person(server: Server, connection: Lxd, answer: object) -> None:
    server.give(200, answer)

    with pytest.raises(NeedsPerson) as refusal:
        connection.find(ID)

    assert refusal.value.code == "lxd-not-lxd"


@pytest.mark.parametrize("rows", [[f"/1.0/projects/{ID}"], "all", [{"id": 1}]])
def test_nothing_is_missing_on_a_list_that_is_none(
    server: Server, connection: Lxd, rows: object
) -> None:
    """A server that does not know `recursion` answers addresses."""
    refuse(server, 404, "Project not found")
    give(server, rows)

    with pytest.raises(NeedsPerson) as refusal:
        connection.find(ID)

    assert refusal.value.code == "lxd-not-lxd"


def test_a_project_is_empty_if_nothing_but_profiles_use_it(server: Server, connection: Lxd) -> None:
    for used_by, is_empty in (
        (["/1.0/profiles/default?project=x", "/1.0/profiles/theirs?project=x"], True),
        (["/1.0/profiles/default?project=x", "/1.0/images/ab12?project=x"], False),
    ):
        server.answers.clear()
        give(server, {**PROJECT, "used_by": used_by})
        assert connection.is_empty(ID) is is_empty


def test_an_answer_about_another_project_is_not_taken_for_ours(
    server: Server, connection: Lxd
) -> None:
    give(server, {**PROJECT, "name": "another"})
    give(server, [{**PROJECT, "name": "another"}])

    assert connection.find(ID) is None


def test_a_change_is_made_again_on_what_somebody_changed_meanwhile(
    server: Server, connection: Lxd
) -> None:
    theirs = {
        **PROJECT,
        "config": {**PROJECT["config"], "limits.cpu": "4", "limits.memory": "4GiB"},
    }
    give(server, {**PROJECT, "config": {**PROJECT["config"], "features.profiles": "true"}})
    give(server, PROJECT, ETag='"1"')
    refuse(server, 412, "ETag doesn't match: 2 vs 1")
    give(server, theirs, ETag='"2"')
    give(server, {})
    give(server, {"devices": {"root": {"path": "/", "type": "disk"}}, "config": {}})

    limits = {"cpu": None, "instances": 20}
    connection.change_cloud("job1", ID, Cloud(ID, "Web shop 2", limits))

    puts = [request for request in server.requests if request.method == "PUT"]
    assert [request.headers["if-match"] for request in puts] == ['"1"', '"2"']
    config = json.loads(puts[1].body)["config"]
    assert {key: value for key, value in config.items() if key.startswith("limits.")} == {
        "limits.memory": "4GiB",
        "limits.instances": "20",
    }
    assert json.loads(puts[1].body)["description"] == "Web shop 2"


def test_what_changes_all_the_time_is_later(server: Server, connection: Lxd) -> None:
    give(server, PROJECT)
    for _ in range(3):
        give(server, PROJECT, ETag='"1"')
        refuse(server, 412)

    with pytest.raises(Later):
        connection.change_cloud("job1", ID, Cloud(ID, "Web shop 2"))


def test_an_operation_that_fails_is_an_answer_of_200_and_force_follows(
    server: Server, connection: Lxd
) -> None:
    give(server, {**PROJECT, "config": {"user.portal.suspended": "true"}})
    give(server, [])
    give(server, [instance("deaf", "Running"), instance("theirs", "Running", "another")])
    give(server, {**PROJECT, "config": {"user.portal.suspended": "true"}})
    give(server, [instance("deaf", "Running"), instance("theirs", "Running", "another")])
    give(server, OPERATION, "async", 202)
    give(server, OPERATION | {"status_code": 400, "err": "Failed shutting down instance"})
    give(server, [instance("deaf", "Running")])
    give(server, OPERATION, "async", 202)
    refuse(server, 404, "Operation not found")  # it has ended some time ago
    give(server, [instance("deaf", "Running")])

    with pytest.raises(Later, match="deaf: still running"):
        connection.suspend("job1", ID)

    states = [request for request in server.requests if "/state" in request.path]
    assert [json.loads(request.body) for request in states] == [
        {"action": "stop", "timeout": 20},
        {"action": "stop", "force": True},
    ]
    assert {request.path for request in states} == {f"/1.0/instances/deaf/state?project={ID}"}


def test_an_operation_that_does_not_end_is_later(server: Server, connection: Lxd) -> None:
    config = {"user.portal.suspended": "true", "user.portal.ran": "web"}
    give(server, {**PROJECT, "config": config})
    give(server, [])
    give(server, [instance("web", "Stopped"), instance("rests", "Stopped")])
    give(server, OPERATION, "async", 202)
    give(server, OPERATION | {"status_code": 103})

    with pytest.raises(Later, match="web: it is not done"):
        connection.resume("job1", ID)

    assert len([request for request in server.requests if "/state" in request.path]) == 1


def test_a_certificate_that_its_holder_goes_on_replacing_is_never_reported_as_removed(
    server: Server, connection: Lxd
) -> None:
    give(server, PROJECT)
    for _ in range(3):
        give(server, [CERTIFICATE])
        give(server, [PROJECT])
        refuse(server, 404, "Certificate not found")

    with pytest.raises(Later):
        connection.revoke("job1", ID, CARL)

    assert not [request for request in server.requests if request.method == "PUT"]


def test_a_role_written_by_hand_counts_as_the_strongest(server: Server, connection: Lxd) -> None:
    config = {f"user.portal.member.{CARL.id}": "boss key1", "user.portal.member.2": ""}
    give(server, {**PROJECT, "config": config})
    give(server, [CERTIFICATE, {**CERTIFICATE, "type": "metrics", "name": "metrics"}])

    found = connection.find(ID)

    assert found is not None
    assert found.members == {CARL.id: Role.OWNER, "2": Role.OWNER}


@pytest.mark.parametrize(
    ("suspended", "projects", "expected"),
    [
        ("", [ID], {CARL.id: Role.EDITOR}),
        ("", ["another"], {}),
        ("true", ["another"], {CARL.id: Role.EDITOR}),  # as a suspension leaves it
    ],
)
def test_a_member_from_whose_certificate_the_project_was_taken_has_lost_the_role(
    server: Server,
    connection: Lxd,
    suspended: str,
    projects: list[str],
    expected: dict[str, Role],
) -> None:
    marks = {"user.portal.suspended": suspended} if suspended else {}
    give(server, [{**CERTIFICATE, "projects": projects}])
    give(server, [{**PROJECT, "config": {**PROJECT["config"], **marks}}])  # type: ignore[dict-item]

    (found,) = connection.everything()

    assert found.members == expected
    assert {role: connection.role_there(role) for role in Role} == {role: role for role in Role}


def test_an_id_stays_one_segment_of_a_path(server: Server, connection: Lxd) -> None:
    refuse(server, 404)
    give(server, [])

    assert connection.find("../certificates?recursion=1#") is None

    assert sent(server)[0] == "GET /1.0/projects/..%2Fcertificates%3Frecursion%3D1%23"


def test_a_certificate_names_its_access_alone_and_ends_with_it() -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)

    certificate, key = make_certificate("key1", until)

    loaded = x509.load_pem_x509_certificate(certificate.encode())
    names = [attribute.value for attribute in loaded.subject]
    assert names == ["key1"]
    assert loaded.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "key1"
    assert loaded.not_valid_after_utc == until
    assert key.startswith("-----BEGIN PRIVATE KEY-----")


def test_an_access_whose_time_is_over_is_never_made(server: Server, connection: Lxd) -> None:
    ended = datetime.now(UTC) - timedelta(seconds=1)

    with pytest.raises(Never):
        connection.access("job1", ID, CARL, access_id="key1", secret="", until=ended)

    assert sent(server) == []
