"""The first real installation: settings, operator, own partner account, a test mail.

Stands beside the `flask` commands because those need the settings that this one writes.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

import click
import flask_migrate
from dotenv import dotenv_values

from portal import config, create_app, db, worker
from portal.domain import account, contact, identity, outbox
from portal.domain.actor import COMMAND
from portal.domain.contact import Address, Malformed
from portal.domain.outbox import Delivery

ENV = config.ROOT / ".env"


def _email(_context: click.Context, _option: click.Parameter, value: str) -> Address:
    try:
        return contact.email(value)
    except Malformed as error:
        raise click.BadParameter(f"not an e-mail address ({error.code})") from error


@click.command()
@click.option("--product-name", prompt="Name of the cloud, as people read it")
@click.option("--external-url", prompt="Address people reach the portal at (https://…)")
@click.option("--database-url", prompt="Database", default="sqlite:///instance/portal.db")
@click.option("--currency", prompt="Currency (ISO 4217)", default="EUR")
@click.option("--mail-server", prompt="SMTP relay")
@click.option("--mail-port", prompt="Its port", default="587")
@click.option(
    "--mail-security",
    prompt="Its security",
    type=click.Choice(["starttls", "tls", "plain"]),
    default="starttls",
)
@click.option("--mail-ca-file", default="", help="Certificates to trust beside the system's.")
@click.option("--mail-username", prompt="Account at the relay (empty: none)", default="")
@click.option("--mail-password", prompt="Its password", default="", hide_input=True)
@click.option("--mail-default-sender", prompt="Address mails come from")
@click.option("--partner-name", prompt="Your partner account's name, as customers read it")
@click.option("--email", prompt="Your own e-mail, operator and owner", callback=_email)
@click.option("--name", prompt="Your own name")
@click.password_option()
def setup(email: Address, name: str, password: str, partner_name: str, **given: str) -> None:
    """Write the settings, migrate, make the operator and a paid partner account, send a test mail.

    No demonstration data. Refuses a database that has users already.
    """
    fault = identity.password_fault(password, email.display)
    if fault is not None:
        raise click.ClickException(f"The password is refused ({fault.code}).")
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
        if db.read(identity.anyone):
            raise click.ClickException("This database has users already; set-up is for a new one.")
        _write(ENV, kept | settings)
        _people(email, name, password, partner_name)
        click.echo(f"\n{settings['PRODUCT_NAME']} is set up; its settings are in {ENV.name}.")
        click.echo(_test_mail(email))
    click.echo("Start it with `make run`; put an HTTPS proxy in front (TRUSTED_PROXIES=1).")


def _write(path: Path, settings: dict[str, str]) -> None:
    """Readable for the owner alone, before the secrets are in it."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        for key, value in settings.items():
            quoted = re.sub(r"(['\\])", r"\\\1", value)
            file.write(f"{key}='{quoted}'\n")
    fresh.replace(path)


def _people(email: Address, name: str, password: str, partner_name: str) -> None:
    password_hash = identity.hash_password(password)

    def unit() -> None:
        user, own = account.register(
            email,
            name=contact.line(name),
            password_hash=password_hash,
            language="en",
            by=COMMAND,
        )
        identity.make_operator(user, by=COMMAND)
        account.grant_partner_status(own, name=contact.line(partner_name), by=COMMAND)
        account.switch_to_paid(own, by=COMMAND)

    db.write(unit)


def _test_mail(email: Address) -> str:
    """Queue a test mail and hand it over right away; the sentence says what the relay answered."""
    entry_id = db.write(
        lambda: outbox.add("test", about=email.key, to=email.wire, language="en", facts={}).id
    )
    worker.drain_one()
    entry = db.read(lambda: outbox.by_id(entry_id))
    if entry.state is Delivery.SENT:
        return f"A test mail to {email.display} was handed over: {entry.answer}"
    return (
        f"The test mail was NOT handed over: {entry.answer}\n"
        "Correct MAIL_* in .env. It is tried again for four hours while the portal runs."
    )


if __name__ == "__main__":
    setup()
