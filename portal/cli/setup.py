"""Set up a real installation: settings, operator, a partner account, a test mail.

This is no `flask` command because those need the settings that this one writes.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import flask_migrate
from dotenv import dotenv_values

from portal import config, create_app, db, logs, worker
from portal.domain import accounts, audit, identity, mail_deliveries, values
from portal.domain.actors import COMMAND
from portal.domain.identity import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from portal.domain.jobs import Kind
from portal.domain.mail_deliveries import DeliveryState
from portal.domain.values import EmailAddress, Invalid
from portal.i18n import languages

F = TypeVar("F", bound=Callable[..., Any])
ENV = (config.ROOT / ".env").resolve()  # in an installation a link out of the version's folder
SETTINGS = {setting.name: setting for setting in config.SETTINGS}


def _validate_setting(_context: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse at the prompt what would keep the portal from starting."""
    setting = SETTINGS[(option.name or "").upper()]
    if "${" in value:
        raise click.BadParameter("${ would be replaced when .env is read")
    try:
        setting.parse(value.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return value.strip()


def _validate_password(_context: click.Context, _option: click.Parameter, value: str) -> str:
    problem = identity.password_problem(value, "")
    if problem is not None:
        raise click.BadParameter(f"{MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    return value


def _parse_email(_context: click.Context, _option: click.Parameter, value: str) -> EmailAddress:
    try:
        return values.email(value)
    except Invalid as error:
        raise click.BadParameter(f"not an e-mail address ({error.code})") from error


def _normalise_line(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        return values.line(value)
    except Invalid as error:
        raise click.BadParameter(f"not a name ({error.code})") from error


def setting_option(name: str, prompt: str, **attributes: Any) -> Callable[[F], F]:
    """Declare a setting: read from an option, from its environment variable, or at a prompt."""
    variable = name.replace("-", "_").upper()
    return click.option(
        f"--{name}",
        prompt=prompt,
        callback=_validate_setting,
        envvar=variable,
        show_envvar=True,
        **attributes,
    )


@click.command()
@setting_option("product-name", "Name of the cloud, as people read it")
@setting_option("external-url", "Address people reach the portal at (https://…)")
@setting_option("database-url", "Database", default="sqlite:///instance/portal.db")
@setting_option("currency", "Currency (ISO 4217)", default="EUR")
@setting_option("mail-server", "SMTP relay")
@setting_option("mail-port", "Its port", default="587")
@setting_option("mail-security", "Its security (starttls, tls, plain)", default="starttls")
@setting_option(
    "mail-ca-file", "Certificates to trust beside the system's (empty: none)", default=""
)
@setting_option("mail-username", "Account at the relay (empty: none)", default="")
@setting_option("mail-password", "Its password", default="", hide_input=True)
@setting_option("mail-default-sender", "Address mails come from")
@click.option(
    "--partner-name",
    prompt="Your partner account's name, as customers read it",
    callback=_normalise_line,
)
@click.option("--email", prompt="Your own e-mail, operator and owner", callback=_parse_email)
@click.option("--name", prompt="Your own name", callback=_normalise_line)
@click.password_option(callback=_validate_password, envvar="PORTAL_PASSWORD", show_envvar=True)
def setup(email: EmailAddress, name: str, password: str, partner_name: str, **options: str) -> None:
    """Write the settings, migrate, make the operator and a paid partner account, send a test mail.

    No demonstration data. Refuses a database that has users already.
    """
    settings = {"PORTAL_ENV": "production", "SECRET_KEY": secrets.token_urlsafe(48)}
    settings |= {option.upper(): value for option, value in options.items()}
    present = {key: value for key, value in dotenv_values(ENV).items() if value}
    settings |= {"SECRET_KEY": present["SECRET_KEY"]} if "SECRET_KEY" in present else {}
    try:
        app = create_app(present | settings)
    except config.UnsafeSettings as error:
        raise click.ClickException(str(error)) from error
    logs.set_level(logging.WARNING)  # a person reads the answers
    with app.app_context():
        flask_migrate.upgrade()
        try:
            if db.read(identity.has_users):
                raise click.ClickException("This database has users; set-up is for a new one.")
            _write_env(ENV, present | settings)
            _create_owner(email, name, password, partner_name)
            click.echo(f"\n{settings['PRODUCT_NAME']} is set up; its settings are in {ENV.name}.")
            click.echo(_send_test_mail(email))
        finally:
            db.session.remove()
            db.extension.engine.dispose()
    if "TRUSTED_PROXIES" not in present:  # else deploy/install starts it, behind its proxy
        click.echo("Start it with `make run`; put an HTTPS proxy in front (TRUSTED_PROXIES=1).")


def _write_env(path: Path, settings: dict[str, str]) -> None:
    """Write the file atomically, readable only for its owner from the first byte."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # a leftover may be readable for others, or be a link
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        for key, value in settings.items():
            quoted = re.sub(r"(['\\])", r"\\\1", value)
            file.write(f"{key}='{quoted}'\n")
    new.replace(path)


def _create_owner(email: EmailAddress, name: str, password: str, partner_name: str) -> None:
    """Create the operator, who owns a paid partner account."""
    password_hash = identity.hash_password(password)

    def unit() -> None:
        user, account = accounts.register(
            email,
            name=name,
            password_hash=password_hash,
            language=languages.SOURCE,
            by=COMMAND,
        )
        identity.make_operator(user, by=COMMAND)
        accounts.grant_partner_status(account, name=partner_name, by=COMMAND)
        accounts.switch_to_paid(account, by=COMMAND)

    db.write(unit)


def _send_test_mail(email: EmailAddress) -> str:
    """Queue a test mail and deliver it now; return a sentence with the relay's answer."""
    entry_id = db.write(
        lambda: (
            mail_deliveries.add(
                "test", about=audit.INSTALLATION, to=email.wire, language=languages.SOURCE, facts={}
            ).id
        )
    )
    worker.run_next(Kind.MAIL_NOW)
    entry = db.read(lambda: mail_deliveries.get(entry_id))
    if entry.state is DeliveryState.SENT:
        return f"A test mail to {email.display} was handed over: {entry.answer}"
    return (
        f"The test mail was NOT handed over: {entry.answer}\n"
        "Correct MAIL_* in .env. It is tried again for four hours while the portal runs."
    )


if __name__ == "__main__":
    setup()
