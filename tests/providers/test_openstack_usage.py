"""Usage by CloudKitty, as CloudKitty 25.0.0 has answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from portal.providers.contract import Later, NeedsPerson, Usage
from portal.providers.http_client import HttpClient
from portal.providers.openstack import OpenStack, Problem, Settings
from tests.providers.answering_servers import Server, answering

DAY = date(2026, 11, 27)
PERIOD = ["2026-11-27T00:00:00+00:00", "2026-11-28T00:00:00+00:00"]
COLUMNS = ["begin", "end", "qty", "rate", "project_id", "type", "id"]
RECORDED = (
    b'{"total": 3, "columns": ["begin", "end", "qty", "rate", "project_id", "type", "id"],'
    b' "results": [["2026-11-27T00:00:00+00:00", "2026-11-28T00:00:00+00:00",'
    b' 0.30000000000000004, 0.6666666666, "p1", "volume.size", "v1"],'
    b' ["2026-11-27T00:00:00+00:00", "2026-11-28T00:00:00+00:00",'
    b' 5.0, 1.0, "p1", "volume.size", "v2"],'
    b' ["2026-11-27T00:00:00+00:00", "2026-11-28T00:00:00+00:00",'
    b' 0.2, 0.7, "p2", "volume.size", "v1"]], "format": "table"}'
)
METRICS = {"metrics": [{"metric_id": "volume.size", "metadata": [], "unit": "GiB"}]}


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as server:
        yield server


def connect(server: Server, usage_project: str = "u1") -> OpenStack:
    url = f"http://127.0.0.1:{server.server_address[1]}/v3"
    http = HttpClient(allowed=[ip_network("127.0.0.0/8")])
    settings = Settings(url, "portal", "a password", "Partner", usage_project=usage_project)
    return OpenStack(http, settings)


def sign_in(server: Server, service: str = "rating") -> None:
    """A token with this service in its catalogue, and a user that sees all projects."""
    url = f"http://127.0.0.1:{server.server_address[1]}/rating/"
    endpoints = [
        {"interface": "admin", "region_id": None, "url": "http://wrong.example"},
        {"interface": "public", "region_id": None, "url": url},
    ]
    catalog = [{"type": service, "endpoints": endpoints}]
    server.give(201, {"token": {"catalog": catalog}}, X_Subject_Token="t1")
    server.give(404, {"message": "No resource found for provided filters."})


def row(number: int, *period: str, qty: Any = 1.0, project: Any = "p1") -> list[Any]:
    return [*(period or PERIOD), qty, 0.1, project, "volume.size", f"v{number:03}"]


def page(total: int, *rows: list[Any]) -> dict[str, Any]:
    return {"total": total, "columns": COLUMNS, "results": rows, "format": "table"}


def test_a_day_is_one_question_and_other_projects_are_left_out(server: Server) -> None:
    sign_in(server)
    server.give(200, RECORDED)
    server.give(200, METRICS)

    rows = list(connect(server).usage({"p1", "p9"}, DAY))

    assert rows == [
        Usage("p1", "v1", "volume.size", Decimal("0.3"), "GiB", Decimal("0.6666666666")),
        Usage("p1", "v2", "volume.size", Decimal(5), "GiB", Decimal(1)),
    ]
    summary = urlsplit(server.requests[2].path)
    assert summary.path == "/rating/v2/summary"
    assert sorted(parse_qsl(summary.query)) == [
        ("begin", PERIOD[0]),
        ("end", PERIOD[1]),
        ("groupby", "id"),
        ("groupby", "project_id"),
        ("groupby", "type"),
        ("limit", "1000"),
        ("offset", "0"),
    ]
    assert [request.path for request in server.requests[3:]] == ["/rating/v1/info/metrics"]


def test_250_rows_come_in_pages_of_100(server: Server) -> None:
    sign_in(server)
    for start in (0, 100, 200):
        server.give(200, page(250, *map(row, range(start, min(start + 100, 250)))))
    server.give(200, METRICS)

    rows = list(connect(server).usage({"p1"}, DAY))

    assert [row.resource_id for row in rows] == [f"v{number:03}" for number in range(250)]
    offsets = [dict(parse_qsl(request.path)).get("offset") for request in server.requests[2:5]]
    assert offsets == ["0", "100", "200"]


@pytest.mark.parametrize(
    "second", [page(3, row(1)), page(2), page(2, row(0))], ids=["longer", "shorter", "shifted"]
)
def test_a_day_that_changes_while_it_is_read_is_read_later(
    server: Server, second: dict[str, Any]
) -> None:
    sign_in(server)
    server.give(200, page(2, row(0)))
    server.give(200, second)
    server.give(200, METRICS)

    with pytest.raises(Later):
        connect(server).usage({"p1"}, DAY)


@pytest.mark.parametrize(
    "answer",
    [
        page(1, row(0, "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00")),
        page(1, row(0, qty=None)),
        page(1, row(0, qty=10**30)),
        page(1, row(0)[:4]),
        page(1, row(0)[:2]),
        page(1),
        {"total": 0},
        {"columns": [], "results": []},
        b"<html>",
    ],
)
def test_an_answer_of_another_shape_or_period_needs_a_person(server: Server, answer: Any) -> None:
    sign_in(server)
    server.give(200, answer)
    server.give(200, METRICS)

    with pytest.raises(NeedsPerson) as refusal:
        connect(server).usage({"p1"}, DAY)

    assert refusal.value.code == Problem.RATING_UNCLEAR


@pytest.mark.parametrize(
    ("status", "expected"), [(401, NeedsPerson), (400, NeedsPerson), (429, Later), (500, Later)]
)
def test_an_error_says_who_can_do_something(
    server: Server, status: int, expected: type[Exception]
) -> None:
    sign_in(server)
    server.give(status, {"message": "because"})

    with pytest.raises(expected):
        connect(server).usage({"p1"}, DAY)


def test_usage_that_is_not_metered_is_no_usage_of_nothing(server: Server) -> None:
    sign_in(server, service="compute")

    for connection in (connect(server), connect(server, usage_project="")):
        with pytest.raises(NeedsPerson) as refusal:
            connection.usage({"p1"}, DAY)
        assert refusal.value.code == Problem.NO_RATING
