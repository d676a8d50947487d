"""`flask month`: list months, begin to close one or close it at once, stop its closing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import click
from flask.cli import AppGroup

from portal import db
from portal.cli.refusals import run_unit
from portal.domain import statements
from portal.domain.actors import COMMAND
from portal.worker import statement_making

commands = AppGroup("month", help="Billing months: close them, and make statements.")

MONTH = click.argument("month", type=click.DateTime(["%Y-%m"]))


@commands.command("list")
def list_months() -> None:
    """Months with charges, and their states."""
    for row in db.read(lambda: statements.months_for(COMMAND)):
        until = f", closes {row.closes_at:%Y-%m-%d %H:%M} UTC" if row.closes_at else ""
        until = until if row.closed_at is None else f", {row.closed_at:%Y-%m-%d %H:%M} UTC"
        counts = f"{row.statements} statements, {row.drafts} drafts of customers"
        click.echo(f"{row.month_on:%Y-%m}  {row.state}{until}  {counts}")


@commands.command("close")
@MONTH
@click.option("--now", is_flag=True, help="At once, not 24 hours later.")
def close(month: datetime, *, now: bool) -> None:
    """Begin to close MONTH, such as 2026-10. 24 hours later the worker closes it."""
    verb: Callable[..., object] = statements.close if now else statements.finalise
    run_unit(lambda: verb(_day(month), by=COMMAND))
    if now:
        while statement_making.advance():
            pass
        click.echo(f"{month:%Y-%m} is closed, its statements are made.")
    else:
        click.echo(f"{month:%Y-%m} closes in 24 hours; `flask month stop` stops it.")


@commands.command("stop")
@MONTH
def stop(month: datetime) -> None:
    """Stop the closing of MONTH; it begins again only by `flask month close`."""
    run_unit(lambda: statements.stop(_day(month), by=COMMAND))
    click.echo(f"{month:%Y-%m} stays open.")


def _day(month: datetime) -> date:
    return month.date()
