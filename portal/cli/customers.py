"""`flask customer`: erase the personal values of a customer."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal import db
from portal.cli.refusals import run_unit
from portal.domain import workflows
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer

commands = AppGroup("customer", help="Records of partners' customers.")


@commands.command("erase")
@click.argument("customer_id")
@click.option(
    "--statements", is_flag=True, help="Although its statements must be kept for years yet."
)
def erase(customer_id: str, *, statements: bool) -> None:
    """Blanks the personal values of an Inactive customer, for good."""

    def unit() -> None:
        customer = db.find(Customer, customer_id, COMMAND)
        if customer is None:
            raise click.ClickException(f"There is no customer {customer_id}.")
        workflows.erase_customer(customer, by=COMMAND, with_statements=statements)

    run_unit(unit)
    click.echo(f"{customer_id} is erased; what happened stays in the log.")
