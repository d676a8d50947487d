"""What needs no Keystone: names of projects, and what its answers mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.providers.contract import Cloud, Later, NeedsPerson, Never, Role
from portal.providers.http_client import HttpClient
from portal.providers.openstack import OpenStack, Settings
from portal.providers.openstack.accesses import cloud_key, clouds_yaml
from portal.providers.openstack.projects import project_name
from tests.providers.answering_servers import Server, answering

ID = "b1g00000000000000001"
PASSWORD = "only-for-tests-0123456789"


def test_a_name_is_in_nfc_with_single_blanks() -> None:
    assert project_name(Cloud(ID, " Cafe\u0301\t\u202e\n Ёлка ")) == f"Café Ёлка-{ID}"


def test_a_name_of_blanks_is_the_id() -> None:
    assert project_name(Cloud(ID, " \u200b ")) == ID


@given(st.text(max_size=300))
def test_any_name_has_at_most_64_printable_characters_and_ends_with_the_id(name: str) -> None:
    result = project_name(Cloud(ID, name))

    assert len(result) <= 64
    assert result.endswith(ID)
    assert result.isprintable()
    assert unicodedata.is_normalized("NFC", result)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Web shop: $(rm) 'x'", f"web-shop-rm-x-{ID}"),
        ("Ёлка", ID),
        ("null", f"null-{ID}"),
        ("2026", f"2026-{ID}"),
    ],
)
def test_a_cloud_has_a_key_of_its_own_that_yaml_and_a_shell_read_without_quotes(
    name: str, key: str
) -> None:
    row = {"id": "p1", "name": project_name(Cloud(ID, name)), "tags": [f"portal:{ID}"]}
    assert cloud_key(row) == key
    settings = Settings("https://cloud.example/v3", "portal", PASSWORD, "Partner")
    assert clouds_yaml(settings, key, "c1", "s1").splitlines()[1] == f"  {key}:"


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as server:
        yield server


@pytest.fixture
def connection(server: Server) -> OpenStack:
    url = f"http://127.0.0.1:{server.server_address[1]}/v3"
    http = HttpClient(allowed=[ip_network("127.0.0.0/8")])
    return OpenStack(http, Settings(url, "portal", PASSWORD, "Partner"))


def sign_in(server: Server) -> None:
    server.give(201, {"token": {"domain": {"id": "d1"}}}, X_Subject_Token="t1")


@pytest.mark.parametrize(
    ("status", "expected"), [(500, Later), (403, NeedsPerson), (400, Never), (501, Never)]
)
def test_an_error_says_who_can_do_something(
    server: Server, connection: OpenStack, status: int, expected: type[Exception]
) -> None:
    sign_in(server)
    server.give(status, {"error": {"message": "because"}})

    with pytest.raises(expected):
        connection.ensure_cloud("job1", Cloud(ID, "Web shop"))


@pytest.mark.parametrize(
    ("status", "wait", "seconds"),
    [
        (503, "7", 7),
        (429, "7", 7),
        (429, "soon", None),
        (503, "86400", 3600),
        (503, "9" * 30, 3600),
        (404, "", 5),
        (409, "", 5),
    ],
)
def test_keystone_says_when_to_ask_again(
    server: Server, connection: OpenStack, status: int, wait: str, seconds: int | None
) -> None:
    sign_in(server)
    server.give(status, {"error": {"message": "because"}}, Retry_After=wait)

    with pytest.raises(Later) as refusal:
        connection.ensure_cloud("job1", Cloud(ID, "Web shop"))

    expected = None if seconds is None else timedelta(seconds=seconds)
    assert refusal.value.retry_after == expected


def test_a_password_that_is_quoted_in_an_error_is_left_out(
    server: Server, connection: OpenStack
) -> None:
    server.give(400, {"error": {"message": f"'{PASSWORD}' is too long"}})

    with pytest.raises(Never) as refusal:
        connection.ensure_cloud("job1", Cloud(ID, "Web shop"))

    assert str(refusal.value) == "'…' is too long"
    assert PASSWORD not in repr(connection.settings)


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ({"projects": [], "truncated": True}, "openstack-list-cut"),
        ({"volumes": []}, "openstack-not-keystone"),
    ],
)
def test_nothing_is_missing_on_a_list_that_was_not_read_to_its_end(
    server: Server, connection: OpenStack, page: dict[str, object], code: str
) -> None:
    sign_in(server)
    server.give(403, {"error": {"message": "Forbidden"}})
    server.give(200, page)

    with pytest.raises(NeedsPerson) as refusal:
        connection.find("p1")

    assert refusal.value.code == code


def test_a_list_that_leads_back_ends(server: Server, connection: OpenStack) -> None:
    sign_in(server)
    server.give(403, {"error": {"message": "Forbidden"}})
    server.give(200, {"projects": [], "links": {"next": "http://elsewhere.example/v3/projects?a"}})

    with pytest.raises(Later):
        connection.find("p1")

    assert [request.path for request in server.requests[2:]] == [
        "/v3/projects?domain_id=d1&limit=500",
        "/v3/projects?a",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("reader", Role.VIEWER), ("member", Role.EDITOR), ("member manager", Role.ADMIN)],
)
def test_roles_are_listed_as_keystone_has_them(
    server: Server, connection: OpenStack, given: str, expected: Role
) -> None:
    def assignment(role: str) -> dict[str, object]:
        return {"scope": {"project": {"id": "p1"}}, "user": {"id": "u1"}, "role": {"name": role}}

    project = {"id": "p1", "name": "p1", "domain_id": "d1", "enabled": True}
    user = {"id": "u1", "name": "mem1", "domain_id": "d1", "portal_membership": "mem1"}
    sign_in(server)
    server.give(200, {"users": [user]})
    server.give(200, {"role_assignments": [assignment(role) for role in given.split()]})
    server.give(200, {"projects": [project]})

    (found,) = connection.everything()

    assert found.members == {"mem1": expected}
    there = {role: connection.role_there(role) for role in Role}
    writing = dict.fromkeys((Role.EDITOR, Role.ADMIN, Role.OWNER), Role.EDITOR)
    assert there == {Role.MEMBER: None, Role.VIEWER: Role.VIEWER, **writing}


def test_all_projects_are_read_page_by_page_and_their_reader_has_time(
    server: Server, connection: OpenStack
) -> None:
    def project(name: str) -> dict[str, object]:
        return {"id": name, "name": name, "domain_id": "d1", "enabled": True}

    sign_in(server)
    server.give(200, {"users": []})
    server.give(200, {"role_assignments": []})
    following = {"next": f"{connection.settings.auth_url}/projects?marker=p2"}
    server.give(200, {"projects": [project("p1"), project("p2")], "links": following})
    server.give(200, {"projects": [project("p3")]})
    listed = connection.everything()

    assert [next(listed).external_id, next(listed).external_id] == ["p1", "p2"]
    asked = len(server.requests)
    assert [found.external_id for found in listed] == ["p3"]
    assert len(server.requests) == asked + 1

    session = connection.session("everything")
    ends, rows = session.ends, session.without_reader([{"id": "p1"}])
    assert list(rows) == [{"id": "p1"}]
    assert session.ends > ends
