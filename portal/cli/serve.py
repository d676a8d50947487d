"""Serving: the web server with its mail worker, a worker alone, the demonstration's data."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import click
import flask_migrate
import waitress
from flask import current_app
from flask.cli import with_appcontext

from portal import config, db, demo, worker

THREADS = 8
CONNECTIONS = 1000
"""More than waitress's 100, which three hundred slow clients exhaust."""
WORKER_FINISHES_WITHIN = 25
"""Seconds after Ctrl-C."""


@click.command()
@with_appcontext
def up() -> None:
    """Migrate, plant the demonstration world on a local run's first start, then serve."""
    os.umask(0o077)  # the database and the mailbox are nobody else's
    flask_migrate.upgrade()
    if config.current().portal_env == "local" and db.read(demo.is_empty):
        _plant(demo.CUSTOMERS)
    _serve()


@click.command()
@with_appcontext
def serve() -> None:
    """Web server and mail worker; one Ctrl-C stops both."""
    _serve()


def _serve() -> None:
    settings = config.current()
    known = sign_ins()
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_worker, args=(stop,), daemon=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    server = _listen(settings.host, settings.port)
    keeper.start()
    gc.collect()
    gc.freeze()  # what stands for good is not looked through again: shorter pauses
    try:
        click.echo(f"\n{settings.product_name}: {settings.external_url}\n")
        click.echo(known)
        click.echo("Ctrl-C stops the web server and the mail worker.\n")
        server.run()
    except KeyboardInterrupt:
        pass  # waitress knows it once it runs; this one came before
    finally:
        stop.set()
        server.close()
        keeper.join(timeout=30)
        click.echo("Stopped.")


class Demonstration(click.ClickException):
    """Production on the demonstration's data."""

    def __init__(self) -> None:
        super().__init__(
            "This database holds the demonstration's accounts, whose password anyone can read. "
            "Name another one in DATABASE_URL, or run `make setup`."
        )


def sign_ins() -> str:
    """Who one can be in the demonstration, empty without one. Raises Demonstration in production,
    whichever web server asks."""
    known = db.read(demo.sign_ins)
    if known and config.current().portal_env == "production":
        raise Demonstration
    return known


def _listen(host: str, port: int) -> Any:
    try:
        return waitress.create_server(
            current_app._get_current_object(),  # type: ignore[attr-defined]
            host=host,
            port=port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            max_request_body_size=4 * config.MAX_FILE_BYTES,  # waitress keeps bodies on disk
            clear_untrusted_proxy_headers=False,  # ProxyFix reads them if so many are trusted
            ident="",
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise click.ClickException(
            f"{host}:{port} can't be listened on ({why}). "
            "Another program has the port? Choose one with PORT=8001 make run."
        ) from error


def _keep_worker(stop: threading.Event) -> None:
    """A worker process of its own; started again should it end by itself."""
    while not stop.is_set():
        with subprocess.Popen(  # noqa: S603 - every word is ours
            [sys.executable, "-m", "flask", "--app", "wsgi", "work", "--under", str(os.getpid())],
            cwd=config.ROOT,
        ) as process:
            while process.poll() is None and not stop.wait(0.2):
                pass
            if process.poll() is None:
                _end(process)
            elif not stop.wait(2):
                click.echo(f"The mail worker ended ({process.returncode}); it is started again.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """It may finish what it is handing over, but not wait ten minutes for a relay's reply; a mail
    whose reply it does not hear is unknown."""
    process.terminate()
    try:
        process.wait(timeout=WORKER_FINISHES_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()


@click.command()
@click.option("--under", type=int, hidden=True, help="The process with which this one ends.")
@with_appcontext
def work(under: int | None) -> None:
    """The mail worker alone, until Ctrl-C; what is being handed over is finished first."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    if under is not None:
        threading.Thread(target=_watch, args=(under, stop), daemon=True).start()
    worker.run(stop)


def _watch(parent: int, stop: threading.Event) -> None:
    """A server that was killed could not tell its worker, which would stay behind."""
    while os.getppid() == parent and not stop.wait(0.5):
        pass
    stop.set()


@click.command()
@click.option(
    "--customers",
    type=click.IntRange(min=demo.FEWEST),
    default=demo.CUSTOMERS,
    show_default=True,
    help="How many the partners have.",
)
@with_appcontext
def seed(customers: int) -> None:
    """The demonstration world, into an empty database of a local run."""
    if config.current().portal_env != "local":
        raise click.ClickException("Demonstration data is for local runs; use `make setup`.")
    if not db.read(demo.is_empty):
        click.echo("The database has users already; nothing is added.")
        return
    _plant(customers)
    click.echo("The demonstration data is in place.")


def _plant(customers: int) -> None:
    label = "The demonstration: a year of three partners"
    with click.progressbar(length=demo.DAYS, label=label) as bar:
        demo.seed(customers=customers, told=bar.update)


COMMANDS = (up, serve, work, seed)
