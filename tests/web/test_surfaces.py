"""A surface of its own beside the pages: a JSON blueprint that the portal's code knows nothing of.

It authenticates by a bearer token, takes JSON, and shows errors as RFC 9457 describes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, g, request
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from portal import db, web
from portal.domain import identity
from portal.domain.actors import Actor
from portal.domain.errors import Forbidden, Refused
from tests.support.answers import csrf_token
from tests.support.browser import Browser
from tests.support.world import DORA, OLGA, World, actor

Open = Callable[..., Browser]

TOKENS = {"olgas-token": OLGA}
PROBLEM = "application/problem+json"
calls: list[str] = []
"""What authenticated, one entry for each time."""


def bearer() -> Actor | None:
    calls.append(request.path)
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return actor(TOKENS[token]) if scheme == "Bearer" and token in TOKENS else None


def require_json() -> None:
    if request.get_data() and not request.is_json:
        abort(415)


def show_problem(error: Exception) -> Response:
    status, title = 500, "Internal Server Error"
    facts: dict[str, Any] = {"request_id": g.request_id}
    if isinstance(error, HTTPException):
        status, title = error.code or 500, error.name
    elif isinstance(error, Refused):
        status, title = (403 if isinstance(error, Forbidden) else 422), "Refused"
        facts["code"] = error.code
    body = {"type": "about:blank", "title": title, "status": status, **facts}
    return Response(json.dumps(body), status, mimetype=PROBLEM)


def require_token() -> None:
    web.actor()


def create_blueprint() -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/api")
    surface = web.Surface(bearer, require_json, show_problem, is_cross_origin_refused=False)
    web.gate(api, require_token, surface=surface)
    things = Blueprint("things", __name__, url_prefix="/things")

    @things.post("")
    def add() -> dict[str, Any]:
        return {"by": web.actor().email, "again": web.actor().email, "body": request.get_json()}

    @things.post("/sensitive")
    def sensitive() -> dict[str, Any]:
        by = web.actor()
        db.write(lambda: identity.end_other_sessions(by))
        return {}

    @things.get("/broken")
    def broken() -> dict[str, Any]:
        raise ZeroDivisionError("a secret detail")

    api.register_blueprint(things)
    return api


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    app.register_blueprint(create_blueprint())
    calls.clear()
    return app.test_client()


OLGAS = {"Authorization": "Bearer olgas-token"}


def problem(answer: TestResponse) -> tuple[int, str]:
    """Status and title of the problem that the answer is."""
    assert answer.mimetype == PROBLEM
    body = json.loads(answer.text)
    assert body["status"] == answer.status_code
    return body["status"], body["title"]


def test_a_token_is_who_one_is_and_is_asked_once(client: FlaskClient, world: World) -> None:
    answer = client.post("/api/things", json={"name": "x"}, headers=OLGAS)
    assert answer.json == {"by": OLGA, "again": OLGA, "body": {"name": "x"}}
    assert calls == ["/api/things"]


def test_neither_a_form_token_nor_the_same_origin_is_asked_of_it(client: FlaskClient) -> None:
    headers = OLGAS | {"Origin": "https://elsewhere.example"}
    assert client.post("/api/things", json={}, headers=headers).status_code == 200
    answer = client.post("/profile", data={}, headers={"Origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")


def test_without_a_token_nobody_is_led_to_sign_in(client: FlaskClient, browser: Open) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"HX-Request": "true"}):
        assert problem(client.post("/api/things", json={}, headers=headers)) == (
            401,
            "Unauthorized",
        )
    signed_in = browser(DORA)
    data = {"csrf_token": csrf_token(signed_in)}
    assert problem(signed_in.post("/api/things", data=data)) == (401, "Unauthorized")


def test_each_takes_its_own_bodies(client: FlaskClient, browser: Open) -> None:
    answer = client.post("/api/things", data={"name": "x"}, headers=OLGAS)
    assert problem(answer) == (415, "Unsupported Media Type")
    answer = browser(OLGA).post("/profile", json={"name": "x"})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api", 404),
        ("GET", "/api/nothing?a=1", 404),
        ("DELETE", "/api/things", 405),
        ("POST", "/api/things/sensitive%00", 400),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method, headers=OLGAS)
    assert problem(answer)[0] == status


@pytest.mark.parametrize("path", ["/apis", "/nothing", "/console/api/things"])
def test_elsewhere_it_stays_a_page(browser: Open, client: FlaskClient, path: str) -> None:
    answer = browser(OLGA).get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is nothing here" in answer.text


def test_a_bug_is_a_problem_with_the_request_id_of_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/api/things/broken", headers=OLGAS)
    assert problem(answer) == (500, "Internal Server Error")
    assert json.loads(answer.text)["request_id"] in caplog.text
    assert "secret detail" not in answer.text


def test_a_refusal_is_a_problem_with_its_code(client: FlaskClient) -> None:
    answer = client.post("/api/things/sensitive", headers=OLGAS)
    assert problem(answer) == (422, "Refused")
    assert json.loads(answer.text)["code"] == "reauthentication-required"
