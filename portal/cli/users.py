"""`flask user`: list, create, allow, disable, block users; end sessions; appoint operators."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal import db
from portal.cli import listing
from portal.cli.email import EMAIL, find_user
from portal.cli.refusals import fail, run_unit, text_of
from portal.domain import accounts, identity, people, values, workflows
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.identity import BlockReason, User
from portal.domain.values import EmailAddress, Invalid
from portal.i18n import languages

commands = AppGroup("user", help="Accounts of people.")


def _check_name(_context: click.Context, _option: click.Parameter, value: str) -> str:
    # Click calls this twice for an answer at the prompt: a name that was accepted stays the same.
    try:
        return values.line(value)
    except Invalid as error:
        raise click.BadParameter(text_of(error)) from error


def _check_password(context: click.Context, _option: click.Parameter, value: str) -> str:
    email: EmailAddress = context.params["email"]
    name = context.params.get("name", "")
    if problem := identity.password_problem(value, email.display, name):
        raise click.BadParameter(text_of(problem))
    return value


@commands.command("list")
@listing.as_json
def show(*, as_json: bool) -> None:
    """All people with an account, the oldest first."""

    def load(after: str) -> list[User]:
        return people.people_for(COMMAND, after=after)

    for user in listing.every(load, people.PAGE, lambda user: user.id):
        state = _state_of(user)
        if as_json:
            facts = {"id": user.id, "email": user.email, "name": user.name, "state": state}
            listing.echo_json(facts | {"is_operator": user.is_operator})
        else:
            role = "operator" if user.is_operator else ""
            click.echo(f"{user.id}  {state:<8} {role:<8}  {user.email}  {user.name}")


def _state_of(user: User) -> str:
    return "blocked" if user.blocked_at else "disabled" if user.disabled_at else "active"


@commands.command("create")
@click.argument("email", type=EMAIL, is_eager=True)  # before the password
@click.option("--name", prompt=True, callback=_check_name)
@click.option(
    "--language", type=click.Choice(list(languages.available())), default=languages.SOURCE
)
@click.password_option(callback=_check_password)
def create(email: EmailAddress, name: str, language: str, password: str) -> None:
    """An account for EMAIL, whose owner you know, with a direct billing account."""
    try:
        password_hash = identity.hash_new_password(password, email.display, name)
    except Refused as error:
        fail(error)
    _user, account = run_unit(
        lambda: accounts.register(
            email,
            name=name,
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
    run_unit(lambda: people.allow(email, by=COMMAND))
    click.echo(f"{email.display} may sign up.")


@commands.command("operator")
@click.argument("email", type=EMAIL)
def make_operator(email: EmailAddress) -> None:
    """EMAIL's account runs this installation."""
    run_unit(lambda: people.appoint_operator(find_user(email), by=COMMAND))
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
    run_unit(lambda: workflows.enable_user(find_user(email), by=COMMAND))
    _say_who_may_sign_in(email)


@commands.command("block")
@click.argument("email", type=EMAIL)
@click.option(
    "--reason",
    type=click.Choice([str(reason) for reason in BlockReason]),
    default=str(BlockReason.OTHER),
)
def block(email: EmailAddress, reason: str) -> None:
    """EMAIL is signed out everywhere and can't sign in until unblocked; they keep what they own."""
    run_unit(lambda: people.block(find_user(email), by=COMMAND, reason=BlockReason(reason)))
    click.echo(f"{email.display} is blocked and signed out everywhere; they keep what they own.")
    if not db.read(identity.has_operators):
        click.echo("No operator is left who can sign in; `flask user operator` appoints one.")


@commands.command("unblock")
@click.argument("email", type=EMAIL)
def unblock(email: EmailAddress) -> None:
    """EMAIL may sign in again."""
    run_unit(lambda: people.unblock(find_user(email), by=COMMAND))
    _say_who_may_sign_in(email)


@commands.command("end-sessions")
@click.argument("email", type=EMAIL)
def end_sessions(email: EmailAddress) -> None:
    """EMAIL is signed out everywhere, and may sign in again."""
    run_unit(lambda: people.end_sessions(find_user(email), by=COMMAND))
    click.echo(f"{email.display} is signed out everywhere.")


def _say_who_may_sign_in(email: EmailAddress) -> None:
    user: User = db.read(lambda: find_user(email))
    if user.is_active:
        click.echo(f"{email.display} may sign in again.")
    else:
        click.echo(f"{email.display} is still {_state_of(user)}.")
