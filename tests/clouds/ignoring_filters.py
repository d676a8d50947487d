"""A relay that takes the filters out of requests, as a server does that does not know them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

KNOWN = ("limit", "marker", "include_names", "domain_id")
"""What is no filter, and the domain: Keystone leaves out rows of others after it has cut a page."""


@contextmanager
def ignoring_filters(port: int, kept: Collection[str] = KNOWN) -> Iterator[int]:
    """Relay requests to the server at this port of 127.0.0.1; gives the relay's port. `kept` are
    the parameters that are known."""

    class Relay(BaseHTTPRequestHandler):
        def relay(self) -> None:
            parts = urlsplit(self.path)
            query = [(name, text) for name, text in parse_qsl(parts.query) if name in kept]
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as server:
                path = f"{parts.path}?{urlencode(query)}"
                server.request(self.command, path, body, dict(self.headers))
                answer = server.getresponse()
                text = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("server", "date"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Relay) as relay:
        threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True).start()
        yield relay.server_address[1]
        relay.shutdown()
