"""Serve: the web server with its mail worker, and a worker alone."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
import flask_migrate
import structlog
import waitress
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DatabaseError

from portal import config, db, demo, health, logs, metrics, worker
from portal.cli import seed, unavailable
from portal.config import Settings
from portal.demo import pretend_cloud
from portal.domain import installation, policy
from portal.domain.heartbeats import ProcessKind
from portal.worker import monitor

log = structlog.get_logger(__name__)

THREADS = 8
CONNECTIONS = 1000
"""Waitress's default of 100 is exhausted by three hundred slow clients."""
WORKER_STOP_TIMEOUT = 25
"""Seconds the worker has after Ctrl-C to finish what it does."""


@click.command()
@with_appcontext
def up() -> None:
    """Migrate, plant the demonstration world on a local run's first start, then serve."""
    flask_migrate.upgrade()
    is_local = config.current().portal_env == "local"
    is_demo = is_local and not db.is_restoring()
    if is_demo and db.read(demo.is_empty):
        seed.add_world(demo.CUSTOMERS)
    is_demo = is_demo and bool(db.read(demo.accounts_table))
    if is_demo and db.read(demo.usage.is_missing):  # the start before may have been killed
        seed.import_usage()
    _serve(pretend_cloud.running() if is_demo else nullcontext())


@click.command()
@with_appcontext
def serve() -> None:
    """Web server and mail worker; one Ctrl-C stops both."""
    _serve(nullcontext())


def _serve(beside: AbstractContextManager[None]) -> None:
    """Serve with `beside`, which begins once the port is ours: a second start changes nothing."""
    server = _listen(config.current().host, config.current().port)
    with beside:
        _run(server)


def _run(server: Any) -> None:
    settings = config.current()
    accounts = demo_accounts()
    stop = threading.Event()
    supervisor = threading.Thread(target=_supervise_worker, args=(stop,), daemon=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    logs.set_level(logging.INFO)
    log.info("web.started", server="waitress")
    supervisor.start()
    monitor.start(current_app._get_current_object(), ProcessKind.WEB, stop)  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()  # shorter pauses: permanent objects are not traversed again
    try:
        click.echo(f"\n{settings.product_name}: {settings.external_url}\n")
        if settings.portal_env == "production":
            click.echo(_behind_proxy(settings))
        click.echo(accounts)
        click.echo("Ctrl-C stops the web server and the mail worker.\n")
        server.run()
    except KeyboardInterrupt:
        pass  # waitress handles it while it runs; this one came before
    finally:
        stop.set()
        server.close()
        supervisor.join(timeout=30)
        log.info("web.stopped")
        click.echo("Stopped.")


def _behind_proxy(settings: Settings) -> str:
    """Return where the HTTPS proxy has to lead, and what it still needs."""
    url = f"http://{config.in_url(settings.host)}:{settings.port}"
    text = f"It listens on {url}: your HTTPS proxy has to lead there."
    if settings.trusted_proxies:
        return text
    return (
        f"{text}\nTRUSTED_PROXIES is not set: add TRUSTED_PROXIES=1 to .env for that proxy. "
        "Until then all people share one address and its rate limits."
    )


class DemoInProduction(click.ClickException):
    """Refuses to serve demonstration data in production."""

    def __init__(self) -> None:
        super().__init__(
            "This database holds the demonstration's accounts, whose password anyone can read. "
            "Name another one in DATABASE_URL, or run `make setup`."
        )


class OtherMoney(click.ClickException):
    """Refuses to start with another currency or zone of usage days than that of published usage."""

    def __init__(self, currency: str, zone: str) -> None:
        super().__init__(
            f"Usage was published with CURRENCY={currency} and BILLING_TIME_ZONE={zone}. "
            "Set them to these values; they can't be changed any more."
        )


def refuse_other_money(app: Flask) -> None:
    """Raise OtherMoney if other settings are fixed. `wsgi` calls this, so each web server, worker
    and command does. A database that is away or has no tables is for those who need it."""
    with app.app_context():
        engine = db.extension.engine
        if engine.name == "sqlite" and not Path(engine.url.database or "").exists():
            return
        try:
            fixed = db.read(installation.fixed_money)
        except (db.Unavailable, DatabaseError):
            return
        finally:
            db.session.remove()
            engine.dispose()  # a connection is not shared with forked processes
    current = policy.current()
    if fixed not in (None, (current.currency, current.billing_time_zone.key)):
        raise OtherMoney(*fixed or ("", ""))


def says_restoring() -> bool:
    """Whether the database is being restored; if so, say what to do."""
    try:
        db.read(lambda: None)
    except db.Unavailable as error:
        if error.reason is db.Reason.RESTORING:
            click.echo(unavailable.UNFINISHED_RESTORE, err=True)
            return True
    return False


def demo_accounts() -> str:
    """Return the table of demonstration accounts; empty without demonstration data, or while the
    database is being restored.

    Raises DemoInProduction. Every web server calls this when it starts.
    """
    if says_restoring():
        return ""
    accounts = db.read(demo.accounts_table)
    if accounts and config.current().portal_env == "production":
        raise DemoInProduction
    return accounts


def _listen(host: str, port: int) -> Any:
    try:
        return waitress.create_server(
            current_app._get_current_object(),  # type: ignore[attr-defined]
            host=host,
            port=port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            # Waitress buffers bodies on disk.
            max_request_body_size=_max_body_bytes(),
            clear_untrusted_proxy_headers=False,  # ProxyFix reads those of trusted proxies
            ident="",
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.ClickException(
            f"{config.in_url(host)}:{port} can't be listened on ({reason}). "
            "Another program has the port? Choose one with PORT=8001 make run."
        ) from error


def _max_body_bytes() -> int:
    """A little more than the largest upload, so that one a little larger gets our sentence."""
    upload = (config.current().upload_mb + 8) * 1024**2
    return max(4 * config.MAX_FILE_BYTES, upload)


def _supervise_worker(stop: threading.Event) -> None:
    """Run the worker as a process until `stop` is set; restart it when it ends."""
    while not stop.is_set():
        with subprocess.Popen(  # noqa: S603 - our own arguments
            [sys.executable, "-m", "flask", "--app", "wsgi", "work", "--under", str(os.getpid())],
            cwd=config.ROOT,
        ) as process:
            while process.poll() is None and not stop.wait(0.2):
                pass
            if process.poll() is None:
                _stop(process)
            elif not stop.wait(2):
                log.error("worker.restarted", exit_status=process.returncode)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the worker finish a delivery, but not wait ten minutes for a relay's reply: without the
    reply, the mail's delivery is unknown."""
    process.terminate()
    try:
        process.wait(timeout=WORKER_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()


def _parse_kinds(_context: Any, _option: Any, value: str | None) -> tuple[str, ...]:
    kinds = tuple(kind.strip() for kind in value.split(",")) if value else tuple(worker.THREADS)
    if unknown := set(kinds) - set(worker.THREADS):
        names = f"{', '.join(sorted(unknown))}: choose from {', '.join(worker.THREADS)}"
        raise click.BadParameter(names)
    return kinds


@click.command()
@click.option("--under", type=int, hidden=True, help="The process with which this one ends.")
@click.option(
    "--kinds",
    callback=_parse_kinds,
    help=f"What to work on, separated by commas; by default all: {', '.join(worker.THREADS)}.",
)
@with_appcontext
def work(under: int | None, kinds: tuple[str, ...]) -> None:
    """The worker alone, until Ctrl-C; what is being done is finished first."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    if under is not None:
        threading.Thread(target=_watch_parent, args=(under, stop), daemon=True).start()
    else:
        says_restoring()
    logs.set_level(logging.INFO)
    log.info("worker.started")
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    _serve_metrics(app)
    is_over = threading.Event()  # it lives until what it does is finished
    monitoring = monitor.start(app, ProcessKind.WORKER, is_over)
    worker.run(app, stop, kinds)
    is_over.set()
    monitoring.join()
    log.info("worker.stopped")


def _serve_metrics(app: Flask) -> None:
    """Serve the metrics of all processes, if METRICS_PORT is set."""
    port = config.current().metrics_port
    if not port:
        return
    metrics.delete_leftovers()
    try:
        metrics.serve(port, health.Jobs(app))
    except OSError as error:
        log.warning("metrics.not_served", port=port, reason=error.strerror)


def _watch_parent(parent: int, stop: threading.Event) -> None:
    """Set `stop` when the parent process is gone; a killed server cannot stop its worker."""
    while os.getppid() == parent and not stop.wait(0.5):
        pass
    stop.set()


COMMANDS = (up, serve, work)
