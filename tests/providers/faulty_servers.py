"""Servers on 127.0.0.1 that answer badly, and a relay that loses answers."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

PATIENCE_SECONDS = 5
"""How long a slow server is slow; then it answers well."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"external_id": "wrong"}'
LENGTH = b"Content-Length: %d\r\n\r\n"


class Fault(NamedTuple):
    """How a server misbehaves once a client has connected."""

    name: str
    answer: Callable[[socket.socket], None]
    is_tls: bool = False

    def __str__(self) -> str:
        return self.name


def _drip(client: socket.socket, text: bytes) -> None:
    """Send byte after byte, as slowly as the patience allows."""
    for at in range(len(text)):
        client.sendall(text[at : at + 1])
        time.sleep(PATIENCE_SECONDS / len(text))


def _slow_headers(client: socket.socket) -> None:
    client.recv(65536)
    _drip(client, HEAD + LENGTH % len(BODY))
    client.sendall(BODY)


def _slow_body(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(HEAD + LENGTH % len(BODY))
    _drip(client, BODY)


def _silence(client: socket.socket) -> None:
    time.sleep(PATIENCE_SECONDS)


def _cut_body(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(HEAD + LENGTH % (len(BODY) + 10) + BODY)


def _cut_chunk(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(BODY), BODY))


def _endless_body(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(HEAD + LENGTH % 10**9)
    for _ in range(10**4):
        client.sendall(b" " * 10**5)


def _redirect(client: socket.socket) -> None:
    """To itself, where it would answer well."""
    client.recv(65536)
    host, port = client.getsockname()
    client.sendall(
        b"HTTP/1.1 307 Redirect\r\nLocation: http://%b:%d/good\r\n" % (host.encode(), port)
    )
    client.sendall(LENGTH % 0)


def _no_http(client: socket.socket) -> None:
    client.sendall(b"220 mail.example ESMTP\r\n")


def _no_json(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")


UNENDING = [
    Fault("slow-headers", _slow_headers),
    Fault("slow-body", _slow_body),
    Fault("silence", _silence),
    Fault("silent-handshake", _silence, is_tls=True),
]
WRONG = [
    Fault("cut-body", _cut_body),
    Fault("cut-chunk", _cut_chunk),
    Fault("endless-body", _endless_body),
    Fault("redirect", _redirect),
    Fault("no-http", _no_http),
    Fault("no-json", _no_json),
]


@contextmanager
def serve(fault: Fault, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run the server for the block, over TLS if there is a context; gives its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # the client has left
                client = self.request if tls is None else tls.wrap_socket(self.request, True)
                with client:
                    fault.answer(client)

    with _run(Handler) as port:
        yield port


class Relay:
    """Carries each answer from the system to the client but the one that is to be lost."""

    def __init__(self) -> None:
        self.port = 0
        self.has_lost = False
        self._until = 0

    def lose(self, number: int) -> None:
        """Lose the answer with this number from now on, and no other; 0: none."""
        self._until, self.has_lost = number, False

    def _is_lost(self) -> bool:
        self._until -= 1
        self.has_lost = self.has_lost or self._until == 0
        return self._until == 0

    def carry(self, client: socket.socket, system: socket.socket) -> None:
        """Carry both ways until either side ends, or an answer is lost."""
        is_answer_due = threading.Event()

        def carry_requests() -> None:
            with suppress(OSError):
                while text := client.recv(65536):
                    is_answer_due.set()
                    system.sendall(text)

        threading.Thread(target=carry_requests, daemon=True).start()
        with suppress(OSError):
            while text := system.recv(65536):
                # An answer may come in parts: the first decides.
                if is_answer_due.is_set():
                    is_answer_due.clear()
                    if self._is_lost():
                        return
                client.sendall(text)


@contextmanager
def losing_answers(port: int) -> Iterator[Relay]:
    """A relay to the system at this port."""
    relay = Relay()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with closing(socket.create_connection(("127.0.0.1", port))) as system:
                relay.carry(self.request, system)

    with _run(Handler) as relay.port:
        yield relay


@contextmanager
def _run(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def closed_port() -> int:
    """A port of 127.0.0.1 where nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
