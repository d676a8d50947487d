"""`flask seed`: the demonstration data."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from portal import config, db, demo
from portal.domain.errors import Refused
from portal.domain.usage import LeaseLost


@click.command()
@click.option(
    "--customers",
    type=click.IntRange(min=demo.MIN_CUSTOMERS),
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
    add_world(customers)
    click.echo("The demonstration data is in place.")


def add_world(customers: int) -> None:
    """Add the demonstration's people, customers and clouds, with a progress bar."""
    label = "The demonstration: a year of three partners"
    with click.progressbar(length=demo.DAYS, label=label) as bar:
        demo.seed(customers=customers, on_progress=bar.update)


def import_usage() -> None:
    """Import what the demonstration's clouds used, with a progress bar."""
    with click.progressbar(length=demo.usage.DAYS, label="A year of usage") as bar:
        try:
            demo.usage.import_all(bar.update)
        except (Refused, LeaseLost):  # another start imports it, or was killed minutes ago
            return
