"""`flask partner`: grant and revoke partner status."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.cli.email import EMAIL, find_user
from portal.cli.refusals import run_unit
from portal.domain import accounts, values, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.values import EmailAddress

commands = AppGroup("partner", help="Partner status of billing accounts.")


@commands.command("grant")
@click.argument("email", type=EMAIL)
@click.option("--name", help="The partner's name, as customers read it.")
def grant(email: EmailAddress, name: str | None) -> None:
    """EMAIL's own billing account becomes a partner's."""

    def unit() -> str:
        account = _own_account(email)
        accounts.grant_partner_status(account, name=name and values.line(name), by=COMMAND)
        return f"{account.id} ({account.name}) has partner status."

    click.echo(run_unit(unit))


@commands.command("revoke")
@click.argument("email", type=EMAIL)
def revoke(email: EmailAddress) -> None:
    """EMAIL's own billing account is a direct one again; not while it has live customers."""

    def unit() -> str:
        account = _own_account(email)
        workflows.revoke_partner_status(account, by=COMMAND)
        return f"{account.id} ({account.name}) has no partner status any more."

    click.echo(run_unit(unit))


def _own_account(email: EmailAddress) -> BillingAccount:
    account = accounts.first_own_account(find_user(email))
    if account is None:
        raise click.ClickException(f"{email.display} owns no billing account.")
    return account
