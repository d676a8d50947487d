"""Operator commands: serve, worker, seed, backup, users, partners, customers, clouds, audit."""

from __future__ import annotations

from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from portal import db
from portal.cli import backup, serve
from portal.domain import accounts, audit, identity, values, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.cloud_access import explanation
from portal.domain.cloud_access.explanation import Ability, Ground
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.values import EmailAddress, Invalid
from portal.i18n import formats, languages
from portal.wording import labels
from portal.wording.errors import sentence

user_commands = AppGroup("user", help="Accounts of people.")
partner_commands = AppGroup("partner", help="Partner status of billing accounts.")
audit_commands = AppGroup("audit", help="Who did what to what.")
customer_commands = AppGroup("customer", help="Records of partners' customers.")
cloud_commands = AppGroup("cloud", help="Who may do what on a cloud.")


def register(app: Flask) -> None:
    """All commands of `flask`."""
    groups = (user_commands, partner_commands, customer_commands, cloud_commands, audit_commands)
    for command in (*serve.COMMANDS, *backup.COMMANDS, *groups):
        app.cli.add_command(command)


class EmailType(click.ParamType):  # type: ignore[type-arg]
    """An address; refused with the sentence that forms show."""

    name = "e-mail"

    def convert(self, value: Any, param: Any, ctx: Any) -> EmailAddress:
        try:
            return values.email(value)
        except Invalid as error:
            with current_app.test_request_context():
                self.fail(sentence(error.code, error.facts))


EMAIL = EmailType()


def run_unit(unit: Any) -> Any:
    """A unit of work on the command line: a refusal is a sentence, not a trace."""
    try:
        return db.write(unit)
    except (Refused, Invalid) as error:
        with current_app.test_request_context():
            raise click.ClickException(sentence(error.code, error.facts)) from error


@user_commands.command("create")
@click.argument("email", type=EMAIL)
@click.option("--name", prompt=True)
@click.option(
    "--language", type=click.Choice(list(languages.available())), default=languages.SOURCE
)
@click.password_option()
@with_appcontext
def user_create(email: EmailAddress, name: str, language: str, password: str) -> None:
    """An account for EMAIL, whose owner you know, with a direct billing account."""
    fault = identity.password_problem(password, email.display)
    if fault is not None:
        run_unit(lambda: _raise(fault))
    password_hash = identity.hash_password(password)
    _user, own = run_unit(
        lambda: accounts.register(
            email,
            name=values.line(name),
            password_hash=password_hash,
            language=language,
            by=COMMAND,
        )
    )
    click.echo(f"{email.display} can sign in; billing account {own.id}.")


@user_commands.command("allow")
@click.argument("email", type=EMAIL)
@with_appcontext
def user_allow(email: EmailAddress) -> None:
    """EMAIL may sign up although SIGN_UP is `invited`."""
    run_unit(lambda: identity.allow_email(email, by=COMMAND))
    click.echo(f"{email.display} may sign up.")


@user_commands.command("operator")
@click.argument("email", type=EMAIL)
@with_appcontext
def user_operator(email: EmailAddress) -> None:
    """EMAIL's account runs this installation."""
    run_unit(lambda: identity.make_operator(_user(email), by=COMMAND))
    click.echo(f"{email.display} is an operator.")


@user_commands.command("disable")
@click.argument("email", type=EMAIL)
@click.option("--heir", type=EMAIL, help="Becomes owner of what EMAIL alone owns.")
@with_appcontext
def user_disable(email: EmailAddress, heir: EmailAddress | None) -> None:
    """EMAIL is signed out everywhere and can't sign in any more."""
    run_unit(
        lambda: workflows.disable_user(_user(email), by=COMMAND, heir=_user(heir) if heir else None)
    )
    click.echo(f"{email.display} is disabled and signed out everywhere.")


@user_commands.command("enable")
@click.argument("email", type=EMAIL)
@with_appcontext
def user_enable(email: EmailAddress) -> None:
    """EMAIL may sign in again, with all the roles they had."""
    run_unit(lambda: identity.enable(_user(email), by=COMMAND))
    click.echo(f"{email.display} may sign in again.")


@customer_commands.command("erase")
@click.argument("customer_id")
@with_appcontext
def customer_erase(customer_id: str) -> None:
    """Blanks the personal values of an Inactive customer, for good."""

    def unit() -> None:
        record = db.find(Customer, customer_id, COMMAND)
        if record is None:
            raise click.ClickException(f"There is no customer {customer_id}.")
        workflows.erase_customer(record, by=COMMAND)

    run_unit(unit)
    click.echo(f"{customer_id} is erased; what happened stays in the log.")


@partner_commands.command("grant")
@click.argument("email", type=EMAIL)
@click.option("--name", help="The partner's name, as customers read it.")
@with_appcontext
def partner_grant(email: EmailAddress, name: str | None) -> None:
    """EMAIL's own billing account becomes a partner's."""

    def unit() -> str:
        own = _own_account(email)
        accounts.grant_partner_status(own, name=name and values.line(name), by=COMMAND)
        return f"{own.id} ({own.name}) has partner status."

    click.echo(run_unit(unit))


@partner_commands.command("revoke")
@click.argument("email", type=EMAIL)
@with_appcontext
def partner_revoke(email: EmailAddress) -> None:
    """EMAIL's own billing account is a direct one again; not while it has live customers."""

    def unit() -> str:
        own = _own_account(email)
        workflows.revoke_partner_status(own, by=COMMAND)
        return f"{own.id} ({own.name}) has no partner status any more."

    click.echo(run_unit(unit))


@cloud_commands.command("explain")
@click.argument("cloud_id")
@click.argument("email", type=EMAIL)
@with_appcontext
def cloud_explain(cloud_id: str, email: EmailAddress) -> None:
    """What EMAIL's account may do on the cloud now or soon, and which row gives it."""

    def question() -> list[Ability]:
        found = db.find(Cloud, cloud_id, COMMAND)
        if found is None:
            raise click.ClickException(f"There is no cloud {cloud_id}.")
        return explanation.explain(found, identity.user_by_email(email.key), reader=COMMAND)

    with current_app.test_request_context():
        for ability in db.read(question):
            click.echo(f"{labels.ABILITIES[ability.action]}: {_when(ability)}")
            for ground in ability.grounds:
                click.echo(f"    {_ground(ground)}")


def _when(ability: Ability) -> str:
    if ability.is_now:
        return "yes"
    return f"from {formats.utc_time(ability.begins_at)}" if ability.begins_at else "no"


def _ground(row: Ground) -> str:
    how = "their own" if row.is_on_cloud else "on the account that pays"
    if row.partner_name:
        how = f"through the account of {row.partner_name}"
    since = f"since {formats.utc_time(row.granted_at)}"
    if not row.is_now:
        since += f", effective {formats.utc_time(row.effective_at)}"
    return f"{row.role}, {how}, {since}, row {row.row_id}"


@audit_commands.command("verify")
@with_appcontext
def audit_verify() -> None:
    """Every chain of the audit log, from its first line; the exit status is 1 if one is broken."""
    broken = db.read(audit.find_broken_links)
    for chain, seq in broken:
        click.echo(f"The chain {chain} is broken at line {seq}.")
    if broken:
        raise click.ClickException("The audit log was changed outside of the portal.")
    click.echo("The audit log verifies.")


def _user(email: EmailAddress) -> User:
    user = identity.user_by_email(email.key)
    if user is None:
        raise click.ClickException(
            f"{email.display} has no account here; `flask user create` makes one."
        )
    return user


def _own_account(email: EmailAddress) -> BillingAccount:
    own = accounts.first_own_account(_user(email))
    if own is None:
        raise click.ClickException(f"{email.display} owns no billing account.")
    return own


def _raise(error: Refused) -> None:
    raise error
