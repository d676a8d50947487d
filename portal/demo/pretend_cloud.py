"""The pretend cloud: the example of a webhook program as a child, and the connection to it.

The example keeps what it has in a file beside that of the keys, so that a second start finds it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from portal import config, db, webhook_signatures
from portal.demo import child_program
from portal.domain import connections
from portal.domain.actors import COMMAND
from portal.domain.connections import Connection, Findings, Kind

NAME = "Pretend cloud"
EXAMPLE = config.ROOT / "examples" / "webhook_cloud.py"


@contextmanager
def running() -> Iterator[None]:
    """Run the pretend cloud until the block ends. At the first start its connection is added, and
    is the default for new clouds; it is tested at each start."""
    file = config.current().credentials_key_file
    if not connections.has_key():
        config.add_credentials_key(file)
    known = db.read(lambda: _values(connections.find(NAME)))
    secret = known.get("secret") or webhook_signatures.new_secret()
    port = urlsplit(known.get("url", "")).port or 0
    with run_program(port, secret, Path(file).with_name("pretend-cloud.json")) as url:
        db.write(lambda: _connect(url, secret))
        yield


@contextmanager
def run_program(port: int, secret: str, state: Path) -> Iterator[str]:
    """Run the example, on a free port if this one is taken; its address."""
    script = [sys.executable, "-P", child_program.__file__, str(EXAMPLE)]
    for wanted in (port, 0):
        with subprocess.Popen(  # noqa: S603 - our own arguments
            [*script, str(wanted), str(state)],
            env={"WEBHOOK_SECRET": secret},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                if process.stdout and (url := process.stdout.readline().strip()):
                    yield url
                    return
            finally:
                process.terminate()
    raise RuntimeError(f"{EXAMPLE} does not start")


def _connect(url: str, secret: str) -> None:
    values, connection = {"url": url, "secret": secret}, connections.find(NAME)
    if connection is None:
        connection = connections.add(Kind.WEBHOOK, name=NAME, values=values, by=COMMAND)
        # The program has just started; what it can is found by the test below.
        connections.record_test(connection.id, Findings())
        connections.make_default(connection, by=COMMAND)
    elif _values(connection) != {**_values(connection), **values}:
        connections.change(connection, values=values, by=COMMAND)
    connections.queue_test(connection, by=COMMAND)  # it gives access, and answers again


def _values(connection: Connection | None) -> dict[str, str]:
    """The settings and the credentials, where they can be decrypted."""
    if connection is None:
        return {}
    return {**connection.settings, **(connections.unseal(connection) or {})}
