"""The guarded HTTP client: where it goes, whom it trusts, when it ends."""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from portal.providers.contract import Later, NeedsPerson
from portal.providers.http_client import MAX_BYTES, Answer, HttpClient, is_public
from tests.providers.answering_servers import Server, answering
from tests.providers.faulty_servers import UNENDING, Fault, closed_port, serve

LOOPBACK = [ip_network("127.0.0.0/8")]


def get(url: str, client: HttpClient, **kw: Any) -> Answer:
    return client.request("GET", url, headers={}, **kw)


def refusal(url: str, client: HttpClient) -> str:
    """The code with which the client refuses to ask."""
    with pytest.raises(NeedsPerson) as refused:
        get(url, client)
    return refused.value.code


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as server:
        yield server


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "2a00:1450::5"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


NOT_PUBLIC = """
0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.9 192.0.2.1 192.88.99.1
192.168.1.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1
::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1 2001::1
2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
fec0::1 ff0e::1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_private_mapped_and_translated_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_private_target_is_refused_unless_allowed(server: Server, host: str, scheme: str) -> None:
    url = f"{scheme}://{host}:{server.server_port}/"

    assert refusal(url, HttpClient()) == "http-address-refused"
    assert refusal(url, HttpClient(allowed=[ip_network("10.0.0.0/8")])) == "http-address-refused"
    assert server.requests == []


def test_a_mapped_address_is_not_allowed_by_the_network_inside_it(server: Server) -> None:
    url = f"http://[::ffff:127.0.0.1]:{server.server_port}/"

    assert refusal(url, HttpClient(allowed=LOOPBACK)) == "http-address-refused"
    assert get(url, HttpClient(allowed=[ip_network("::ffff:127.0.0.0/104")])).status == 200


def test_without_tls_only_allowed_networks_are_asked() -> None:
    assert refusal("http://8.8.8.8/", HttpClient(allowed=LOOPBACK)) == "http-unencrypted"


NO_URLS = """
ftp://cloud.example
file:///etc/passwd
cloud.example
http://
https://me:password@cloud.example
https://cloud.example:0
https://cloud.example:99999
https://cloud.example/ä
https://cloud.example/a b
https://[::1
https://a..example
""".strip()


@pytest.mark.parametrize("url", NO_URLS.splitlines())
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    assert refusal(url, HttpClient()) == "http-url-wrong"


def test_a_name_is_resolved_once_and_the_checked_address_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the second time."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **kw: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port, *args, **kw)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = f"http://cloud.example:{server.server_port}/"

    answer = get(url, HttpClient(allowed=[ip_network("127.0.0.1/32")]))

    assert answer.status == 200
    assert asked == ["cloud.example"]
    assert server.requests[0].headers["host"] == f"cloud.example:{server.server_port}"


def test_of_several_addresses_the_first_that_accepts_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ["10.0.0.1", "127.0.0.2", "127.0.0.1"]  # refused, closed, good
    rows = [(socket.AF_INET, 1, 6, "", (address, server.server_port)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kw: rows)

    assert get("http://cloud.example/", HttpClient(allowed=LOOPBACK)).status == 200


def test_a_resolver_that_hangs_is_left_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kw: time.sleep(5) or [])

    with pytest.raises(Later, match="no answer within"):
        get("https://cloud.example/", HttpClient(), seconds=0.1)


def test_a_name_that_does_not_exist_is_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*args: Any, **kw: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(Later, match="Name or service not known"):
        get("https://cloud.example/", HttpClient())


def test_proxies_of_the_environment_are_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")

    url = f"http://127.0.0.1:{server.server_port}/"

    assert get(url, HttpClient(allowed=LOOPBACK)).status == 200


def test_a_redirect_is_an_answer_and_not_followed(server: Server) -> None:
    server.give(302, Location="/elsewhere")

    answer = get(f"http://127.0.0.1:{server.server_port}/", HttpClient(allowed=LOOPBACK))

    assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
    assert len(server.requests) == 1


def test_an_answer_has_at_most_a_mebibyte(server: Server) -> None:
    url, client = f"http://127.0.0.1:{server.server_port}/", HttpClient(allowed=LOOPBACK)
    server.give(200, b"x" * MAX_BYTES)
    server.give(200, b"x" * (MAX_BYTES + 1))

    assert len(get(url, client).body) == MAX_BYTES
    assert refusal(url, client) == "http-answer-too-large"
    larger = HttpClient(allowed=LOOPBACK, max_bytes=MAX_BYTES + 1)
    assert len(get(url, larger).body) == MAX_BYTES + 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost")


@pytest.fixture
def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def secure(context: ssl.SSLContext) -> Iterator[Server]:
    with answering(context) as server:
        yield server


def test_tls_is_verified_with_the_given_authority(secure: Server, authority: trustme.CA) -> None:
    port = secure.server_port
    client = HttpClient(LOOPBACK, ca_certificates=authority.cert_pem.bytes().decode())

    assert get(f"https://localhost:{port}/", client).status == 200
    assert refusal(f"https://127.0.0.1:{port}/", client) == "http-certificate-refused"  # its name
    assert refusal(f"https://localhost:{port}/", HttpClient(LOOPBACK)) == "http-certificate-refused"
    assert len(secure.requests) == 1


@pytest.mark.parametrize("fault", [fault for fault in UNENDING if not fault.is_tls], ids=str)
def test_under_tls_too_a_server_that_does_not_end_is_left_at_the_limit(
    context: ssl.SSLContext, authority: trustme.CA, fault: Fault
) -> None:
    client = HttpClient(LOOPBACK, ca_certificates=authority.cert_pem.bytes().decode())

    with serve(fault, context) as port, pytest.raises(Later, match="no answer within"):
        get(f"https://localhost:{port}/", client, seconds=0.3)


def test_a_pinned_certificate_is_trusted_and_no_other(
    secure: Server, certificate: trustme.LeafCert
) -> None:
    pem = certificate.cert_chain_pems[0].bytes().decode()
    pinned = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    with_colons = ":".join(pinned[at : at + 2] for at in range(0, 64, 2)).upper()
    url = f"https://127.0.0.1:{secure.server_port}/"

    assert get(url, HttpClient(LOOPBACK, fingerprint=pinned)).status == 200
    assert get(url, HttpClient(LOOPBACK, fingerprint=with_colons)).status == 200
    assert refusal(url, HttpClient(LOOPBACK, fingerprint="0" * 64)) == "http-certificate-changed"
    assert len(secure.requests) == 2  # nothing was sent to the other


@pytest.fixture
def demanding(authority: trustme.CA, context: ssl.SSLContext) -> Iterator[Server]:
    """A server that asks its clients for a certificate."""
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with answering(context) as server:
        yield server


def test_a_client_certificate_is_shown_and_leaves_no_file(
    demanding: Server, authority: trustme.CA
) -> None:
    ours = authority.issue_cert("portal.example")
    certificate = ours.cert_chain_pems[0].bytes().decode()
    key = ours.private_key_pem.bytes().decode()
    trusted = authority.cert_pem.bytes().decode()
    client = HttpClient(
        LOOPBACK, ca_certificates=trusted, client_certificate=certificate, client_key=key
    )
    url = f"https://localhost:{demanding.server_port}/"

    assert get(url, client).status == 200
    assert key not in repr(client)
    with pytest.raises(Later):
        get(url, HttpClient(LOOPBACK, ca_certificates=trusted))
    assert len(demanding.requests) == 1


@pytest.mark.parametrize("key", ["", "no key", "encrypted", "another's"])
def test_a_client_certificate_that_does_not_do_needs_a_person(
    secure: Server, authority: trustme.CA, certificate: trustme.LeafCert, key: str
) -> None:
    if key == "encrypted":
        pem = certificate.private_key_pem.bytes()
        password = serialization.BestAvailableEncryption(b"secret")
        key = (
            serialization.load_pem_private_key(pem, None)
            .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, password)
            .decode()
        )
    if key == "another's":
        key = authority.issue_cert("another.example").private_key_pem.bytes().decode()
    pem = certificate.cert_chain_pems[0].bytes().decode()
    client = HttpClient(LOOPBACK, client_certificate=pem, client_key=key)

    url = f"https://localhost:{secure.server_port}/"

    assert refusal(url, client) == "http-client-certificate-unreadable"


def test_an_authority_that_is_no_certificate_needs_a_person(secure: Server) -> None:
    client = HttpClient(LOOPBACK, ca_certificates="no certificate")

    assert refusal(f"https://localhost:{secure.server_port}/", client) == "http-ca-unreadable"


def test_nothing_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    client = HttpClient(allowed=LOOPBACK)
    url = f"http://127.0.0.1:{server.server_port}/"
    client.request("PUT", url, headers={"X-Secret": "s3cret"}, body=b"s3cret")

    assert not caplog.records


def test_nothing_is_sent_by_a_process_that_was_stopped_until_the_end(server: Server) -> None:
    client = HttpClient(LOOPBACK, ends=time.monotonic())
    with pytest.raises(Later):
        get(f"http://127.0.0.1:{server.server_port}/", client)
    assert server.requests == []
