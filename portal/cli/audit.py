"""`flask audit`: verify the chains of the audit log."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal import db
from portal.domain import audit

commands = AppGroup("audit", help="Who did what to what.")


@commands.command("verify")
def verify() -> None:
    """Every chain of the audit log, from its first line; the exit status is 1 if one is broken."""
    broken_links = db.read(audit.find_broken_links)
    for chain, seq in broken_links:
        click.echo(f"The chain {chain} is broken at line {seq}.")
    if broken_links:
        raise click.ClickException("The audit log was changed outside of the portal.")
    click.echo("The audit log verifies.")
