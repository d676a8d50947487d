"""`flask partner`: list partners, grant and revoke partner status."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.cli import listing
from portal.cli.email import EMAIL, find_user
from portal.cli.refusals import run_unit
from portal.domain import accounts, values, work, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.values import EmailAddress
from portal.domain.work import PartnerRow

commands = AppGroup("partner", help="Partner status of billing accounts.")


@commands.command("list")
@listing.as_json
def show(*, as_json: bool) -> None:
    """The partners by name, with their customers that are not Inactive."""

    def load(after: str) -> list[PartnerRow]:
        return work.partners_for(COMMAND, after=after)

    for row in listing.every(load, work.PARTNERS_PAGE, lambda row: row.account.id):
        account = row.account
        if as_json:
            facts = {"id": account.id, "name": account.name, "mode": account.mode}
            listing.echo_json(facts | {"customers": row.customers})
        else:
            click.echo(f"{account.id}  {account.mode:<5} {row.customers:>7}  {account.name}")


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
