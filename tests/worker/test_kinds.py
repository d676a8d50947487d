"""Connections of each kind, tested by the worker: what they can, or why they don't work."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme
from flask import Flask

from portal import config, db, worker
from portal.demo import pretend_cloud
from portal.domain import connections
from portal.domain.connections import Kind, Message
from portal.domain.jobs import Job, OrderKind
from portal.domain.jobs import Kind as JobKind
from portal.providers.contract import Running
from portal.providers.lxd import Lxd
from portal.providers.lxd.accesses import make_certificate
from portal.providers.openstack import OpenStack
from portal.webhook_signatures import new_secret
from portal.wording import connections as wording
from portal.worker import orders, providers
from tests.providers.answering_servers import Server, answering
from tests.support.connections import stored, use_key
from tests.support.orders import job, queue_order
from tests.support.relay import clear_mails
from tests.support.settings import change_settings
from tests.support.work import appoint_operator

SECRET = new_secret()
OPENSTACK = {
    "domain": "Partner",
    "username": "portal",
    "password": "only for tests",
    "token_cache": "60",
}


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _keys(app: Flask, tmp_path: Path) -> Iterator[None]:
    clear_mails()
    use_key(tmp_path / "keys")
    yield
    connections.configure_keys(list)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the example, which has SECRET."""
    state = tmp_path_factory.mktemp("example") / "state.json"
    with pretend_cloud.run_program(0, SECRET, state) as url:
        yield url


def add(kind: str, **values: str) -> str:
    by = appoint_operator()
    return db.write(lambda: connections.add(kind, name="Frankfurt", values=values, by=by).id)


def change(connection_id: str, **values: str) -> None:
    connection, by = stored(connection_id), appoint_operator()
    db.write(lambda: connections.change(connection, values=values, by=by))


def check(connection_id: str) -> str:
    """Test the connection; what was found, in words."""
    connection, by = stored(connection_id), appoint_operator()
    db.write(lambda: connections.queue_test(connection, by=by))
    assert worker.run_next(JobKind.CLOUDS)
    return wording.findings(stored(connection_id))


def test_a_program_that_works_says_what_it_can(app: Flask, program: str) -> None:
    found = check(add(Kind.WEBHOOK, url=program, secret=SECRET))
    assert found == "It works: create, rename and close clouds; give access; limits; suspend."


def test_another_secret_is_refused_until_it_is_changed(app: Flask, program: str) -> None:
    connection_id = add(Kind.WEBHOOK, url=program, secret=new_secret())
    assert check(connection_id).startswith("The program refuses the signature.")
    change(connection_id, secret=SECRET)
    assert wording.findings(stored(connection_id)) == "Not tested since the change."
    assert check(connection_id).startswith("It works")
    assert stored(connection_id).settings["url"] == program


def test_a_private_address_needs_the_setting_and_so_does_one_without_tls(
    app: Flask, program: str
) -> None:
    change_settings(app, connection_networks=(ip_network("10.0.0.0/8"),))
    host = program.removeprefix("http://")
    said = check(add(Kind.WEBHOOK, url=program, secret=SECRET))
    assert said.startswith(f"{host} leads to a private address (127.0.0.1).")
    assert "CONNECTION_NETWORKS" in said


def test_a_certificate_that_is_not_trusted_says_so_and_one_of_a_given_issuer_is(
    app: Flask,
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with answering(context) as server:
        server.give(200, {"abilities": []})
        url = f"https://localhost:{server.server_address[1]}"
        connection_id = add(Kind.WEBHOOK, url=url, secret=SECRET)
        assert "is not trusted" in check(connection_id)
        pem = authority.cert_pem.bytes().decode()
        change(connection_id, ca_certificates=pem, secret=SECRET)
        assert check(connection_id) == "It works: create, rename and close clouds."


def keystone(server: Server) -> dict[str, str]:
    return {**OPENSTACK, "auth_url": f"http://127.0.0.1:{server.server_address[1]}/v3"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("The password is expired", "has expired. Set a new one in Keystone"),
        ("The request you have made requires authentication", "the user name or the password"),
    ],
)
def test_wrong_and_expired_credentials_are_told_apart(app: Flask, said: str, words: str) -> None:
    with answering() as server:
        server.give(401, {"error": {"message": said}})
        found = check(add(Kind.OPENSTACK, **keystone(server)))
    assert words in found
    assert found.endswith(f"It says: {said}")


def test_a_user_without_rights_is_told_each_that_is_missing(app: Flask) -> None:
    with answering() as server:
        signed_in = {"token": {"domain": {"id": "d1"}}}
        server.give(201, signed_in, X_Subject_Token="t1")
        server.give(403, {"error": {"message": "no"}})
        connection_id = add(Kind.OPENSTACK, **keystone(server))
        check(connection_id)
    missing = wording.missing(stored(connection_id).test_result)
    assert missing == [
        "list projects and users (no)",
        "create projects (no)",
        "create users (no)",
        "list role assignments (no)",
    ]


def test_the_settings_of_openstack_are_those_of_the_connection(app: Flask) -> None:
    connection_id = add(Kind.OPENSTACK, auth_url="https://cloud.example:5000/v3", **OPENSTACK)
    provider = providers.provider_of(stored(connection_id))
    assert isinstance(provider, OpenStack)
    settings = provider.settings
    assert (settings.domain, settings.username, settings.region) == ("Partner", "portal", "")
    assert settings.token_cache == timedelta(seconds=60)
    assert provider.http.allowed == config.current().connection_networks


def test_an_order_whose_callback_came_during_its_try_asks_again_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_id = add(Kind.WEBHOOK, url="https://program.example", secret=SECRET)

    def call(job: Job) -> Running:
        message = Message(connection_id, "msg_1", job.id)
        assert db.write(lambda: connections.accept_callback(message))
        return Running("x", timedelta(hours=1))

    step = orders.Step(call, lambda _job, _result: None)
    monkeypatch.setitem(orders.STEPS, OrderKind.GRANT, step)
    order_id = queue_order(OrderKind.GRANT, connection_id=connection_id)
    assert worker.run_next(JobKind.CLOUDS)
    assert job(order_id).state == "waiting"
    assert job(order_id).run_at <= db.read(db.now)


def test_an_lxd_that_does_not_trust_the_portal_says_what_to_do(app: Flask) -> None:
    leaf = trustme.CA().issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    certificate, key = make_certificate("portal", datetime.now(UTC) + timedelta(days=1))
    with answering(context) as server:
        server.give(200, {"type": "sync", "metadata": {"auth": "untrusted"}})
        connection_id = add(
            Kind.LXD,
            url=f"https://127.0.0.1:{server.server_address[1]}",
            fingerprint=hashlib.sha256(der).hexdigest().upper(),
            client_certificate=certificate,
            secret_key=key.replace("\n", ""),
            pool="fast",
        )
        found = check(connection_id)
    assert found.startswith("LXD does not trust the certificate of the portal.")
    provider = providers.provider_of(stored(connection_id))
    assert isinstance(provider, Lxd)
    assert (provider.settings.pool, provider.settings.network) == ("fast", "")
    assert provider.http.allowed == config.current().connection_networks


def test_the_example_ends_with_its_parent_and_takes_another_port_if_its_own_is_taken(
    tmp_path: Path, program: str
) -> None:
    port = int(program.rpartition(":")[2])
    with pretend_cloud.run_program(port, SECRET, tmp_path / "state.json") as url:
        assert url != program
