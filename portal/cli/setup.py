"""Set up a real installation: settings, operator, a partner account, a test mail.

This is no `flask` command because those need the settings that this one writes.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import flask_migrate
from sqlalchemy.exc import SQLAlchemyError

from portal import config, create_app, db, logs, worker
from portal.cli import env_file, setup_questions
from portal.cli.setup_questions import Answers, Interview, password_context
from portal.domain import accounts, audit, identity, mail_deliveries, values
from portal.domain.actors import COMMAND
from portal.domain.jobs import Kind
from portal.domain.mail_deliveries import DeliveryState
from portal.i18n import languages

ENV = (config.ROOT / ".env").resolve()  # in an installation a link out of the version's folder


KEY_FILES: dict[str, Callable[[str], object]] = {
    "AUDIT_KEY_FILE": config.add_audit_key,
    "CREDENTIALS_KEY_FILE": config.add_credentials_key,
}
"""Settings of files with keys, and what makes a key."""


def answer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each question, which answers it."""
    for question in reversed(setup_questions.QUESTIONS):
        option = click.option(
            question.option,
            question.name,
            help=question.text,
            envvar=question.variable,
            show_envvar=True,
        )
        command = option(command)
    return command


@click.command()
@answer_options
def setup(**options: str | None) -> None:
    """Write the settings, migrate, make the operator and a paid partner account, send a test mail.

    Asks for what no option answers. No demonstration data. Refuses a database that has users.
    """
    interview = Interview(ENV)
    try:
        interview.run({name: answer for name, answer in options.items() if answer is not None})
        settings = _install_until_done(interview)
    except click.Abort:
        click.echo(f"\nNothing is set up. {interview.file} keeps your answers, but no password.")
        raise
    interview.forget()
    click.echo(f"\n{settings['PRODUCT_NAME']} is set up; its settings are in {ENV.name}.")
    _send_test_mail_until_taken(interview, settings)
    if "TRUSTED_PROXIES" not in settings:  # else deploy/install starts it, behind its proxy
        click.echo("Start it with `make run`; put an HTTPS proxy in front (TRUSTED_PROXIES=1).")


def _install_until_done(interview: Interview) -> dict[str, str]:
    """Install, and return the settings. A person corrects the answers until it succeeds.

    Raises click.ClickException where nobody is asked, click.Abort.
    """
    made = _make_secrets()
    while True:
        settings = _settings_from(interview.answers) | made
        try:
            _install(settings, interview.answers)
        except click.ClickException as error:
            if not interview.is_asked:
                raise
            click.echo(f"\nError: {error.format_message()}")
            interview.review()
        else:
            return settings


def _make_secrets() -> dict[str, str]:
    """Return the settings of secrets that nobody types; those there are already are kept.

    Raises click.ClickException if a file of keys can't be written.
    """
    kept, made = env_file.read(ENV), {}
    for name, add_key in KEY_FILES.items():
        key_file = ENV.parent / "instance" / name.lower().replace("_key_file", "_keys")
        try:
            if name not in kept and not key_file.exists():
                key_file.parent.mkdir(mode=0o700, exist_ok=True)
                add_key(str(key_file))
        except OSError as error:
            raise click.ClickException(f"{key_file} can't be written: {error.strerror}.") from error
        made[name] = kept.get(name) or str(key_file)
    return {"SECRET_KEY": kept.get("SECRET_KEY") or secrets.token_urlsafe(48), **made}


def _settings_from(answers: Answers) -> dict[str, str]:
    """Return what `.env` has, replaced by the answers."""
    names = [question.name for question in setup_questions.SETTINGS]
    own = {name: answers[name] for name in names}
    return env_file.read(ENV) | {"PORTAL_ENV": "production"} | own


@contextmanager
def _application(settings: dict[str, str]) -> Iterator[None]:
    """Work in the application with these settings. Raises click.ClickException if it does not start
    or the database refuses."""
    try:
        app = create_app(settings)
    except config.UnsafeSettings as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from error
    logs.set_level(logging.WARNING)  # a person reads the answers
    with app.app_context():
        try:
            yield
        except (SQLAlchemyError, db.Unavailable) as error:
            cause = error.__cause__ if isinstance(error, db.Unavailable) else error
            reason = getattr(cause, "orig", error)
            raise click.ClickException(f"The database refuses: {reason}") from error
        finally:
            db.session.remove()
            db.extension.engine.dispose()


def _install(settings: dict[str, str], answers: Answers) -> None:
    """Migrate the database, create the owner, write the settings.

    Raises click.ClickException; nothing is written then, but for empty tables.
    """
    with _application(settings):
        db.extension.engine.connect().close()
        flask_migrate.upgrade()
        if db.read(identity.has_users):
            raise click.ClickException("This database has users; set-up is for a new one.")
        with env_file.replaced(ENV, settings):
            _create_owner(answers)


def _create_owner(answers: Answers) -> None:
    """Create the operator, who owns a paid partner account."""
    password_hash = identity.hash_new_password(answers["PASSWORD"], *password_context(answers))

    def unit() -> None:
        user, account = accounts.register(
            values.email(answers["EMAIL"]),
            name=answers["NAME"],
            password_hash=password_hash,
            language=languages.SOURCE,
            by=COMMAND,
        )
        identity.make_operator(user, by=COMMAND)
        accounts.grant_partner_status(account, name=answers["PARTNER_NAME"], by=COMMAND)
        accounts.switch_to_paid(account, by=COMMAND)

    db.write(unit)


def _send_test_mail_until_taken(interview: Interview, settings: dict[str, str]) -> None:
    """Send a test mail. If the relay does not take it, a person may correct the settings of mail
    and send another one."""
    to = values.email(interview.answers["EMAIL"])
    while True:
        with _application(settings):
            is_sent, reply = _send_test_mail(to.wire)
        if is_sent:
            click.echo(f"A test mail to {to.display} was handed over: {reply}")
            return
        click.echo(f"The test mail was NOT handed over: {reply}")
        if not interview.is_asked or not click.confirm("Correct the settings of mail?", True):
            click.echo(f"Correct MAIL_* in {ENV.name}.")
            return
        interview.ask(setup_questions.MAIL)
        settings |= _settings_from(interview.answers)
        with env_file.replaced(ENV, settings):
            interview.forget()


def _send_test_mail(recipient: str) -> tuple[bool, str | None]:
    """Queue a test mail and deliver it now. Return whether the relay took it, and its reply."""

    def add() -> str:
        about, language = audit.INSTALLATION, languages.SOURCE
        entry = mail_deliveries.add("test", about=about, to=recipient, language=language, facts={})
        return entry.id

    entry_id = db.write(add)
    worker.run_next(Kind.MAIL_NOW)
    entry = db.read(lambda: mail_deliveries.get(entry_id))
    return entry.state is DeliveryState.SENT, entry.answer


def main() -> None:
    """Run the command in a process of its own, whose files are readable for their owner alone."""
    os.umask(0o077)
    setup()


if __name__ == "__main__":
    main()
