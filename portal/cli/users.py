"""`flask user`: create, allow, disable and enable users; appoint operators."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal.cli.email import EMAIL, find_user
from portal.cli.refusals import fail, run_unit
from portal.domain import accounts, identity, values, workflows
from portal.domain.actors import COMMAND
from portal.domain.values import EmailAddress
from portal.i18n import languages

commands = AppGroup("user", help="Accounts of people.")


@commands.command("create")
@click.argument("email", type=EMAIL)
@click.option("--name", prompt=True)
@click.option(
    "--language", type=click.Choice(list(languages.available())), default=languages.SOURCE
)
@click.password_option()
def create(email: EmailAddress, name: str, language: str, password: str) -> None:
    """An account for EMAIL, whose owner you know, with a direct billing account."""
    problem = identity.password_problem(password, email.display)
    if problem is not None:
        fail(problem)
    password_hash = identity.hash_password(password)
    _user, account = run_unit(
        lambda: accounts.register(
            email,
            name=values.line(name),
            password_hash=password_hash,
            language=language,
            by=COMMAND,
        )
    )
    click.echo(f"{email.display} can sign in; billing account {account.id}.")


@commands.command("allow")
@click.argument("email", type=EMAIL)
def allow(email: EmailAddress) -> None:
    """EMAIL may sign up although SIGN_UP is `invited`."""
    run_unit(lambda: identity.allow_email(email, by=COMMAND))
    click.echo(f"{email.display} may sign up.")


@commands.command("operator")
@click.argument("email", type=EMAIL)
def make_operator(email: EmailAddress) -> None:
    """EMAIL's account runs this installation."""
    run_unit(lambda: identity.make_operator(find_user(email), by=COMMAND))
    click.echo(f"{email.display} is an operator.")


@commands.command("disable")
@click.argument("email", type=EMAIL)
@click.option("--heir", type=EMAIL, help="Becomes owner of what EMAIL alone owns.")
def disable(email: EmailAddress, heir: EmailAddress | None) -> None:
    """EMAIL is signed out everywhere and can't sign in any more."""
    run_unit(
        lambda: workflows.disable_user(
            find_user(email), by=COMMAND, heir=find_user(heir) if heir else None
        )
    )
    click.echo(f"{email.display} is disabled and signed out everywhere.")


@commands.command("enable")
@click.argument("email", type=EMAIL)
def enable(email: EmailAddress) -> None:
    """EMAIL may sign in again, with all the roles they had."""
    run_unit(lambda: identity.enable(find_user(email), by=COMMAND))
    click.echo(f"{email.display} may sign in again.")
