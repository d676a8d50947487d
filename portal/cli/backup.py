"""Backup and restore: the whole database to one file, and back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import URL, MetaData, make_url, text

from portal import db
from portal.domain import workflows

FUNCTIONS = text(
    "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = "
    "current_schema()::regnamespace AND p.proowner = current_user::regrole AND NOT EXISTS "
    "(SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
)
"""The functions of triggers, without those of extensions."""

SCHEMAS = text(
    "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' "
    "AND nspname NOT IN ('information_schema', current_schema())"
)
"""Schemas other than the current one; a backup holds them as well."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """The whole database into FILE, as it is at one moment; the portal may run meanwhile."""
    if file.exists():
        raise click.ClickException(f"{file} is there already; a backup replaces nothing.")
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)  # a leftover may be readable for others, or be a link
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if _url().get_backend_name() == "sqlite":
            _copy(_sqlite_path(), part)
        else:
            _run("pg_dump", "--format=custom", f"--file={part}", f"--dbname={_libpq_url()}")
        part.replace(file)  # atomic
    except OSError as error:
        raise click.ClickException(f"{file} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{file} holds the database; so it holds everything, keep it as you keep that.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.confirmation_option(
    prompt="Everything since that backup is lost, and the portal must be stopped. Go back to it?"
)
@with_appcontext
def restore(file: Path) -> None:
    """The database as FILE has it, and nothing of what is in it now. An invitation's mail that was
    waiting there may have left since: it is parked, and its link can be copied."""
    if _url().get_backend_name() == "sqlite":
        _refuse_foreign(file)
        _copy(file, _sqlite_path())
    else:
        _run("pg_restore", "--list", str(file))  # fail before anything is dropped
        _drop_all()
        options = ("--no-owner", "--single-transaction", "--exit-on-error")
        _run("pg_restore", *options, f"--dbname={_libpq_url()}", str(file))
    parked = len(db.write(workflows.park_restored_mails))
    click.echo(
        f"The database is as {file} had it. Mails of invitations that may have left since, and are "
        f"not sent again: {parked}."
    )


def _url() -> URL:
    return make_url(current_app.config["SQLALCHEMY_DATABASE_URI"])


def _sqlite_path() -> Path:
    return Path(str(_url().database))


def _copy(source: Path, target: Path) -> None:
    """Copy by SQLite's online backup, which is safe beside writers and a write-ahead log."""
    with (
        closing(sqlite3.connect(source)) as source_connection,
        closing(sqlite3.connect(target, timeout=30)) as target_connection,
    ):
        source_connection.backup(target_connection)


def _refuse_foreign(file: Path) -> None:
    """Raise click.ClickException for a file that is no backup of a portal."""
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("SELECT id FROM users LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise click.ClickException(f"{file} is no backup of a portal: {error}.") from error


def _drop_all() -> None:
    """Drop everything: what later migrations created would remain, and make them fail next time."""
    with db.extension.engine.connect().execution_options(writing=True) as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)
        for name in connection.scalars(SCHEMAS).all():
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        for name in connection.scalars(FUNCTIONS).all():
            connection.execute(text(f"DROP FUNCTION {name}"))
        connection.commit()


def _libpq_url() -> str:
    """Return the database's URL for PostgreSQL's programs, without the password: it is passed by
    their environment, which other users of the machine cannot read."""
    url = _url().set(drivername="postgresql", password=None)
    return url.render_as_string(hide_password=False)


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs. Raises click.ClickException with its error output."""
    password = _url().password
    env = os.environ | ({"PGPASSWORD": password} if password else {})
    try:
        subprocess.run(  # noqa: S603 - our own arguments, and no shell
            [program, *arguments], env=env, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise click.ClickException(
            f"There is no {program} here. On Debian and Ubuntu: apt install postgresql-client"
        ) from None
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"{program}: {error.stderr.strip()}") from None


COMMANDS = (backup, restore)
