"""Benchmark of page times beside three hundred slow clients.

Half of them send a request's header, half its body, a byte every half second; a client that is cut
off connects again. Run it with `make bench`. It compares waitress as `make run` starts it, gunicorn
behind nginx as deploy/ sets them up, and gunicorn alone.
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
from tests.support.processes import (
    environment,
    free_port,
    gunicorn_command,
    run_flask,
    run_program,
    wait_until,
)
from tests.support.visitor import Visitor

SLOW = 300
SECONDS_A_BYTE = 0.5
QUIET_SECONDS, SLOW_SECONDS = 8, 20
TIMEOUT = 10
"""Seconds after which a page counts as failed."""
USER = "olga@halden.example"
Counts: TypeAlias = "SynchronizedArray[int]"
OPEN, CUT = 0, 1


class Measurements:
    """Times of pages in milliseconds, and the number of failed requests."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}
        self.failed = 0

    def measure(self, pages: dict[str, tuple[Visitor, str]], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for caption, (visitor, path) in pages.items():
                begin = time.perf_counter()
                try:
                    status = visitor.request(path).status
                except (OSError, http.client.HTTPException):
                    status = 0
                if status == 200:
                    milliseconds = (time.perf_counter() - begin) * 1000
                    self.times.setdefault(caption, []).append(milliseconds)
                else:
                    self.failed += 1

    def percentile(self, caption: str, percent: int) -> float | None:
        times = self.times.get(caption, [])
        return statistics.quantiles(times, n=100)[percent - 1] if len(times) > 1 else None


async def _send_slowly(number: int, port: int, tls: ssl.SSLContext | None, counts: Counts) -> None:
    """Run one slow client without end; ten of them share each of thirty addresses."""
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


async def _run_clients(port: int, tls: ssl.SSLContext | None, counts: Counts) -> None:
    clients = [asyncio.ensure_future(_send_slowly(n, port, tls, counts)) for n in range(SLOW)]
    await asyncio.wait(clients, timeout=4 * SLOW_SECONDS)  # in case the parent is killed


def _client_process(port: int, ca_certificate: str | None, counts: Counts) -> None:
    tls = None if ca_certificate is None else ssl.create_default_context(cadata=ca_certificate)
    asyncio.run(_run_clients(port, tls, counts))


@contextmanager
def slow_clients(port: int, ca_certificate: str | None) -> Iterator[Counts]:
    """Run all slow clients in a process; yield how many are connected and how often one was cut."""
    counts = multiprocessing.Array("i", 2)
    process = multiprocessing.Process(target=_client_process, args=(port, ca_certificate, counts))
    process.start()
    try:
        yield counts
    finally:
        process.terminate()
        process.join()


def measure(caption: str, port: int, ca_certificate: str | None = None) -> None:
    tls = None if ca_certificate is None else ssl.create_default_context(cadata=ca_certificate)
    anonymous, olga = (Visitor(port, tls, timeout=TIMEOUT) for _ in range(2))
    wait_until(lambda: _is_up(anonymous))
    assert olga.sign_in(USER, demo.PASSWORD).status == 303
    pages = {"sign-in": (anonymous, "/sign-in"), "customers": (olga, olga.follow("/partner"))}
    quiet, slow = Measurements(), Measurements()
    quiet.measure(pages, QUIET_SECONDS)
    with slow_clients(port, ca_certificate) as counts:
        deadline = time.monotonic() + TIMEOUT
        while counts[OPEN] < SLOW and time.monotonic() < deadline:
            time.sleep(0.1)
        slow.measure(pages, SLOW_SECONDS)
        connected, cut = counts[OPEN], counts[CUT]
    for page in pages:
        row = f"{caption:24}{page:11}"
        for percent in (50, 95):
            before, after = quiet.percentile(page, percent), slow.percentile(page, percent)
            if before is None or after is None:
                row += f"{'–':>8}{'–':>8}{'–':>6}"
            else:
                row += f"{before:8.1f}{after:8.1f}{after / before:6.1f}"
        answered = len(slow.times.get(page, []))
        print(f"{row}{answered:9}{quiet.failed:4}/{slow.failed:<5}{connected:6}{cut:6}", flush=True)


def _is_up(visitor: Visitor) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return visitor.request("/sign-in").status == 200
    return False


def seed(folder: Path) -> str:
    """Create the demonstration database; return its URL."""
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
        url, port = seed(folder), free_port()
        settings = {"EXTERNAL_URL": f"http://127.0.0.1:{port}", "MAILBOX_DIR": f"{folder}/mailbox"}
        with run_flask("serve", url, PORT=str(port), **settings):
            measure("waitress", port)
        with nginx.run(folder) as site:
            command = gunicorn_command(site.socket)
            with run_program(command, environment(url, TRUSTED_PROXIES="1", **settings)):
                measure("nginx and gunicorn", site.https, site.ca_certificate)
        with run_program(gunicorn_command(f"127.0.0.1:{port}"), environment(url, **settings)):
            measure("gunicorn alone", port)


if __name__ == "__main__":
    main()
