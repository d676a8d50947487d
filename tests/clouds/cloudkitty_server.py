"""CloudKitty's API on a loopback port, in the environment that it is installed in.

Run as `python cloudkitty_server.py FOLDER PORT`; says `ready` when it accepts connections.
"""

from __future__ import annotations

import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """The log of requests would only fill the pipe."""


def serve(folder: str, port: int) -> None:
    from cloudkitty import service
    from cloudkitty.api import app
    from keystonemiddleware.auth_token import AuthProtocol
    from oslo_config import cfg

    service.prepare_service(["cloudkitty-api", "--config-file", f"{folder}/cloudkitty.conf"])
    application = AuthProtocol(app.setup_app(), {"oslo_config_config": cfg.CONF})
    with make_server("127.0.0.1", port, application, handler_class=Quiet) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
