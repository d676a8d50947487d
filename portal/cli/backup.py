"""Backup: the whole database to one file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from portal import db


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def command(file: Path) -> None:
    """The whole database into FILE, as it is at one moment; the portal may run meanwhile."""
    if file.exists():
        raise click.ClickException(f"{file} is there already; a backup replaces nothing.")
    is_sqlite = url().get_backend_name() == "sqlite"
    if is_sqlite and not sqlite_path().exists():
        raise click.ClickException(f"There is no database: {sqlite_path()} does not exist.")
    _refuse_restoring()
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)  # a leftover may be readable for others, or be a link
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if is_sqlite:
            copy_sqlite(sqlite_path(), part)
        else:
            run("pg_dump", "--format=custom", f"--file={part}", f"--dbname={libpq_url()}")
        part.replace(file)  # atomic
    except OSError as error:
        raise click.ClickException(f"{file} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{file} holds the database; so it holds everything, keep it as you keep that.")


def _refuse_restoring() -> None:
    """Raise Unavailable while the database is being restored, click.ClickException if it can't be
    read."""
    try:
        db.read(lambda: None)
    except DBAPIError as error:
        raise click.ClickException(f"The database can't be read: {error.orig}.") from error


def url() -> URL:
    """The URL of the database."""
    return make_url(current_app.config["SQLALCHEMY_DATABASE_URI"])


def sqlite_path() -> Path:
    """The file of the database on SQLite."""
    return Path(str(url().database))


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy by SQLite's online backup, which is one transaction of the target: safe beside readers
    and writers, and if this process is killed. Raises click.ClickException."""
    try:
        with (
            closing(sqlite3.connect(source)) as source_connection,
            closing(sqlite3.connect(target, timeout=30)) as target_connection,
        ):
            source_connection.backup(target_connection)
    except sqlite3.Error as error:
        raise click.ClickException(f"{source} can't be copied to {target}: {error}.") from error


def libpq_url() -> str:
    """Return the database's URL for PostgreSQL's programs, without the password: it is passed by
    their environment, which other users of the machine cannot read."""
    # `URL.set` leaves out what is None.
    bare = url()._replace(drivername="postgresql", password=None)
    return bare.render_as_string(hide_password=False)


def run(program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs; return its output. Raises click.ClickException."""
    with start(program, *arguments, stdout=PIPE) as process:
        return end(process)


def start(
    program: str, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> Popen[bytes]:
    """Start one of PostgreSQL's programs. Raises click.ClickException if it is not installed."""
    password = url().password
    env = os.environ | ({"PGPASSWORD": password} if password else {})
    try:
        return Popen(  # noqa: S603 - our own arguments, and no shell
            [program, *arguments], env=env, stdin=stdin, stdout=stdout, stderr=PIPE
        )
    except FileNotFoundError:
        raise click.ClickException(
            f"There is no {program} here. On Debian and Ubuntu: apt install postgresql-client"
        ) from None


def end(process: Popen[bytes]) -> str:
    """Wait for the program, and return the rest of its output. Raises click.ClickException with its
    error output."""
    output, errors = process.communicate()
    if process.returncode:
        program = str(process.args[0])  # type: ignore[index]
        raise click.ClickException(f"{program}: {errors.decode(errors='replace').strip()}")
    return (output or b"").decode()
