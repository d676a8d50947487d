"""A server on 127.0.0.1 that gives the answers it was given, and keeps the requests."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    """Gives the answers in turn, the last one again and again; without any, an empty object."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.answers: list[tuple[int, Mapping[str, str], bytes]] = []

    def give(self, status: int, facts: object = None, **headers: str) -> None:
        """Give this answer next, after the ones before; `facts` become JSON, bytes stay."""
        body = facts if isinstance(facts, bytes) else json.dumps(facts or {}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, named, body))


class Handler(BaseHTTPRequestHandler):
    server: Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ssl.SSLError:
            self.close_connection = True  # the client refused the certificate

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(self.command, self.path, sent, body))
        answers = self.server.answers or [(200, {}, b"{}")]
        status, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the base class's

    def log_message(self, *args: object) -> None:
        """Tests look at `requests`."""


@contextmanager
def answering(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server() as server:
        if tls is not None:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
