"""The web server of a real installation: gunicorn with threads, behind nginx.

`gunicorn --config deploy/gunicorn.conf.py` in the project's folder. The settings of the portal come
from `.env` as ever; here stands only what gunicorn itself has to know.
"""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import structlog
from gunicorn import glogging

from portal import db
from portal.cli import serve
from portal.domain.heartbeats import ProcessKind
from portal.worker import monitor

log = structlog.get_logger("portal.web")

wsgi_app = "wsgi:app"
bind = os.environ.get("WEB_BIND", "unix:/run/portal/web.sock")
umask = 0o007  # of the socket: nginx, in our group, may write to it, and nobody else
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = serve.THREADS
preload_app = True  # one copy in memory, and a start that fails, fails as a whole
timeout = 60  # seconds without a sign of life from a process; a slow request is none
graceful_timeout = 25  # seconds that requests under way have to end in
keepalive = 5

# nginx keeps the log of requests, without what people searched for and without links' tokens.
accesslog = None
# ProxyFix alone believes X-Forwarded-*, of as many proxies as TRUSTED_PROXIES says. gunicorn would
# take the scheme from clients on a loopback address or the socket.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
control_socket_disable = True  # systemd steers it; another way in is not needed


class Logger(glogging.Logger):
    """Hands gunicorn's lines to the portal's logging."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = Logger


def on_starting(server: Any) -> None:
    """Before it listens: refuse what `flask serve` refuses, then set aside what stands for good."""
    with server.app.wsgi().app_context():
        try:
            serve.demo_accounts()
        except serve.DemoInProduction as error:
            raise SystemExit(f"Error: {error.message}") from None
        except db.Unavailable as error:
            raise SystemExit(f"Error: the database is {error.reason}") from None
        finally:
            db.session.remove()
            db.extension.engine.dispose()  # a connection is not shared with forked processes
    log.info("web.started", server="gunicorn")
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Let each process record that it lives, and that it ends."""
    stop = worker.portal_stop = threading.Event()
    worker.portal_monitor = monitor.start(worker.wsgi, ProcessKind.WEB, stop)


def worker_exit(_server: Any, worker: Any) -> None:
    worker.portal_stop.set()
    worker.portal_monitor.join(timeout=2)


def on_exit(_server: Any) -> None:
    log.info("web.stopped")


def post_request(_worker: Any, request: Any, _environ: Any, _response: Any) -> None:
    """Take the rest of a body that nobody read, as of a file that is too large: nginx, which still
    sends it, would take a closed connection for a fault and drop the answer."""
    while request.body.read(64 * 1024):
        pass
