"""Keystone's WSGI application on a loopback port, in the environment that it is installed in.

One thread: with several, Keystone judges a token's own calls by data of another thread. Run as
`python keystone_server.py FOLDER PORT`; says `ready` when it accepts connections.
"""

from __future__ import annotations

import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """The log of requests would only fill the pipe."""


def serve(folder: str, port: int) -> None:
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = folder
    sys.argv = sys.argv[:1]  # oslo.config reads it
    from keystone.server import wsgi
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def check_foreign_keys(connection, _: object) -> None:  # type: ignore[no-untyped-def]
        """As on a real installation: without it, what is deleted leaves rows behind."""
        connection.execute("PRAGMA foreign_keys=ON")

    keystone = wsgi.initialize_public_application()

    def application(environ, start_response):  # type: ignore[no-untyped-def]
        """As a web server that has let the identity provider sign a person in."""
        if "HTTP_X_SUBJECT" in environ:
            environ["REMOTE_USER"] = environ["HTTP_X_SUBJECT"]
        return keystone(environ, start_response)

    with make_server("127.0.0.1", port, application, handler_class=Quiet) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
