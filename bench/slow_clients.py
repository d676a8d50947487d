"""Three hundred slow clients, and one person who wants to read a page meanwhile.

Half of them send a request's header, half of them its body, a byte every half second; who is cut
off comes again. Run it with `make bench`. Beside each other: waitress as `make run` starts it,
gunicorn behind nginx as deploy/ sets both up, and gunicorn alone.
"""

from __future__ import annotations

import asyncio
import http.client
import multiprocessing
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import TypeAlias

import flask_migrate

from portal import db, demo
from tests.conftest import make_app
from tests.support import nginx
from tests.support.processes import environment, free_port, gunicorn, running, soon, started
from tests.support.visitor import Visitor

SLOW = 300
SECONDS_A_BYTE = 0.5
QUIET_SECONDS, SLOW_SECONDS = 8, 20
PATIENCE = 10
"""Seconds after which somebody gives a page up."""
PERSON = "olga@halden.example"
Counts: TypeAlias = "SynchronizedArray[int]"
OPEN, CUT = 0, 1


class Readings:
    """How long pages took, in milliseconds, and how many did not come."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}
        self.failed = 0

    def read(self, pages: dict[str, tuple[Visitor, str]], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for caption, (person, path) in pages.items():
                begin = time.perf_counter()
                try:
                    status = person.ask(path).status
                except (OSError, http.client.HTTPException):
                    status = 0
                if status == 200:
                    took = (time.perf_counter() - begin) * 1000
                    self.taken.setdefault(caption, []).append(took)
                else:
                    self.failed += 1

    def percentile(self, caption: str, percent: int) -> float | None:
        taken = self.taken.get(caption, [])
        return statistics.quantiles(taken, n=100)[percent - 1] if len(taken) > 1 else None


async def _dribble(number: int, port: int, tls: ssl.SSLContext | None, counts: Counts) -> None:
    """One slow client, for good; thirty addresses have ten each."""
    source = f"127.0.1.{number % 30 + 1}"
    head = f"Host: 127.0.0.1:{port}\r\n"
    if number % 2:
        start = f"GET /sign-in HTTP/1.1\r\n{head}X-Slow: "
    else:
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9999\r\n\r\n"
        start = f"POST /sign-in HTTP/1.1\r\n{head}{form}email="
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=tls, local_addr=(source, 0)
            )
            counts[OPEN] += 1
            ended = asyncio.ensure_future(reader.read())
            try:
                writer.write(start.encode())
                while not ended.done():
                    await asyncio.wait([ended], timeout=SECONDS_A_BYTE)
                    writer.write(b"a")
            finally:
                counts[OPEN] -= 1
                writer.close()
                with suppress(OSError):
                    await ended
            counts[CUT] += 1
        await asyncio.sleep(SECONDS_A_BYTE)


async def _crowd(port: int, tls: ssl.SSLContext | None, counts: Counts) -> None:
    slow = [asyncio.ensure_future(_dribble(n, port, tls, counts)) for n in range(SLOW)]
    await asyncio.wait(slow, timeout=4 * SLOW_SECONDS)  # in case nobody ends it


def _dribbling(port: int, authority: str | None, counts: Counts) -> None:
    tls = None if authority is None else ssl.create_default_context(cadata=authority)
    asyncio.run(_crowd(port, tls, counts))


@contextmanager
def slow_clients(port: int, authority: str | None) -> Iterator[Counts]:
    """All of them, in one process of their own; how many are connected, how often one was cut."""
    counts = multiprocessing.Array("i", 2)
    crowd = multiprocessing.Process(target=_dribbling, args=(port, authority, counts))
    crowd.start()
    try:
        yield counts
    finally:
        crowd.terminate()
        crowd.join()


def measure(caption: str, port: int, authority: str | None = None) -> None:
    tls = None if authority is None else ssl.create_default_context(cadata=authority)
    stranger, olga = (Visitor(port, tls, patience=PATIENCE) for _ in range(2))
    soon(lambda: _answers(stranger))
    assert olga.sign_in(PERSON, demo.PASSWORD).status == 303
    pages = {"sign-in": (stranger, "/sign-in"), "customers": (olga, olga.follow("/partner"))}
    quiet, slow = Readings(), Readings()
    quiet.read(pages, QUIET_SECONDS)
    with slow_clients(port, authority) as counts:
        deadline = time.monotonic() + PATIENCE
        while counts[OPEN] < SLOW and time.monotonic() < deadline:
            time.sleep(0.1)
        slow.read(pages, SLOW_SECONDS)
        connected, cut = counts[OPEN], counts[CUT]
    for page in pages:
        row = f"{caption:24}{page:11}"
        for percent in (50, 95):
            before, after = quiet.percentile(page, percent), slow.percentile(page, percent)
            if before is None or after is None:
                row += f"{'–':>8}{'–':>8}{'–':>6}"
            else:
                row += f"{before:8.1f}{after:8.1f}{after / before:6.1f}"
        answered = len(slow.taken.get(page, []))
        print(f"{row}{answered:9}{quiet.failed:4}/{slow.failed:<5}{connected:6}{cut:6}", flush=True)


def _answers(person: Visitor) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return person.ask("/sign-in").status == 200
    return False


def plant(folder: Path) -> str:
    """The demonstration, and its URL."""
    url = f"sqlite:///{folder / 'bench.db'}"
    with make_app(url).app_context():
        flask_migrate.upgrade()
        demo.seed()
        db.session.remove()
        db.extension.engine.dispose()
    return url


def main() -> None:
    print(f"{SLOW} slow clients; milliseconds without and with them, and their ratio")
    print(
        f"{'':35}{'p50':>8}{'slow':>8}{'':>6}{'p95':>8}{'slow':>8}{'':>6}"
        f"{'answers':>9}{'failed':>10}{'slow':>6}{'cut':>6}"
    )
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        folder = Path(name)
        url, port = plant(folder), free_port()
        own = {"EXTERNAL_URL": f"http://127.0.0.1:{port}", "MAILBOX_DIR": f"{folder}/mailbox"}
        with running("serve", url, PORT=str(port), **own):
            measure("waitress", port)
        with nginx.running(folder) as site:
            words = gunicorn(site.socket)
            with started(words, environment(url, TRUSTED_PROXIES="1", **own)):
                measure("nginx and gunicorn", site.https, site.authority)
        with started(gunicorn(f"127.0.0.1:{port}"), environment(url, **own)):
            measure("gunicorn alone", port)


if __name__ == "__main__":
    main()
