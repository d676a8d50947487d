"""Headers on every answer, requests that no browser sends, pages for what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from portal import config, db, web
from tests.conftest import make_app
from tests.support.answers import csrf_token, definition_list, links, stored_rows
from tests.support.browser import Browser
from tests.support.settings import change_settings
from tests.support.world import DORA, OLGA, SAM, VERA, World

Open = Callable[..., Browser]

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
HASHED = r"/static/app\.css\?v=[0-9a-f]{12}"


def every_kind(client: Browser, world: World) -> dict[str, TestResponse]:
    """An answer of each kind there is, as Olga gets them."""
    north = f"/partner/{world.north}/customers"
    good = {"csrf_token": csrf_token(client)}
    fragment = {"HX-Request": "true"}
    stranger = client.application.test_client()
    return {
        "page": client.get("/console"),
        "head": client.head("/console"),
        "fragment": client.get(north, headers=fragment),
        "redirect": client.get("/"),
        "anonymous": stranger.get("/console"),
        "anonymous fragment": stranger.get("/console", headers=fragment),
        "public": stranger.get("/sign-in"),
        "400": client.get("/console?q=%00"),
        "404": client.get("/none"),
        "404 of a file": client.get("/static/none.css?v=1"),
        "405": client.post("/console", data=good),
        "413": client.post("/sign-in", data={"email": "x" * config.MAX_BODY_BYTES}),
        "422": client.post(f"{north}/add", data=good),
        "wrong host": stranger.get("/", base_url="http://evil.example"),
    }


def test_every_answer_has_the_security_headers(browser: Open, world: World) -> None:
    for kind, answer in every_kind(browser(OLGA), world).items():
        for name, value in ALWAYS.items():
            assert answer.headers.getlist(name) == [value], (kind, name)
        policy = dict(
            directive.split(" ", 1)
            for directive in answer.headers["Content-Security-Policy"].split("; ")
        )
        assert policy["default-src"] == "'none'", kind
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", kind
        allowed = {source for sources in policy.values() for source in sources.split()}
        assert allowed == {"'none'", "'self'", "data:"}, kind
        assert "data:" not in policy["script-src"], kind
        assert "Strict-Transport-Security" not in answer.headers, kind


def test_nothing_but_a_file_is_ever_stored(browser: Open, world: World) -> None:
    for kind, answer in every_kind(browser(OLGA), world).items():
        assert answer.headers["Cache-Control"] == "no-store", kind
        assert "HX-Request" in answer.headers["Vary"], kind


def test_every_body_says_what_it_is_and_no_other_site_reads_it(browser: Open, world: World) -> None:
    client = browser(OLGA)
    answers = every_kind(client, world) | {
        "CSV": client.get(f"/partner/{world.north}/customers/export"),
        "script": client.get("/static/app.js", buffered=True),
        "picture": client.get("/static/favicon.svg", buffered=True),
        "folder": client.get("/static/", headers={"Origin": "https://evil.example"}),
        "trace": client.open("/console", method="TRACE"),
    }
    for kind, answer in answers.items():
        if answer.data:
            assert answer.content_type.endswith("; charset=utf-8"), kind
        assert "Access-Control-Allow-Origin" not in answer.headers, kind
    assert answers["CSV"].headers["Content-Disposition"].startswith("attachment; filename=")
    assert (answers["folder"].status_code, answers["trace"].status_code) == (404, 405)


def test_a_file_is_kept_as_long_as_its_content_stays(browser: Open) -> None:
    client = browser()
    client.get("/sign-in")
    found = re.search(HASHED, client.get("/sign-in").text)
    assert found is not None
    hashed = client.get(found[0], buffered=True)
    assert hashed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    known = {"If-None-Match": hashed.headers["ETag"]}
    again = client.get(found[0], headers=known, buffered=True)
    assert again.status_code == 304
    assert "immutable" in again.headers["Cache-Control"]
    bare = client.get("/static/app.css", buffered=True)
    assert "immutable" not in bare.headers["Cache-Control"]
    for answer in (hashed, bare):
        assert answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers


BEHIND_TLS = {
    "PORTAL_ENV": "production",
    "EXTERNAL_URL": "https://localhost",
    "MAIL_SERVER": "relay.test.example",
}


@pytest.mark.parametrize("settings", [BEHIND_TLS])
def test_behind_tls_the_browser_is_told_to_stay_there(
    app: Flask, browser: Open, world: World
) -> None:
    for subdomains in ("", "; includeSubDomains"):
        change_settings(app, hsts_include_subdomains=bool(subdomains))
        for kind, answer in every_kind(browser(), world).items():
            hsts = answer.headers.getlist("Strict-Transport-Security")
            assert hsts == ["max-age=31536000" + subdomains], kind
    answer = app.test_client().get("/sign-in", base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-portal=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))


@pytest.mark.parametrize("settings", [BEHIND_TLS])
def test_behind_tls_no_cookie_can_come_from_another_host_or_a_script(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/sign-in", base_url="https://localhost")
    token = re.search('name="csrf_token" type="hidden" value="(.*?)"', page.text)
    assert token is not None
    for name, value in (("theme", "dark"), ("language", "ru")):
        client.post(
            f"/preferences/{name}",
            data={"csrf_token": token[1], name: value},
            base_url="https://localhost",
            headers={"Referer": "https://localhost/sign-in"},
        )
    cookies = {cookie.key: cookie for cookie in client._cookies.values()}
    assert set(cookies) == {"__Host-portal", "__Host-portal-theme", "__Host-portal-language"}
    for cookie in cookies.values():
        assert (cookie.secure, cookie.http_only, cookie.path) == (True, True, "/")
        assert (cookie.origin_only, cookie.same_site) == (True, "Lax")
    shown = client.get("/sign-in", base_url="https://localhost").text
    assert '<html lang="ru" data-bs-theme="dark">' in shown


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "localhost@evil.example"]
)
def test_another_host_is_refused_and_told_the_right_one(browser: Open, host: str) -> None:
    answer = browser().get("/sign-in", headers={"Host": host})
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert "Open http://localhost instead." in answer.text
    assert "evil" not in answer.text


@pytest.mark.parametrize("settings", [{"HOST": "::1", "EXTERNAL_URL": ""}])
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_local_run_answers_under_each_loopback_address(browser: Open) -> None:
    for host in ("[::1]:8000", "[::1]", "127.0.0.1:8000", "LOCALHOST:8000"):
        assert browser().get("/sign-in", headers={"Host": host}).status_code == 200
    for host in ("[::2]", "[::1].example", "::1", "localhost:99999", ""):
        assert browser().get("/", headers={"Host": host}).status_code == 400


UNREADABLE = {
    "NUL in the path": ("/invite/accept/%00", None),
    "NUL in a query": ("/console?q=a%00b", None),
    "NUL in a query's name": ("/console?a%00b=1", None),
    "bad UTF-8 in the path": ("/invite/accept/%FF", None),
    "a surrogate in the path": ("/none/%ED%A0%80", None),
    "bad UTF-8 in a query": ("/console?q=%C3", None),
    "bad UTF-8 in a query's name": ("/console?%FF=1", None),
    "bad UTF-8 in a form": ("/console/clouds/create", b"name=%FF"),
    "raw bad UTF-8 in a form": ("/console/clouds/create", b"name=\xff"),
    "bad UTF-8 in a form's name": ("/console/clouds/create", b"%C3=1"),
}


@pytest.mark.parametrize(("target", "body"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_text_is_refused(browser: Open, target: str, body: bytes | None) -> None:
    client = browser(OLGA)
    before = stored_rows()
    if body is None:
        # The client would mend a path that is no UTF-8; a server hands its bytes on.
        path = unquote_to_bytes(target.partition("?")[0]).decode("latin-1")
        answer = client.get(target, environ_overrides={"PATH_INFO": path})
    else:
        typed = "application/x-www-form-urlencoded"
        good = f"&csrf_token={csrf_token(client)}".encode()
        answer = client.post(target, data=body + good, content_type=typed)
    assert answer.status_code == 400
    assert "could not be read" in client.text
    assert "/" in links(client).values()
    assert stored_rows() == before


@pytest.mark.parametrize("who", [OLGA, None], ids=["signed in", "anonymous"])
def test_too_large_a_body_is_refused(browser: Open, who: str | None) -> None:
    client = browser(who)
    before = stored_rows()
    good = {"csrf_token": csrf_token(client)}
    huge = good | {"name": "x" * config.MAX_BODY_BYTES}
    answer = client.post("/console/clouds/create", data=huge, follow_redirects=True)
    assert answer.status_code == 413
    assert "larger than any form here needs" in client.text
    assert stored_rows() == before


@pytest.mark.parametrize(
    ("who", "method", "path", "status", "what", "step"),
    [
        (VERA, "GET", "/partner/{north}/customers/add", 403, "Ask an owner", "Back"),
        (DORA, "GET", "/partner", 403, "no partner status", "Sign in as someone else"),
        (OLGA, "GET", "/none", 404, "does not exist for your account", "Go to the start page"),
        (None, "GET", "/none", 404, "address is wrong", "Go to the start page"),
        (SAM, "GET", "/console/clouds/{doras_cloud}", 404, "address", "Sign in as someone else"),
        (
            OLGA,
            "POST",
            "/console",
            405,
            "Go back to the page it belongs to",
            "Go to the start page",
        ),
        (OLGA, "PUT", "/console", 405, "Go back to the page it belongs to", "Go to the start page"),
        (OLGA, "POST", "/console/billing/{north}/switch-to-paid", 422, "already", "Back"),
    ],
)
def test_what_goes_wrong_has_a_page_with_a_next_step(
    *,
    browser: Open,
    world: World,
    who: str | None,
    method: str,
    path: str,
    status: int,
    what: str,
    step: str,
) -> None:
    client = browser(who)
    data = {"csrf_token": csrf_token(client)} if method == "POST" else None
    answer = client.open(path.format(**vars(world)), method=method, data=data)
    assert answer.status_code == status
    assert what in client.text
    assert "Test Cloud" in client.text
    assert "What you can do" in client.text
    assert links(client)[step]


def test_a_form_that_was_open_for_too_long_leads_back_to_its_page(browser: Open) -> None:
    client = browser(OLGA)
    client.get("/console/clouds/create")
    client.submit("Sign out", csrf_token="stale")
    assert "The page was open for too long" in client.text
    assert links(client)["Back"].endswith("/console/clouds/create")


def test_a_404_leads_back_to_itself_after_signing_in_as_someone_else(
    browser: Open, world: World
) -> None:
    client = browser(SAM)
    wanted = f"/console/clouds/{world.doras_cloud}?q=1"
    client.get(wanted)
    client.get(links(client)["Sign in as someone else"])
    answer = client.submit("Sign in", email=DORA, password="correct horse")
    assert answer.status_code == 200
    assert answer.request.full_path == wanted


@pytest.mark.both_databases
def test_a_bug_shows_a_request_id_that_is_in_the_log(
    browser: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    client = browser(OLGA)
    db.write(lambda: db.session.execute(text("DROP TABLE folders")))
    db.write(lambda: db.session.execute(text("ALTER TABLE customers RENAME TO elsewhere")))
    answer = client.get("/console")
    assert answer.status_code == 500
    assert_bare(client, answer, capsys.readouterr().err)


def assert_bare(client: Browser, answer: TestResponse, log: str) -> None:
    """The page of a bug asks nobody and tells nothing but its ID."""
    assert "Something broke on our side" in client.text
    assert "Test Cloud" in client.text
    assert links(client)["Go to the start page"] == "/"
    assert OLGA not in answer.text
    assert not re.search(r"Traceback|sqlalchemy|SELECT|no such|does not exist", answer.text)
    request_id = definition_list(client)["Request ID"]
    assert re.fullmatch(r"[0-9a-f]{16}", request_id)
    (line,) = [line for line in log.splitlines() if "request.failed" in line]
    assert f"request_id={request_id}" in line
    assert f"method={answer.request.method}" in line
    assert "Traceback" in log


@pytest.mark.parametrize("path", ["/console", "/none", "/sign-in", "/static/none.css", "/?q=%00"])
@pytest.mark.both_databases
def test_the_page_of_a_bug_stands_when_the_sessions_are_gone(
    browser: Open, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    client = browser(OLGA)
    db.write(lambda: db.session.execute(text("DROP TABLE sessions")))
    answer = client.get(path)
    assert answer.status_code == 500
    assert_bare(client, answer, capsys.readouterr().err)


@pytest.mark.both_databases
def test_a_page_says_that_the_database_is_gone(
    *,
    app: Flask,
    browser: Open,
    cast: tuple[str, World],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    signed_in = browser(OLGA)
    cookie = signed_in.get_cookie("portal")
    assert cookie is not None
    gone = f"sqlite:///{tmp_path}" if kind == "sqlite" else cast[0] + "_gone"
    client: FlaskClient = make_app(gone).test_client()
    client.set_cookie("portal", cookie.value)
    for path in ("/console", "/none"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "Test Cloud" in answer.text
        assert OLGA not in answer.text
    assert "Traceback" not in capsys.readouterr().err


OWN = ["/", "/console", "/console?q=a&b=%2F", "/a/b//c", "/%2F%2Fevil.example", "/ü", "/a:b", "/@a"]
FOREIGN = [
    *("", "console", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example"),
    *("\\\\evil.example", "https://evil.example", "https:/evil.example", "https:evil.example"),
    *("javascript:alert(1)", "/\n/evil.example", "/\t/evil.example", "/\r\nSet-Cookie: a=b"),
    *("/a\\b", "/a b", " //evil.example", "\t//evil.example", "/\x00", "/\x1f//evil.example", "?q"),
    *("/\x7f", "/\x85", "/a\u2028b", "//[", "/" + "x" * 2001),
]


@pytest.mark.parametrize("path", OWN)
def test_a_path_of_ours_is_followed(path: str) -> None:
    assert web.safe_path(path, "/else") == path


@pytest.mark.parametrize("path", FOREIGN, ids=ascii)
def test_what_could_lead_away_is_not_followed(path: str) -> None:
    assert web.safe_path(path, "/else") == "/else"
    assert web.safe_path(None, "/else") == "/else"
