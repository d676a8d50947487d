"""Restore: the database as a backup has it, in steps of which each may be killed.

The restored rows become visible together with the mark of `db.restoring`: until the work is parked,
the web server answers 503 and workers wait.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import click
import flask_migrate
from flask.cli import with_appcontext
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal import db
from portal.cli import backup
from portal.domain import heartbeats, workflows

UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
REVISION = re.compile(r"^COPY \S*alembic_version .*\n(\w+)$", re.MULTILINE)

DROPS = text("""
SELECT format('DROP TABLE IF EXISTS %s CASCADE;', oid::regclass) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
UNION ALL SELECT format('DROP SCHEMA IF EXISTS %I CASCADE;', nspname) FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', current_schema())
UNION ALL SELECT format('DROP FUNCTION IF EXISTS %s CASCADE;', p.oid::regprocedure) FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.proowner = current_user::regrole
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
""")
"""Statements that drop everything but extensions: tables, other schemas, which a backup holds as
well, and functions of triggers. What a later migration created would make it fail next time."""


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Restore although the portal seems to run.")
@with_appcontext
def command(file: Path, *, yes: bool, force: bool) -> None:
    """The database as FILE has it, and nothing of what is in it now. Sessions end, links in mails
    become invalid, and work that may have been done since that backup is parked. If it is
    interrupted, run it again."""
    is_sqlite = backup.url().get_backend_name() == "sqlite"
    _refuse_foreign(file, _sqlite_revisions(file) if is_sqlite else _postgresql_revisions(file))
    _refuse_running(force=force)
    if not yes:
        click.confirm("Everything since that backup is lost. Go back to it?", abort=True)
    db.session.remove()
    db.extension.engine.dispose()
    if is_sqlite:
        _put_in_place_sqlite(file)
    else:
        _put_in_place_postgresql(file)
    flask_migrate.upgrade()
    parked = db.write(workflows.finish_restore, while_restoring=True)
    click.echo(f"The database is as {file} had it. Everybody has to sign in again.")
    if parked.by_kind:
        click.echo("Parked until an operator decides, on the page Work:")
    for kind, count in sorted(parked.by_kind.items()):
        click.echo(f"  {kind}: {count}")
    click.echo(
        f"Mails of invitations that may have left since, and are not sent again: {parked.unknown}."
    )


def _refuse_foreign(file: Path, revisions: list[str]) -> None:
    """Raise click.ClickException for a file that is no backup of a portal of this version or an
    older one."""
    if not revisions:
        raise click.ClickException(f"{file} is no backup of a portal.")
    for revision in revisions:
        if not db.is_known_revision(revision):
            raise click.ClickException(
                f"{file} is of a newer version of the portal (migration {revision}). Install that."
            )


def _sqlite_revisions(file: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source:
            rows = source.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error as error:
        raise click.ClickException(f"{file} is no backup of a portal: {error}.") from error
    return [row[0] for row in rows]


def _postgresql_revisions(file: Path) -> list[str]:
    """Those of all schemas."""
    table = ("--data-only", "--table=alembic_version", "--file=-")
    return REVISION.findall(backup.run("pg_restore", *table, str(file)))


def _refuse_running(*, force: bool) -> None:
    """Raise click.ClickException while the portal runs; with `force` say what runs. A database that
    can't be read does not refuse. One that is being restored has no process that changes it."""
    try:
        alive = [] if db.is_restoring() else db.read(_alive)
    except (SQLAlchemyError, db.Unavailable) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        click.echo(f"The database does not say whether the portal runs ({reason}).", err=True)
        return
    if alive and not force:
        raise click.ClickException(
            f"The portal runs: {'; '.join(alive)}. Stop it. A process that was killed counts for "
            f"{heartbeats.ALIVE_FOR.seconds} seconds. --force restores nevertheless."
        )
    for process in alive:
        click.echo(f"Restored although it runs: {process}.", err=True)


def _alive() -> list[str]:
    now = db.now()
    return [
        f"{beat.kind} on host {beat.host}, process {beat.process}, "
        f"seen {max(0, int((now - beat.seen_at).total_seconds()))} seconds ago"
        for beat in heartbeats.alive()
    ]


def _put_in_place_sqlite(file: Path) -> None:
    """Copy the backup, mark the copy, and copy that over the database in one transaction, so that
    processes that have it open see all of it or nothing."""
    target = backup.sqlite_path()
    copy = target.with_name(target.name + ".restoring")
    _delete(copy)
    try:
        copy.touch(mode=0o600)
        backup.copy_sqlite(file, copy)
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute(db.SET_MARK)
            connection.commit()
        _set_aside_if_unreadable(target)
        target.touch(mode=0o600)
        backup.copy_sqlite(copy, target)
    except OSError as error:
        raise click.ClickException(f"{target} can't be written: {error.strerror}.") from error
    finally:
        _delete(copy)


def _files(database: Path) -> list[Path]:
    return [database.with_name(database.name + ending) for ending in ("", "-wal", "-shm")]


def _delete(database: Path) -> None:
    for path in _files(database):
        path.unlink(missing_ok=True)


def _set_aside_if_unreadable(database: Path) -> None:
    """Rename a file that is no database any more."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in UNREADABLE:
            raise click.ClickException(f"{database}: {error}.") from error
        aside = database.with_name(f"{database.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
        for path, new_path in zip(_files(database), _files(aside), strict=True):
            with suppress(FileNotFoundError):
                path.rename(new_path)
        click.echo(f"The database can't be read. It is kept as {aside}.", err=True)


def _put_in_place_postgresql(file: Path) -> None:
    """Drop everything, restore the backup and set the mark, in one transaction."""
    with db.extension.engine.connect() as connection:
        drops = connection.scalars(DROPS).all()
    before = ["SET client_min_messages = error;", "BEGIN;", *drops, ""]
    after = ["RESET ALL;", f"{db.SET_MARK};", "COMMIT;", ""]
    database = f"--dbname={backup.libpq_url()}"
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-")
    with (
        backup.start("pg_restore", "--no-owner", "--file=-", str(file), stdout=PIPE) as source,
        backup.start("psql", *options, database, stdin=PIPE) as target,
    ):
        assert source.stdout and target.stdin  # noqa: S101, PT018 - for mypy
        # Without COMMIT, as after a fault of pg_restore or if this process is killed, psql changes
        # nothing.
        with suppress(BrokenPipeError):  # psql has ended, and says why
            target.stdin.write("\n".join(before).encode())
            shutil.copyfileobj(source.stdout, target.stdin)
            backup.end(source)
            target.stdin.write("\n".join(after).encode())
        backup.end(target)
