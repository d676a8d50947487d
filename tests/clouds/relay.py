"""A relay of requests; it takes the filters out, as a server does that does not know them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

KNOWN = ("limit", "marker", "include_names", "domain_id")
"""What is no filter, and the domain: Keystone leaves out rows of others after it has cut a page."""


def ignoring_filters(port: int, kept: Collection[str] = KNOWN) -> AbstractContextManager[int]:
    """Relay requests to the server at this port of 127.0.0.1; gives the relay's port. `kept` are
    the parameters that are known."""
    return relaying(lambda: HTTPConnection("127.0.0.1", port, timeout=30), kept.__contains__)


@contextmanager
def relaying(
    connect: Callable[[], HTTPConnection], keeps: Callable[[str], bool] = lambda name: True
) -> Iterator[int]:
    """Relay requests with those of their parameters that `keeps` names; gives the relay's port."""

    class Relay(BaseHTTPRequestHandler):
        def relay(self) -> None:
            parts = urlsplit(self.path)
            query = [(name, text) for name, text in parse_qsl(parts.query) if keeps(name)]
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with closing(connect()) as server:
                path = f"{parts.path}?{urlencode(query)}"
                server.request(self.command, path, body, dict(self.headers))
                answer = server.getresponse()
                text = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("server", "date", "content-length", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as relay:
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True).start()
        yield relay.server_address[1]
        relay.shutdown()
