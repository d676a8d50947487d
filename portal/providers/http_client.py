"""The HTTP client of the kinds: guarded against its servers.

An operator writes the address of a cloud, and anything may answer there. So a name is resolved once
and the connection goes to the address that was checked (no DNS rebinding); addresses that are not
public are refused unless allowed; no redirect is followed; no proxy is taken from the environment;
an answer is small and whole; a request ends at its limit by the wall clock, which time-outs of
sockets don't guarantee: they count each read. Nothing is logged.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import SplitResult

from portal import server_urls
from portal.providers import retry_after
from portal.providers.contract import CALL_SECONDS, Later, NeedsPerson

MAX_BYTES = 2**20

Network = IPv4Network | IPv6Network

GLOBAL_IPV6 = ip_network("2000::/3")
"""All else is mapped, translated (NAT64), local or reserved (IANA, IPv6 address space)."""
NOT_PUBLIC = [
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: an IPv4 address is inside
        "3fff::/20",  # documentation (RFC 9637)
    )
]


class Answer(NamedTuple):
    """What a server has answered, whole."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def retry_after(self) -> timedelta | None:
        """The wait that the header wishes."""
        return retry_after.parse(self.headers.get("Retry-After", ""))


class _Address(NamedTuple):
    """Where a name leads; `sockaddr` is what `socket.connect` takes."""

    family: int
    ip: str
    sockaddr: Any


@dataclass(frozen=True)
class HttpClient:
    """Makes requests to the servers of one connection, each on a TCP connection of its own."""

    allowed: Collection[Network] = ()
    """Networks that are allowed although they are not public; only there may TLS be left out."""
    ca_certificates: str = ""
    """Trust these (PEM) instead of the system's."""
    fingerprint: str = ""
    """Trust the certificate with this SHA-256 (hexadecimal) and no other, from any issuer."""
    client_certificate: str = ""
    """Who we are: a certificate (PEM) that the server trusts."""
    client_key: str = field(default="", repr=False)
    """The private key (PEM) of the client certificate, without a password."""
    max_bytes: int = MAX_BYTES
    """The size of the largest answer to accept."""
    ends: float = math.inf
    """The instant of the monotonic clock from which on nothing is sent any more."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        seconds: float = CALL_SECONDS,
    ) -> Answer:
        """Make one request that ends within `seconds`. An answer of any status is returned.

        Raises Later if there was no whole answer, NeedsPerson if the address, the certificate or
        the size of the answer is refused.
        """
        deadline = min(time.monotonic() + seconds, self.ends)
        target = _split(url)
        try:
            with (
                closing(self._connect(target, deadline)) as plain,
                _shut_at(deadline, plain),
                closing(self._secure(target, plain)) as connection,
            ):
                if time.monotonic() >= deadline:  # the process may have been stopped
                    raise TimeoutError
                return _exchange(
                    target, connection, method, headers, body, max_bytes=self.max_bytes
                )
        except ssl.SSLCertVerificationError as error:
            raise NeedsPerson(
                "http-certificate-refused", host=target.netloc, said=error.verify_message
            ) from error
        except (OSError, HTTPException) as error:
            if time.monotonic() >= deadline:
                raise Later(f"{target.netloc}: no answer within {seconds:g} s") from error
            # The text of an HTTPException is what the server sent: a secret may be in it.
            said = error.strerror if isinstance(error, OSError) else None
            raise Later(f"{target.netloc}: {said or type(error).__name__}") from error

    def _connect(self, target: SplitResult, deadline: float) -> socket.socket:
        """Resolve the name and connect to the first of its allowed addresses that accepts."""
        addresses = _resolve(target, deadline)
        allowed = [address for address in addresses if self._is_allowed(target, address.ip)]
        if not allowed:
            is_unencrypted = any(is_public(address.ip) for address in addresses)
            code = "http-unencrypted" if is_unencrypted else "http-address-refused"
            found = ", ".join(address.ip for address in addresses)
            raise NeedsPerson(code, host=target.netloc, addresses=found)
        for address in allowed[:-1]:
            with suppress(OSError):
                return _open(address, deadline)
        return _open(allowed[-1], deadline)

    def _is_allowed(self, target: SplitResult, address: str) -> bool:
        """Whether a request may go to this IP address."""
        ip = ip_address(address)
        if any(ip in network for network in self.allowed):
            return True
        return target.scheme == "https" and is_public(address)

    def _secure(self, target: SplitResult, connection: socket.socket) -> socket.socket:
        """Put TLS over the connection, if its address says so, and check who answers."""
        if target.scheme == "http":
            return connection
        secured = self._tls.wrap_socket(connection, server_hostname=target.hostname)
        if self.fingerprint:
            seen = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
            pinned = self.fingerprint.replace(":", "").lower()
            if not hmac.compare_digest(seen.encode(), pinned.encode()):
                secured.close()
                raise NeedsPerson("http-certificate-changed", host=target.netloc, seen=seen)
        return secured

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cadata=self.ca_certificates or None)
        except ssl.SSLError as error:
            raise NeedsPerson("http-ca-unreadable", said=str(error)) from error
        if self.fingerprint:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # the fingerprint is compared before a request
        if self.client_certificate:
            _load_client(context, f"{self.client_certificate}\n{self.client_key}\n")
        return context


def _load_client(context: ssl.SSLContext, pem: str) -> None:
    """Load certificate and key. OpenSSL reads files only; one in memory leaves nothing on disks."""
    with os.fdopen(os.memfd_create("client"), "wb") as file:
        file.write(pem.encode())
        file.flush()
        try:
            # Without a function OpenSSL asks for a password at the terminal.
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise NeedsPerson("http-client-certificate-unreadable", said=str(error)) from error


def is_public(address: str) -> bool:
    """Whether the IP address is one of the public Internet, and no other is hidden in it."""
    ip = ip_address(address)
    if not ip.is_global or ip.is_multicast or any(ip in network for network in NOT_PUBLIC):
        return False
    return isinstance(ip, IPv4Address) or ip in GLOBAL_IPV6


def _split(url: str) -> SplitResult:
    try:
        return server_urls.split(url)
    except ValueError:
        raise NeedsPerson("http-url-wrong") from None


def _port(target: SplitResult) -> int:
    return target.port or server_urls.SCHEMES[target.scheme]


def _resolve(target: SplitResult, deadline: float) -> list[_Address]:
    """The addresses of the server, in the system's order. Nothing ends a resolver that hangs but
    leaving it alone, so it has a thread of its own."""
    future: Future[list[_Address]] = Future()

    def resolve() -> None:
        try:
            rows = socket.getaddrinfo(target.hostname, _port(target), type=socket.SOCK_STREAM)
            future.set_result([_Address(row[0], str(row[4][0]), row[4]) for row in rows])
        except (OSError, UnicodeError) as error:
            future.set_exception(error)

    threading.Thread(target=resolve, daemon=True).start()
    try:
        return future.result(deadline - time.monotonic())
    except UnicodeError as error:
        raise NeedsPerson("http-url-wrong") from error


def _open(address: _Address, deadline: float) -> socket.socket:
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        connection.connect(address.sockaddr)
    except OSError:
        connection.close()
        raise
    return connection


@contextmanager
def _shut_at(deadline: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection at the deadline, whatever waits for it. The timer has a handle of its
    own, since TLS takes over the connection's, and two threads must not share a TLS object."""

    def shut() -> None:
        with suppress(OSError):  # the server was faster
            handle.shutdown(socket.SHUT_RDWR)

    with connection.dup() as handle:
        timer = threading.Timer(deadline - time.monotonic(), shut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _exchange(
    target: SplitResult,
    connection: socket.socket,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    max_bytes: int,
) -> Answer:
    """Send the request over the connection and read the answer."""
    http = HTTPConnection(target.hostname or "", _port(target))
    http.default_port = server_urls.SCHEMES[target.scheme]
    http.sock = connection
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    http.request(method, path, body, {"Connection": "close", **headers})
    with http.getresponse() as response:
        return Answer(response.status, response.headers, _read(target, response, max_bytes))


def _read(target: SplitResult, response: HTTPResponse, max_bytes: int) -> bytes:
    """The whole body. One that was cut looks whole unless its length was announced."""
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise NeedsPerson("http-answer-too-large", host=target.netloc)
    if response.length or (response.length is None and not response.chunked):
        raise IncompleteRead(body)
    return body
