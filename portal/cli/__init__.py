"""Operator commands: serve, work, seed, backup, doctor, users, partners, customers and more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import click
import flask_migrate.cli
import structlog
from flask import Flask

from portal.cli import (
    audit,
    backup,
    clouds,
    connections,
    customers,
    doctor,
    invoices,
    jobs,
    money,
    months,
    partners,
    restore,
    seed,
    serve,
    unavailable,
    usage,
    users,
)

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Add the portal's commands to `flask`, and its `db` of Flask-Migrate, logged as they are."""
    modules = (
        *(users, partners, customers, clouds, connections),
        *(usage, invoices, money, months, jobs, audit),
    )
    groups = (flask_migrate.cli.db, *(module.commands for module in modules))
    others = (seed.seed, backup.command, restore.command, doctor.command)
    for command in (*serve.COMMANDS, *others, *groups):
        app.cli.add_command(_logged(unavailable.guard(command)))


def _logged(command: click.Command) -> click.Command:
    """Return a copy of the command, or of the group, that logs its end."""
    logged, invoke = copy(command), command.invoke

    def run(ctx: click.Context) -> Any:
        with _log_end(ctx):
            return invoke(ctx)

    logged.invoke = run  # type: ignore[method-assign]
    return logged


@contextmanager
def _log_end(ctx: click.Context) -> Iterator[None]:
    """Log the command's name and exit status, but no arguments: they may be personal data."""
    status = 1
    try:
        yield
        status = 0
    except (click.ClickException, click.exceptions.Exit) as error:
        status = error.exit_code
        raise
    finally:
        name = " ".join(filter(None, (ctx.info_name, ctx.invoked_subcommand)))
        log.info("command.ended", command=name, exit_status=status)
