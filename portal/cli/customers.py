"""`flask customer`: erase the personal values of a customer."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal import db
from portal.cli.refusals import run_unit
from portal.domain import workflows
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer
from portal.worker import usage_erasing

commands = AppGroup("customer", help="Records of partners' customers.")


@commands.command("erase")
@click.argument("customer_id")
@click.option(
    "--statements", is_flag=True, help="Although its statements must be kept for years yet."
)
def erase(customer_id: str, *, statements: bool) -> None:
    """Blanks the personal values of an Inactive customer, for good, also the tags and names in its
    rows of usage. Run it again if it is interrupted."""

    def unit() -> str:
        customer = db.find(Customer, customer_id, COMMAND)
        if customer is None:
            raise click.ClickException(f"There is no customer {customer_id}.")
        workflows.erase_customer(customer, by=COMMAND, with_statements=statements)
        return customer.subaccount_id

    usage_erasing.erase_extras(run_unit(unit))
    click.echo(f"{customer_id} is erased; what happened stays in the log.")
