"""Whether the portal answers: asks its socket, as nginx does, until it does or the patience ends.

`python deploy/answers.py SECONDS`, in the folder of a version; the exit status says it.
"""

from __future__ import annotations

import http.client
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
            self.sock = socket.create_connection((host, int(port)), 5)


def status() -> int:
    """Of one answer; 0 where none came."""
    url = os.environ.get("EXTERNAL_URL") or dotenv_values(".env").get("EXTERNAL_URL") or ""
    host = urlsplit(url).netloc or "localhost"
    line = Line("localhost", timeout=5)
    try:
        line.request("GET", "/healthz", headers={"Host": host})
        return line.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        line.close()


def main() -> int:
    deadline, wrong = time.monotonic() + float(sys.argv[1]), 0
    while (answered := status()) != 200:
        wrong += answered > 0
        if wrong == WRONG_MOST or time.monotonic() > deadline:
            return 1
        time.sleep(0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
