"""Logging: one line an event on stderr, JSON in production and readable in a local run.

Modules log by `structlog.get_logger(__name__)`; lines of other libraries come out in the same form.
`docs/operations.md` lists the lines. They hold IDs and codes, never names, addresses or input.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import structlog
from structlog.types import EventDict, Processor

FIRST_KEYS = ("timestamp", "level", "event", "logger", "request_id", "job_id")
ADD_FACTS: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class StderrHandler(logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is at that moment: tests replace it."""

    is_production: bool | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


HANDLER = StderrHandler()


def configure(*, is_production: bool) -> None:
    """Send all log lines of the process to stderr; repeated calls change nothing.

    Production writes JSON from level INFO. A local run writes readable lines from level WARNING, so
    that commands print little more than their answer; servers set their own level.
    """
    if HANDLER.is_production is is_production:
        return
    if HANDLER.is_production is None:
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *ADD_FACTS,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
        )
        logging.getLogger().addHandler(HANDLER)
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    HANDLER.is_production = is_production
    HANDLER.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_drop_arguments_of_faults, *ADD_FACTS],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_json_renderers() if is_production else _console_renderers()),
            ],
        )
    )
    set_level(logging.INFO if is_production else logging.WARNING)


def set_level(level: int) -> None:
    """Write lines from this level of `logging`."""
    logging.getLogger().setLevel(level)


@contextmanager
def bind_job(job_id: str) -> Iterator[None]:
    """Every line that this thread logs inside has the `job_id`."""
    with structlog.contextvars.bound_contextvars(job_id=job_id):
        yield


def are_json() -> bool:
    """Whether lines are JSON, which programs can read."""
    return bool(HANDLER.is_production)


def _json_renderers() -> list[Processor]:
    return [
        structlog.processors.ExceptionRenderer(_safe_traceback),
        _order_keys,
        structlog.processors.JSONRenderer(),
    ]


def _console_renderers() -> list[Processor]:
    # Another formatter shows the values of local variables.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _order_keys(_logger: object, _method: str, line: EventDict) -> EventDict:
    return {key: line[key] for key in FIRST_KEYS if key in line} | dict(line)


def _drop_arguments_of_faults(_logger: object, _method: str, line: EventDict) -> EventDict:
    """A web server's arguments are the URL, with what people search for and tokens of links."""
    record = line["_record"]
    if record.exc_info:
        line["event"] = str(record.msg)
    return line


def _safe_traceback(exc_info: ExcInfo) -> str:
    """Return the traceback without messages that may quote a value which a person entered."""
    chain: list[BaseException] = []
    error: BaseException | None = exc_info[1]
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n".join(_format(error) for error in reversed(chain))


def _format(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"Traceback (most recent call last):\n{frames}{name}: {_message(error)}"


def _message(error: BaseException) -> str:
    """Return the message of a database driver or the system; empty where it may quote a value."""
    if isinstance(error, OSError):
        return error.strerror or ""
    if isinstance(error, sqlite3.Error):
        return str(error)
    if type(error).__module__.partition(".")[0] != "psycopg":
        return ""
    driver_error: Any = error
    sqlstate = driver_error.sqlstate or ""
    if not sqlstate:  # no connection
        return str(error)
    is_about_a_value = sqlstate.startswith("22")
    return "" if is_about_a_value else driver_error.diag.message_primary or ""
