"""The kind webhook: what it sends, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from ipaddress import ip_network
from typing import Any

import pytest
import standardwebhooks

from portal.providers import webhook as webhook_module
from portal.providers.contract import (
    Ability,
    Access,
    Cloud,
    Done,
    Found,
    How,
    Later,
    Member,
    NeedsPerson,
    Never,
    Role,
    Running,
    Usage,
)
from portal.providers.http_client import HttpClient
from portal.providers.webhook import Webhook
from portal.webhook_signatures import new_secret
from tests.providers.answering_servers import Server, answering

SECRET = new_secret()
CLOUD = Cloud("cloud-1", "Web shop", {"cores": 4})
NINA = Member("member-1", "Nina", "nina@customer.example")
UNTIL = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture
def program() -> Iterator[Server]:
    with answering() as server:
        yield server


@pytest.fixture
def webhook(program: Server) -> Webhook:
    http = HttpClient(allowed=[ip_network("127.0.0.0/8")])
    return Webhook(f"http://127.0.0.1:{program.server_port}/portal/?region=1", SECRET, http)


def get_access(webhook: Webhook) -> Access | Running:
    return webhook.access("17", "x-1", NINA, access_id="a-1", secret="s3cret", until=UNTIL)


def test_an_independent_receiver_accepts_each_request(program: Server, webhook: Webhook) -> None:
    program.give(201, {"external_id": "x-1"})
    webhook.ensure_cloud("17", CLOUD)
    webhook.grant("18", "x-1", NINA, Role.EDITOR)
    webhook.operation("17", "cloud.ensure:op-1")

    receiver = standardwebhooks.Webhook(SECRET)
    ensure, grant, operation = (
        (request.method, request.path, receiver.verify(request.body, dict(request.headers)))
        for request in program.requests
    )
    facts = {"our_id": "cloud-1", "name": "Web shop", "limits": {"cores": 4}}
    assert ensure == ("PUT", "/portal?region=1", {"type": "cloud.ensure", "id": "17", **facts})
    assert grant[2]["member"]["id"] == "member-1"
    assert grant[2]["role"] == "editor"
    assert operation[:2] == ("POST", "/portal/last_operation?region=1")
    assert operation[2]["operation"] == "op-1"


def test_an_order_keeps_its_webhook_id_as_long_as_it_says_the_same(
    program: Server, webhook: Webhook
) -> None:
    webhook.grant("17", "x-1", NINA, Role.EDITOR)
    webhook.grant("17", "x-1", NINA, Role.EDITOR)
    webhook.grant("17", "x-1", NINA, Role.VIEWER)
    webhook.grant("18", "x-1", NINA, Role.VIEWER)

    first, again, *others = (request.headers["webhook-id"] for request in program.requests)
    assert first == again
    assert len({first, *others}) == 3
    assert "." not in first


@pytest.mark.parametrize("status", [200, 201])
def test_done(program: Server, webhook: Webhook, status: int) -> None:
    ends_by = "2026-11-28T13:05:00+01:00"
    program.give(status, {"external_id": "x-1", "ends_by": ends_by, "left": ["2 servers\nrun"]})

    assert webhook.suspend("17", "x-1") == Done(
        "x-1", datetime(2026, 11, 28, 12, 5, tzinfo=UTC), ("2 servers run",)
    )


def test_an_operation_goes_on_until_it_is_done(program: Server, webhook: Webhook) -> None:
    program.give(202, {"operation": "op-1"}, Retry_After="7")
    program.give(202)
    program.give(200, {"external_id": "x-1"})

    started = webhook.ensure_cloud("17", CLOUD)
    assert isinstance(started, Running)
    assert started.retry_after == timedelta(seconds=7)
    going_on = webhook.operation("17", started.operation)
    assert isinstance(going_on, Running)
    assert going_on.retry_after == timedelta(seconds=5)
    assert webhook.operation("17", going_on.operation) == Done("x-1")


def test_an_access_may_take_a_while(program: Server, webhook: Webhook) -> None:
    program.give(202, {"operation": "op-1"})
    program.give(200, {"how": "token", "text": "t0ken", "expires": UNTIL.isoformat()})

    started = get_access(webhook)

    assert isinstance(started, Running)
    assert webhook.operation("17", started.operation) == Access(How.TOKEN, "t0ken", UNTIL)


def test_what_is_gone_is_taken_away(program: Server, webhook: Webhook) -> None:
    program.give(410)

    assert webhook.suspend("17", "x-1") == Done()
    assert webhook.close("17", "x-1") == Done()
    assert webhook.revoke("17", "x-1", NINA) == Done()
    assert webhook.withdraw("17", "x-1", NINA, access_id="a-1") == Done()
    assert webhook.operation("17", "member.revoke:op-1") == Done()
    assert webhook.find("x-1") is None


def test_nothing_is_given_on_what_is_gone(program: Server, webhook: Webhook) -> None:
    program.give(410)

    for call in (
        lambda: webhook.grant("17", "x-1", NINA, Role.EDITOR),
        lambda: webhook.resume("17", "x-1"),
        lambda: get_access(webhook),
        lambda: webhook.operation("17", "cloud.ensure:op-1"),
    ):
        with pytest.raises(NeedsPerson, match="webhook-gone"):
            call()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (307, NeedsPerson, "webhook-redirects"),
        (400, Never, "HTTP 400 no such flavor"),
        (401, NeedsPerson, "webhook-signature-refused"),
        (403, NeedsPerson, "webhook-signature-refused"),
        (404, NeedsPerson, "webhook-url-wrong"),
        (405, NeedsPerson, "webhook-url-wrong"),
        (409, NeedsPerson, "webhook-conflict"),
        (413, Never, "HTTP 413"),
        (422, Later, "HTTP 422"),
        (429, Later, "HTTP 429"),
        (500, Later, "HTTP 500"),
        (501, Never, "HTTP 501"),
        (503, Later, "HTTP 503"),
    ],
)
def test_what_is_refused(
    program: Server, webhook: Webhook, status: int, error: type[Exception], words: str
) -> None:
    program.give(status, {"description": "no such flavor"})

    with pytest.raises(error, match=words):
        webhook.ensure_cloud("17", CLOUD)


@pytest.mark.parametrize(("value", "seconds"), [("90", 90), ("0", 1), ("9" * 99, 3600)])
def test_busy_says_after_how_many_seconds_to_come_back(
    program: Server, webhook: Webhook, value: str, seconds: int
) -> None:
    program.give(503, Retry_After=value)

    with pytest.raises(Later) as later:
        webhook.suspend("17", "x-1")

    assert later.value.retry_after == timedelta(seconds=seconds)


def test_busy_says_at_what_time_to_come_back(program: Server, webhook: Webhook) -> None:
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    program.give(503, Retry_After=format_datetime(in_an_hour, usegmt=True))

    with pytest.raises(Later) as later:
        webhook.suspend("17", "x-1")

    assert later.value.retry_after is not None
    assert timedelta(minutes=55) < later.value.retry_after <= timedelta(hours=1)


@pytest.mark.parametrize("value", ["", "soon", "-1", "٣", "Wed, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_passed_over(
    program: Server, webhook: Webhook, value: str
) -> None:
    program.give(503, Retry_After=value.encode().decode("latin-1"))

    with pytest.raises(Later) as later:
        webhook.suspend("17", "x-1")

    assert later.value.retry_after is None


UNCLEAR = [
    b"",
    b"[]",
    b"null",
    b"[" * 10**5,
    b"\xff",
    {"external_id": 7},
    {"external_id": ""},
    {"external_id": "x" * 256},
    {"external_id": "x\u0000"},
    {"external_id": " x"},
    {"external_id": "x", "left": 3},
    {"external_id": "x", "left": [3]},
    {"external_id": "x", "ends_by": "soon"},
    {"external_id": "x", "ends_by": "2026-11-28T12:00:00"},
    {"external_id": "x", "ends_by": 3},
    {"external_id": "x", "ends_by": "0001-01-01T00:00:00+00:00"},
    {"external_id": "x", "ends_by": "9999-12-31T23:59:59+00:00"},
]


@pytest.mark.parametrize("facts", UNCLEAR, ids=range(len(UNCLEAR)))
def test_an_unclear_answer_needs_a_person(program: Server, webhook: Webhook, facts: object) -> None:
    program.give(200, facts)

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        webhook.ensure_cloud("17", CLOUD)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"how": "fax", "text": "x"},
        {"how": "text"},
        {"how": "text", "text": ""},
        {"how": "text", "text": "half a character: \ud800"},
    ],
)
def test_an_unclear_access_needs_a_person(
    program: Server, webhook: Webhook, facts: dict[str, str]
) -> None:
    program.give(200, facts)

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        get_access(webhook)


@pytest.mark.parametrize("status", [400, 401, 503])
def test_no_error_has_a_secret_in_it(program: Server, webhook: Webhook, status: int) -> None:
    """A program that says back what it was sent."""
    program.give(status, {"description": "unknown: s3cret"})

    with pytest.raises((Later, NeedsPerson, Never)) as error:
        get_access(webhook)

    assert "s3cret" not in f"{error.value!r} {vars(error.value)}"
    assert SECRET not in repr(webhook)


def test_a_wrong_signing_secret_needs_a_person(program: Server, webhook: Webhook) -> None:
    with pytest.raises(NeedsPerson, match="webhook-secret-wrong"):
        Webhook(webhook.url, "whsec_", webhook.http).preflight()

    assert program.requests == []


def test_preflight_says_what_the_program_can(program: Server, webhook: Webhook) -> None:
    program.give(200, {"abilities": ["access", "teleport"], "missing": ["a key"], "token_cache": 9})

    preflight = webhook.preflight()

    assert preflight.abilities == {Ability.ACCESS}
    assert (preflight.missing, preflight.token_cache) == (("a key",), timedelta(seconds=9))


def test_a_program_need_not_say_whether_a_cloud_is_empty(program: Server, webhook: Webhook) -> None:
    answers = [(200, True), (200, False), (200, None), (501, None), (404, None), (410, True)]
    for status, is_empty in answers:
        program.answers.clear()
        program.give(status, {"is_empty": is_empty})
        assert webhook.is_empty("x-1") is is_empty
    program.answers.clear()
    program.give(200, {"is_empty": "yes"})
    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        webhook.is_empty("x-1")


@pytest.mark.parametrize("seconds", [-1, 86_401, 10**12])
def test_a_token_cache_has_a_bound(program: Server, webhook: Webhook, seconds: int) -> None:
    """What a revoke adds to its time."""
    program.give(200, {"abilities": ["access"], "token_cache": seconds})

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        webhook.preflight()


def test_what_goes_on_is_named_up_to_a_bound(program: Server, webhook: Webhook) -> None:
    program.give(200, {"left": ["a server"] * 10_000})

    done = webhook.suspend("17", "x-1")
    assert isinstance(done, Done)
    assert len(done.left) == 50


def test_lists_are_read_to_their_end(program: Server, webhook: Webhook) -> None:
    row = {"name": "Shop", "our_id": "cloud-1", "is_suspended": True, "members": {"m": "viewer"}}
    program.give(200, {"rows": [{"external_id": "x-1", **row}], "next": "page-2"})
    program.give(200, {"rows": [{"external_id": "x-2", "name": "Foreign"}]})

    assert list(webhook.everything()) == [
        Found("x-1", "Shop", "cloud-1", True, {"m": Role.VIEWER}),
        Found("x-2", "Foreign"),
    ]
    assert [json.loads(request.body)["after"] for request in program.requests] == ["", "page-2"]


def test_a_list_that_turns_in_a_circle_needs_a_person(program: Server, webhook: Webhook) -> None:
    program.give(200, {"rows": [], "next": "page-2"})

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        list(webhook.everything())


class Endless(list[Any]):
    """Answers with pages of which each names another next one."""

    def __init__(self, *rows: object) -> None:
        super().__init__([None, None])
        self.rows, self.number = rows, 0

    def pop(self, _index: Any = 0) -> tuple[int, dict[str, str], bytes]:
        self.number += 1
        page = {"rows": self.rows, "next": f"page-{self.number}"}
        return 200, {}, json.dumps(page).encode()


def test_a_list_without_an_end_ends_with_the_time_of_a_call(
    program: Server, webhook: Webhook
) -> None:
    """Else it would hold the connection, and what takes access away there."""
    program.answers = Endless()

    with pytest.raises(Later):
        list(replace(webhook, seconds=0.3).everything())


def test_a_list_has_a_bound(
    program: Server, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_module, "MAX_ROWS", 5)
    program.answers = Endless(*[{"external_id": "x-1", "name": "Shop"}] * 2)

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        list(webhook.everything())
    assert len(program.requests) == 3


def test_another_cloud_than_the_one_asked_for_is_not_taken(
    program: Server, webhook: Webhook
) -> None:
    program.give(200, {"external_id": "x-2", "name": "Foreign"})

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        webhook.find("x-1")


@pytest.mark.parametrize(
    ("identity", "role"),
    [
        (("https://idp.example", "dora"), Role.OWNER),
        (("https://other.example", "dora"), None),
        (("https:", "/idp.example/dora"), None),
        (("", "dora"), None),
    ],
)
def test_an_identity_is_a_subject_of_its_provider(
    program: Server, webhook: Webhook, identity: tuple[str, str], role: Role | None
) -> None:
    members = {"dora": "editor", "https%3A%2F%2Fidp.example/dora": "owner"}
    program.give(200, {"external_id": "x-1", "name": "Shop", "members": members})
    assert webhook.role_of("x-1", identity) is role


LINE = {"resource_id": "r", "kind": "server", "quantity": "0.1", "unit": "h", "cost": 0.2}


def test_usage_of_other_clouds_is_left_out(program: Server, webhook: Webhook) -> None:
    """A program that ignores the filter."""
    rows = [{"external_id": external_id, **LINE} for external_id in ("x-1", "x-2")]
    program.give(200, {"rows": rows})

    lines = list(webhook.usage(["x-1"], date(2026, 11, 27)))

    assert lines == [Usage("x-1", "r", "server", Decimal("0.1"), "h", Decimal("0.2"))]
    assert json.loads(program.requests[0].body)["day"] == "2026-11-27"


@pytest.mark.parametrize("quantity", [-1, "nan", "Infinity", 1e300, True, None, "", []])
def test_usage_that_is_no_number_needs_a_person(
    program: Server, webhook: Webhook, quantity: object
) -> None:
    program.give(200, {"rows": [{"external_id": "x-1", **LINE, "quantity": quantity}]})

    with pytest.raises(NeedsPerson, match="webhook-answer-unclear"):
        list(webhook.usage(["x-1"], date(2026, 11, 27)))
