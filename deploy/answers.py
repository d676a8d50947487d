"""Whether the portal works with its database: asks its socket, as nginx does, until it answers or
the patience ends. With `--alive` its web server is enough.

`python deploy/answers.py SECONDS [--alive]`, in the folder of a version; the exit status says it.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
from urllib.parse import urlsplit

from dotenv import dotenv_values

WRONG_MOST = 10
"""Wrong answers, where silence may only be a slow start."""
BIND = os.environ.get("WEB_BIND", "unix:/run/portal/web.sock")


class Line(http.client.HTTPConnection):
    """A connection to gunicorn, where deploy/gunicorn.conf.py has it listen."""

    def connect(self) -> None:
        if BIND.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(5)
            self.sock.connect(BIND.removeprefix("unix:"))
        else:
            host, _, port = BIND.rpartition(":")
            self.sock = socket.create_connection((host.strip("[]"), int(port)), 5)


def ask(path: str) -> tuple[int, bytes]:
    """The status and the body of one answer; 0 where none came."""
    url = os.environ.get("EXTERNAL_URL") or dotenv_values(".env").get("EXTERNAL_URL") or ""
    host = urlsplit(url).netloc or "localhost"
    line = Line("localhost", timeout=5)
    try:
        line.request("GET", path, headers={"Host": host})
        response = line.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        line.close()


def is_alive() -> tuple[bool, bool]:
    """Whether it answers well, and whether it answers at all."""
    status, _body = ask("/healthz")
    return status == 200, status > 0


def has_database() -> tuple[bool, bool]:
    """As `is_alive`, for its database at the version's migrations. The worker may start later."""
    status, body = ask("/readyz")
    try:
        found = json.loads(body)
        return (found["database"], found["migrations"]) == ("ok", "ok"), True
    except (ValueError, LookupError, TypeError):
        return False, status > 0


def main() -> int:
    deadline, wrong = time.monotonic() + float(sys.argv[1]), 0
    check = is_alive if "--alive" in sys.argv else has_database
    while True:
        is_well, is_answered = check()
        if is_well:
            return 0
        wrong += is_answered
        if wrong == WRONG_MOST or time.monotonic() > deadline:
            return 1
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
