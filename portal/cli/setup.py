"""Set up a real installation: a test mail, settings, operator, a partner account.

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

from portal import config, create_app, db, logs
from portal.cli import env_file, setup_database, setup_mail, setup_questions
from portal.cli.setup_interview import Interview
from portal.cli.setup_questions import Answers, password_context
from portal.domain import accounts, identity, values
from portal.domain.actors import COMMAND
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


ALREADY = """{product} is set up already, for {user}; its settings are in {env}.
- To start it: `make run`. To change a setting: edit {env} and start it again.
- If that address is wrong: sign in with it, then *Profile* > *Change e-mail*.
- To start over and lose everything in its database: stop it, {remove}, and run this again."""


@click.command()
@answer_options
def setup(**options: str | None) -> None:
    """Migrate, send a test mail, write the settings, make the operator and a paid partner account.

    Asks for what no option answers; without a terminal, defaults answer. No demonstration data.
    Refuses a database that has users.
    """
    given = {name: answer for name, answer in options.items() if answer is not None}
    _refuse_second(given.get("DATABASE_URL"))
    interview = Interview(ENV)
    try:
        interview.run(given)
        settings, is_mail_taken = _install_until_done(interview)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"\nNothing is set up. {interview.file} keeps your answers, but no password.")
        raise click.Abort from None
    interview.forget()
    click.echo(f"\n{settings['PRODUCT_NAME']} is set up; its settings are in {ENV.name}.")
    if not is_mail_taken:
        click.echo(f"Mail does not work yet: correct MAIL_* in {ENV.name} before you start it.")
    if "TRUSTED_PROXIES" not in settings:  # else deploy/install starts it, behind its proxy
        click.echo("Start it with `make run`, which says where your HTTPS proxy has to lead.")


def _refuse_second(database_url: str | None) -> None:
    """Raise click.ClickException if `.env` is that of an installation that has users, unless
    another database is given."""
    settings = env_file.read(ENV)
    own_url = settings.get("DATABASE_URL", setup_database.DEFAULT)
    if settings.get("PORTAL_ENV") != "production" or database_url not in (None, own_url):
        return
    if user := setup_database.first_user(own_url):
        file = setup_database.sqlite_file(own_url)
        of_sqlite = f"remove {ENV} and {file} (with -wal and -shm)"
        remove = of_sqlite if file else f"remove {ENV}, empty the database"
        product = settings.get("PRODUCT_NAME", "The portal")
        raise click.ClickException(
            ALREADY.format(product=product, user=user, env=ENV, remove=remove)
        )


def _install_until_done(interview: Interview) -> tuple[dict[str, str], bool]:
    """Install; return the settings, and whether the relay took the test mail. A person corrects the
    answers until it succeeds.

    Raises click.ClickException where nobody is asked, click.Abort.
    """
    made = _make_secrets()
    while True:
        settings = _settings_from(interview.answers) | made
        try:
            with _application(settings):
                _migrate()
                is_mail_taken = _send_test_mail(interview.answers["EMAIL"])
                if is_mail_taken or not interview.is_asked or not _wants_to_correct():
                    with env_file.replaced(ENV, settings):
                        _create_owner(interview.answers)
                    return settings, is_mail_taken
        except click.ClickException as error:
            if not interview.is_asked:
                raise
            click.echo(f"\nError: {error.format_message()}")
        interview.review()


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
        faults = "\n- ".join(map(setup_questions.name_question, error.faults))
        raise click.ClickException(f"The portal does not start:\n- {faults}") from error
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


def _migrate() -> None:
    """Migrate the database. Raises click.ClickException if it has users."""
    db.extension.engine.connect().close()
    flask_migrate.upgrade()
    if db.read(identity.has_users):
        raise click.ClickException("This database has users; set-up is for a new one.")


def _send_test_mail(email: str) -> bool:
    """Send a test mail before anything is written, so that every answer can still be corrected.
    Return whether the relay took it."""
    address = values.email(email)
    click.echo(f"\nA test mail to {address.display} …")
    try:
        reply = setup_mail.send(address)
    except setup_mail.TestMailFailed as error:
        click.echo(str(error))
        return False
    click.echo(f"A test mail to {address.display} was handed over: {reply}")
    return True


def _wants_to_correct() -> bool:
    return click.confirm("Correct your answers? (n: set up without mail)", True)


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


def main() -> None:
    """Run the command in a process of its own, whose files are readable for their owner alone."""
    os.umask(0o077)
    setup()


if __name__ == "__main__":
    main()
