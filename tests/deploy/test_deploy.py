"""What stands in deploy/, as it is set up: gunicorn behind a real nginx."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml
from dotenv import dotenv_values

from portal import config
from portal.cli.serve import WORKER_STOP_TIMEOUT
from tests.conftest import SETTINGS, Databases, make_app
from tests.support import nginx
from tests.support.processes import (
    ROOT,
    environment,
    free_port,
    gunicorn_command,
    live_processes,
    run_program,
    wait_until,
)
from tests.support.visitor import Response, Visitor
from tests.support.world import OLGA, PASSWORD

pytestmark = pytest.mark.deploy

DEPLOY = ROOT / "deploy"
PRODUCTION = {
    "PORTAL_ENV": "production",
    "EXTERNAL_URL": f"https://{nginx.HOST}",
    "TRUSTED_PROXIES": "1",
    "MAIL_SERVER": "127.0.0.1",
}
LIE = {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": "http"}
"""What somebody might send who hopes that a proxy passes it on."""


@pytest.fixture(scope="module")
def url(databases: Databases) -> Iterator[str]:
    """A database with the cast."""
    copy, _world = databases.copy("sqlite")
    yield copy
    databases.drop(copy)


@contextmanager
def serving(folder: Path, url: str) -> Iterator[tuple[nginx.Site, subprocess.Popen[str]]]:
    """nginx, and gunicorn's process behind it."""
    with (
        nginx.run(folder) as site,
        run_program(gunicorn_command(site.socket), environment(url, **PRODUCTION)) as server,
    ):
        visitor = visitor_of(site)
        wait_until(lambda: server.poll() is not None or visitor.request("/healthz").status == 200)
        yield site, server


def visitor_of(site: nginx.Site) -> Visitor:
    return Visitor(site.https, site.tls, {"Host": nginx.HOST, **LIE})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[nginx.Site]:
    """Both servers, for tests that leave them running."""
    with serving(tmp_path_factory.mktemp("site"), url) as (site, _server):
        yield site


@pytest.fixture
def visitor(site: nginx.Site) -> Visitor:
    return visitor_of(site)


def upload(visitor: Visitor, list_path: str, size: int) -> tuple[int, str]:
    """Status and page after *Import CSV* with a file of so many bytes."""
    fields = visitor.hidden_fields(f"{list_path}/import")
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append('name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n' + "a" * size)
    body = "".join(f"--edge\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)
    kind = "multipart/form-data; boundary=edge"
    answer = visitor.request(f"{list_path}/import", f"{body}--edge--\r\n".encode(), kind)
    return answer.status, answer.text


def asset(page: str) -> str:
    found = re.search(r'href="(/static/app\.css\?v=\w+)"', page)
    assert found is not None
    return found[1]


def hsts(answer: Response) -> list[str] | None:
    return answer.headers.get_all("Strict-Transport-Security")


def test_people_are_served_over_https_by_nginx_and_gunicorn(
    site: nginx.Site, visitor: Visitor
) -> None:
    plain = Visitor(site.http, headers={"Host": nginx.HOST}).request("/partner?search=Carl")
    assert plain.status == 301
    assert plain.headers["Location"] == f"https://{nginx.HOST}/partner?search=Carl"
    signed_in = visitor.sign_in(OLGA, PASSWORD)
    assert signed_in.status == 303
    assert "; Secure" in signed_in.headers["Set-Cookie"]
    assert set(visitor.cookies) == {"__Host-portal"}
    customers = visitor.follow("/partner")
    listed = visitor.request(f"{customers}?search=Carl+%26+Sons")
    assert (listed.status, "Carl &amp; Sons" in listed.text) == (200, True)
    assert listed.headers["Server"] == "nginx"


def test_a_file_that_is_too_large_gets_the_portal_s_sentence(visitor: Visitor) -> None:
    visitor.sign_in(OLGA, PASSWORD)
    customers = visitor.follow("/partner")
    status, page = upload(visitor, customers, config.MAX_FILE_BYTES - 1000)
    assert (status, "is none of the columns" in page) == (422, True)
    status, page = upload(visitor, customers, config.MAX_FILE_BYTES + 1)
    assert (status, "This file has more than 4 MB" in page) == (422, True)
    assert upload(visitor, customers, 4 * config.MAX_FILE_BYTES)[0] == 413


def test_the_log_of_requests_knows_neither_searches_nor_tokens(
    site: nginx.Site, visitor: Visitor
) -> None:
    for path in ("/verify", "/forgot", "/profile/email"):
        visitor.request(f"{path}/a-token-of-a-mail")
    visitor.request("/partner?search=Carl")
    wait_until(lambda: '"GET /partner" ' in site.log)
    assert '"GET /verify/..." ' in site.log
    assert not re.search("search|Carl|a-token", site.log)


def test_nginx_serves_static_files_as_the_application_does(visitor: Visitor) -> None:
    by_nginx = visitor.request(asset(visitor.request("/sign-in").text))
    assert by_nginx.text == (ROOT / "portal" / "static" / "app.css").read_text()
    wished = {"Content-Type": "text/css; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    wished["Cache-Control"] = "public, max-age=31536000, immutable"
    assert {name: by_nginx.headers[name] for name in wished} == wished
    assert by_nginx.headers["Content-Security-Policy"] == "frame-ancestors 'none'", "nginx's own"
    assert visitor.request("/static/app.css").headers["Cache-Control"] == "no-cache"
    missing = visitor.request("/static/missing.css?v=1")
    assert (missing.status, missing.headers["Cache-Control"]) == (404, "no-store")


def test_plain_http_leads_people_alone_to_https(site: nginx.Site) -> None:
    plain = Visitor(site.http, headers={"Host": nginx.HOST})
    for path in ("/healthz", "/readyz", "/metrics"):
        assert plain.request(path).status == 404, "a monitor would never notice"
    assert plain.request("/sign-in").status == 301


def test_tls_is_1_2_or_newer_with_forward_secrecy(site: nginx.Site) -> None:
    def agreed(version: ssl.TLSVersion, ciphers: str = "DEFAULT") -> str:
        context = site.tls
        context.minimum_version = context.maximum_version = version
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", site.https), 5) as connection,
            context.wrap_socket(connection, server_hostname=nginx.HOST) as tls,
        ):
            return (tls.cipher() or ("",))[0]

    assert agreed(ssl.TLSVersion.TLSv1_3).startswith("TLS_")
    assert re.fullmatch("ECDHE-.*-(GCM-SHA...|POLY1305)", agreed(ssl.TLSVersion.TLSv1_2))
    for weak in ("kRSA", "SHA1", "SHA256:!AESGCM:!CHACHA20"):
        with pytest.raises(ssl.SSLError):
            agreed(ssl.TLSVersion.TLSv1_2, weak)


def test_a_request_with_two_lengths_is_refused(site: nginx.Site) -> None:
    lengths = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    request = f"POST /sign-in HTTP/1.1\r\nHost: {nginx.HOST}\r\n{lengths}\r\n0\r\n\r\nGET /"
    with (
        socket.create_connection(("127.0.0.1", site.https), 5) as connection,
        site.tls.wrap_socket(connection, server_hostname=nginx.HOST) as tls,
    ):
        tls.sendall(request.encode())
        assert tls.recv(100).startswith(b"HTTP/1.1 400 ")


def test_every_answer_brings_the_guards_of_browsers_once(
    site: nginx.Site, visitor: Visitor
) -> None:
    style = asset(visitor.request("/sign-in").text)
    known = {"If-None-Match": visitor.request(style).headers["ETag"]}
    answers = {
        (200, "/sign-in"): visitor.request("/sign-in"),
        (404, "/none"): visitor.request("/none"),
        (200, "a file"): visitor.request(style),
        (304, "a file"): Visitor(site.https, site.tls, visitor.headers | known).request(style),
        (404, "a file"): visitor.request("/static/none.css"),
        (400, "of nginx"): visitor.request("/%"),
        (413, "of nginx"): visitor.request("/sign-in", b"x" * 17 * 2**20),
    }
    for (status, kind), answer in answers.items():
        assert (answer.status, hsts(answer)) == (status, ["max-age=31536000"]), kind
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], kind
        (policy,) = answer.headers.get_all("Content-Security-Policy") or [""]
        assert "frame-ancestors 'none'" in policy, kind


def test_limits_count_the_address_that_nginx_saw_and_none_that_was_claimed(
    visitor: Visitor,
) -> None:
    form = visitor.hidden_fields("/forgot")
    for number in range(21):
        visitor.headers["X-Forwarded-For"] = f"203.0.113.{number}"
        body = urlencode(form | {"email": f"n{number}@guess.example"}).encode()
        is_refused = "Too many mails" in visitor.request("/forgot", body).text
        assert (number, is_refused) == (number, number == 20)


def test_gunicorn_ends_at_a_signal_and_nginx_says_so_in_sentences(tmp_path: Path, url: str) -> None:
    with serving(tmp_path, url) as (site, server):
        visitor = visitor_of(site)
        style = asset(visitor.request("/sign-in").text)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert live_processes(server) == set()
        assert server.stdout is not None
        events = [json.loads(line)["event"] for line in server.stdout]
        assert {"web.started", "web.stopped", "Using worker: gthread"} <= set(events)
        away = visitor.request("/sign-in")
        assert (away.status, away.headers["Retry-After"]) == (503, "30")
        assert hsts(away) == ["max-age=31536000"]
        assert "look first whether it had its effect" in away.text
        assert visitor.request(style).status == 200


def test_gunicorn_refuses_the_demonstration_in_production_with_a_sentence(
    databases: Databases,
) -> None:
    url, _world = databases.copy("sqlite")
    person = ["olga@halden.example", "--name", "Olga", "--password", "a fine long password"]
    assert make_app(url).test_cli_runner().invoke(args=["user", "create", *person]).exit_code == 0
    bind = f"127.0.0.1:{free_port()}"
    with run_program(gunicorn_command(bind), environment(url, **PRODUCTION)) as server:
        said, _ = server.communicate(timeout=30)
    assert server.returncode == 1
    assert "Error: This database holds the demonstration's accounts" in said
    assert "Traceback" not in said
    databases.drop(url)


def test_the_containers_are_made_of_files_that_are_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"database", "migrations", "web", "worker", "proxy"}
    for service in services.values():
        if "build" in service:
            context = DEPLOY / service["build"]["context"]
            dockerfile = (context / service["build"]["dockerfile"]).read_text()
            assert f" AS {service['build']['target']}\n" in dockerfile
            for sources in re.findall("^COPY (.*) ", dockerfile, re.MULTILINE):
                assert all((context / source).exists() for source in sources.split())
            for replaced in re.findall("s#(.*?)#", dockerfile):
                assert re.search(replaced, (DEPLOY / "nginx.conf").read_text()), replaced
        for needed in service.get("depends_on", ()):
            assert needed in services
    assert services["web"]["read_only"]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored.index("deploy/.env") > ignored.index("!deploy"), "secrets are in no image"
    assert ignored.index("deploy/tls") > ignored.index("!deploy")


def test_what_compose_asks_for_stands_in_its_example_of_settings() -> None:
    example = dotenv_values(DEPLOY / "env.example")
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    known = {setting.name for setting in config.SETTINGS}
    assert asked <= set(example)
    assert set(example) - asked <= known
    given = {name: value or "" for name, value in example.items()}
    missing = ["SECRET_KEY", "PRODUCT_NAME", "MAIL_SERVER", "MAIL_DEFAULT_SENDER"]
    with pytest.raises(config.UnsafeSettings) as refusal:
        config.load(SETTINGS | given)
    assert re.findall("- ([A-Z_]+) is missing", str(refusal.value)) == missing


@pytest.mark.parametrize("name", ["portal-web", "portal-worker"])
def test_the_units_are_understood_by_systemd(name: str, tmp_path: Path) -> None:
    unit = tmp_path / f"{name}.service"
    text = (DEPLOY / "systemd" / unit.name).read_text()
    command = "/opt/portal/current/.venv/bin/python"
    assert f"ExecStart={command} " in text
    assert "\nReadWritePaths=/opt/portal/instance\n" in text
    unit.write_text(text.replace(command, sys.executable))
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze, and only a system with systemd has one")
    assert said_by("systemd-analyze", "verify", "--man=no", str(unit)) == ""


def test_the_worker_has_the_time_to_finish_that_a_local_run_gives_it() -> None:
    text = (DEPLOY / "systemd" / "portal-worker.service").read_text()
    assert f"\nTimeoutStopSec={WORKER_STOP_TIMEOUT}\n" in text


@pytest.mark.parametrize("name", ["install", "upgrade", "installation.sh"])
def test_the_scripts_are_sound(name: str) -> None:
    shellcheck = str(Path(sysconfig.get_path("scripts")) / "shellcheck")
    for check in (["sh", "-n"], [shellcheck, "-x", "-P", str(DEPLOY)]):
        assert said_by(*check, str(DEPLOY / name)) == ""


def said_by(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr
