"""`flask connection`: add, list, change, test, close connections; the default; keys; people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from portal import config, db
from portal.cli import connection_questions
from portal.cli.email import EMAIL, find_user
from portal.cli.refusals import run_unit, text_of
from portal.domain import connections, memberships, metering, values
from portal.domain.actors import COMMAND
from portal.domain.connections import KINDS, Connection
from portal.domain.errors import Refused
from portal.domain.metering import RATED
from portal.domain.values import EmailAddress, Invalid
from portal.wording import connections as wording
from portal.wording.numbers import plain_number

commands = AppGroup("connection", help="Where clouds live.")


def _pair(_context: Any, _option: Any, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if not all(sign for _name, sign, _value in pairs):
        raise click.BadParameter("must be NAME=VALUE")
    return {name: value for name, _sign, value in pairs}


_SET = click.option(
    "--set",
    "given",
    multiple=True,
    callback=_pair,
    help="A setting that is not asked for: NAME=VALUE; of certificates NAME=FILE.",
)


@commands.command("add")
@click.argument("kind", type=click.Choice([str(kind) for kind in KINDS]))
@click.argument("name")
@_SET
def add(kind: str, name: str, given: dict[str, str]) -> None:
    """A connection of KIND; asks for its settings and credentials, if the kind has some."""
    try:
        name = values.line(name, limit=connections.MAX_NAME_LENGTH)
    except Invalid as error:
        raise click.ClickException(text_of(error)) from error
    answers = connection_questions.ask(KINDS[kind].fields, given, {})
    connection = run_unit(lambda: connections.add(kind, name=name, values=answers, by=COMMAND))
    then = "`flask connection default` makes it the default."
    if KINDS[kind].asks:
        then = f"Test it with `flask connection test`; then {then}"
    click.echo(f"{connection.id} ({name}) is added. {then}")


@commands.command("list")
def show_all() -> None:
    """All connections."""
    rows = db.read(lambda: connections.connections_for(COMMAND))
    with current_app.test_request_context():
        for row in rows:
            state = "closed" if row.closed_at else "default" if row.is_default else "open"
            click.echo(f"{row.id}  {row.kind:<10} {state:<8} {row.name}")
            if found := wording.findings(row):
                at = f"{row.tested_at:%Y-%m-%d %H:%M} UTC: " if row.tested_at else ""
                click.echo(f"    {at}{found}")


@commands.command("test")
@click.argument("name")
def test(name: str) -> None:
    """Let the worker test the connection NAME; `flask connection list` shows what it found."""
    run_unit(lambda: connections.queue_test(_find(name), by=COMMAND))
    click.echo("The worker tests it. `flask connection list` shows what it found.")


@commands.command("default")
@click.argument("name")
def make_default(name: str) -> None:
    """New clouds are created on the connection NAME, which was tested, from now on."""
    run_unit(lambda: connections.make_default(_find(name), by=COMMAND))
    click.echo("New clouds are created there from now on.")


@commands.command("close")
@click.argument("name")
def close(name: str) -> None:
    """No new clouds on the connection NAME; those it has go on."""
    run_unit(lambda: connections.close(_find(name), by=COMMAND))
    click.echo("It is closed for new clouds.")


@commands.command("change")
@click.argument("name")
@_SET
@click.option(
    "--rate",
    "rates",
    multiple=True,
    callback=_pair,
    help="What a sampled connection's clouds cost: cpu=AMOUNT by vCPU and hour, memory=AMOUNT by "
    "GiB and hour, disk=AMOUNT by GiB and month. Nothing else is changed then.",
)
@click.option(
    "--rates-from", "since", type=click.DateTime(["%Y-%m-%d"]), help="A UTC day; by default today."
)
def change(name: str, given: dict[str, str], rates: dict[str, str], since: datetime | None) -> None:
    """Change the settings of the connection NAME, and enter its credentials again; or set its
    rates."""
    if rates:
        _set_rates(name, rates, since)
        return
    connection = db.read(lambda: _find(name))
    if connection.spec is None:
        raise click.ClickException(f"This version does not have the kind {connection.kind}.")
    answers = connection_questions.ask(connection.spec.fields, given, connection.settings)
    run_unit(lambda: connections.change(_find(name), values=answers, by=COMMAND))
    click.echo("The connection is changed.")


def _set_rates(name: str, typed: dict[str, str], since: datetime | None) -> None:
    if unknown := set(typed).difference(RATED):
        raise click.BadParameter(f"there is no rate {min(unknown)}: there are {', '.join(RATED)}")
    try:
        plain = {name: plain_number(text, places=9) for name, text in typed.items()}
        rates = metering.parse_rates(plain)
    except (Invalid, Refused) as error:
        raise click.ClickException(text_of(error)) from error

    def unit() -> None:
        day = (since or db.now()).date()
        metering.set_rates(_find(name), since_on=day, rates=rates, by=COMMAND)

    run_unit(unit)
    click.echo("The rates are set. The worker delivers days that are over again.")


@commands.command("rekey")
def rekey() -> None:
    """A new key in CREDENTIALS_KEY_FILE, and all credentials sealed with it.

    Older keys stay in the file, for backups.
    """
    file = config.current().credentials_key_file
    if not file:
        raise click.ClickException("CREDENTIALS_KEY_FILE is not set.")
    try:
        config.add_credentials_key(file)
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.ClickException(f"{file}: {reason}.") from error
    after, sealed = "", 0
    while found := db.write(lambda: connections.reseal_next(after, by=COMMAND)):  # noqa: B023
        after, is_readable = found.connection_id, found.is_readable
        sealed += is_readable
        if not is_readable:
            click.echo(f"{found.name}: its credentials can't be decrypted; enter them again.")
    click.echo(f"{file} has a new key. Connections whose credentials are sealed with it: {sealed}.")


@commands.command("map")
@click.argument("email", type=EMAIL)
@click.argument("name")
@click.argument("provider")
@click.argument("subject")
def map_person(email: EmailAddress, name: str, provider: str, subject: str) -> None:
    """EMAIL signs in at the connection NAME as SUBJECT of the identity provider PROVIDER."""
    _map(email, name, provider, subject)
    click.echo("Their roles by hand on its clouds are ordered for this identity.")


@commands.command("unmap")
@click.argument("email", type=EMAIL)
@click.argument("name")
def unmap_person(email: EmailAddress, name: str) -> None:
    """EMAIL has no identity of their own at the connection NAME any more."""
    _map(email, name, "", "")
    click.echo("Their access there is revoked.")


def _map(email: EmailAddress, name: str, provider: str, subject: str) -> None:
    names = {"provider": provider, "subject": subject}
    run_unit(lambda: memberships.map_person(find_user(email), _find(name), **names, by=COMMAND))


def _find(name: str) -> Connection:
    connection = connections.find(name)
    if connection is None:
        raise click.ClickException(f"There is no connection {name}; see `flask connection list`.")
    return connection
