"""`flask invoice`: record a vendor's invoice of a month, and list invoices beside our sums."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import click
from flask.cli import AppGroup

from portal import db
from portal.cli.money import Amount
from portal.cli.months import MONTH
from portal.cli.refusals import run_unit
from portal.domain import policy, usage
from portal.domain.actors import COMMAND
from portal.wording.usage import exact_text

commands = AppGroup("invoice", help="Invoices of vendors, beside our sums of usage.")


@commands.command("list")
def show_all() -> None:
    """The newest months of each source that delivers files: our sum, invoice and difference."""
    for row in db.read(lambda: usage.comparisons_for(COMMAND)):
        said = "no invoice"
        if row.invoiced is not None and row.difference is not None:
            said = f"invoice {_text(row.invoiced)}, difference {_text(row.difference)}"
        click.echo(f"{row.month_on:%Y-%m}  {row.source.name}  {_text(row.ours)}  {said}")


@commands.command("record", context_settings={"ignore_unknown_options": True})
@click.argument("source")
@MONTH
@click.argument("amount", type=Amount())
def record(source: str, month: datetime, amount: Decimal) -> None:
    """The vendor of SOURCE asks AMOUNT for MONTH, such as 2026-10. A later one takes its place."""

    def unit() -> None:
        names = {it.name: it for it in usage.file_sources_for(COMMAND)}
        if source not in names:
            raise click.ClickException(f"There is no source of files {source}.")
        usage.record_invoice(names[source], month_on=month.date(), amount=amount, by=COMMAND)

    run_unit(unit)
    click.echo("The invoice is recorded.")


def _text(amount: Decimal) -> str:
    return f"{exact_text(amount)} {policy.current().currency}"
