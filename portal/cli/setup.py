"""The first real installation: settings, operator, own partner account, a test mail.

Stands beside the `flask` commands because those need the settings that this one writes.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import flask_migrate
from dotenv import dotenv_values

from portal import config, create_app, db, worker
from portal.domain import accounts, identity, outbox, values
from portal.domain.actors import COMMAND
from portal.domain.identity import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from portal.domain.outbox import Delivery
from portal.domain.values import EmailAddress, Invalid
from portal.i18n import languages

F = TypeVar("F", bound=Callable[..., Any])
ENV = (config.ROOT / ".env").resolve()  # an installation keeps it beside its versions
SETTINGS = {setting.name: setting for setting in config.SETTINGS}


def _setting(_context: click.Context, option: click.Parameter, value: str) -> str:
    """Says at the prompt what the start would refuse."""
    setting = SETTINGS[(option.name or "").upper()]
    if "${" in value:
        raise click.BadParameter("${ would be replaced when .env is read")
    try:
        setting.parse(value.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return value.strip()


def _password(_context: click.Context, _option: click.Parameter, value: str) -> str:
    fault = identity.password_problem(value, "")
    if fault is not None:
        raise click.BadParameter(f"{MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    return value


def _email(_context: click.Context, _option: click.Parameter, value: str) -> EmailAddress:
    try:
        return values.email(value)
    except Invalid as error:
        raise click.BadParameter(f"not an e-mail address ({error.code})") from error


def _line(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        return values.line(value)
    except Invalid as error:
        raise click.BadParameter(f"not a name ({error.code})") from error


def asked(name: str, question: str, **more: Any) -> Callable[[F], F]:
    """A setting, as an option, from the environment as at each start, or at a prompt."""
    variable = name.replace("-", "_").upper()
    return click.option(
        f"--{name}", prompt=question, callback=_setting, envvar=variable, show_envvar=True, **more
    )


@click.command()
@asked("product-name", "Name of the cloud, as people read it")
@asked("external-url", "Address people reach the portal at (https://…)")
@asked("database-url", "Database", default="sqlite:///instance/portal.db")
@asked("currency", "Currency (ISO 4217)", default="EUR")
@asked("mail-server", "SMTP relay")
@asked("mail-port", "Its port", default="587")
@asked("mail-security", "Its security (starttls, tls, plain)", default="starttls")
@asked("mail-ca-file", "Certificates to trust beside the system's (empty: none)", default="")
@asked("mail-username", "Account at the relay (empty: none)", default="")
@asked("mail-password", "Its password", default="", hide_input=True)
@asked("mail-default-sender", "Address mails come from")
@click.option(
    "--partner-name", prompt="Your partner account's name, as customers read it", callback=_line
)
@click.option("--email", prompt="Your own e-mail, operator and owner", callback=_email)
@click.option("--name", prompt="Your own name", callback=_line)
@click.password_option(callback=_password, envvar="PORTAL_PASSWORD", show_envvar=True)
def setup(email: EmailAddress, name: str, password: str, partner_name: str, **given: str) -> None:
    """Write the settings, migrate, make the operator and a paid partner account, send a test mail.

    No demonstration data. Refuses a database that has users already.
    """
    settings = {"PORTAL_ENV": "production", "SECRET_KEY": secrets.token_urlsafe(48)}
    settings |= {option.upper(): value for option, value in given.items()}
    kept = {key: value for key, value in dotenv_values(ENV).items() if value}
    settings |= {"SECRET_KEY": kept["SECRET_KEY"]} if "SECRET_KEY" in kept else {}
    try:
        app = create_app(kept | settings)
    except config.Unsafe as error:
        raise click.ClickException(str(error)) from error
    with app.app_context():
        flask_migrate.upgrade()
        try:
            if db.read(identity.has_users):
                raise click.ClickException("This database has users; set-up is for a new one.")
            _write(ENV, kept | settings)
            _people(email, name, password, partner_name)
            click.echo(f"\n{settings['PRODUCT_NAME']} is set up; its settings are in {ENV.name}.")
            click.echo(_test_mail(email))
        finally:
            db.session.remove()
            db.extension.engine.dispose()
    if "TRUSTED_PROXIES" not in kept:  # deploy/install starts it, and has a proxy in front
        click.echo("Start it with `make run`; put an HTTPS proxy in front (TRUSTED_PROXIES=1).")


def _write(path: Path, settings: dict[str, str]) -> None:
    """Readable for the owner alone, before the secrets are in it; whole, or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)  # what was left there has its own readers, or leads elsewhere
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        for key, value in settings.items():
            quoted = re.sub(r"(['\\])", r"\\\1", value)
            file.write(f"{key}='{quoted}'\n")
    fresh.replace(path)


def _people(email: EmailAddress, name: str, password: str, partner_name: str) -> None:
    password_hash = identity.hash_password(password)

    def unit() -> None:
        user, own = accounts.register(
            email,
            name=name,
            password_hash=password_hash,
            language=languages.SOURCE,
            by=COMMAND,
        )
        identity.make_operator(user, by=COMMAND)
        accounts.grant_partner_status(own, name=partner_name, by=COMMAND)
        accounts.switch_to_paid(own, by=COMMAND)

    db.write(unit)


def _test_mail(email: EmailAddress) -> str:
    """Queue a test mail and hand it over right away; the sentence says what the relay answered."""
    entry_id = db.write(
        lambda: (
            outbox.add(
                "test", about=email.key, to=email.wire, language=languages.SOURCE, facts={}
            ).id
        )
    )
    worker.deliver_next()
    entry = db.read(lambda: outbox.get(entry_id))
    if entry.state is Delivery.SENT:
        return f"A test mail to {email.display} was handed over: {entry.answer}"
    return (
        f"The test mail was NOT handed over: {entry.answer}\n"
        "Correct MAIL_* in .env. It is tried again for four hours while the portal runs."
    )


if __name__ == "__main__":
    setup()
