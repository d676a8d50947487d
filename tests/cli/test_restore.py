"""Restores: killed at any moment, beside running processes, of old backups, of broken databases."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text

from portal import db, worker
from portal.cli import restore, serve
from portal.domain import heartbeats, jobs, mail_deliveries
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import Job, Kind, State
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.processes import Process
from tests.conftest import make_app
from tests.support import mail_deliveries as mails
from tests.support import postgres, relay
from tests.support.forked_worker import ForkedWorker, fork, stop_before
from tests.support.jobs import run_mails
from tests.support.smtp import SmtpServer
from tests.support.work import begun_import
from tests.support.world import Clock, World

pytestmark = pytest.mark.both_databases

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"])
"""For what is the same on both databases."""


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", postgres.path_with_binaries())


@pytest.fixture
def portal(cast: tuple[str, World], clock: Clock) -> Iterator[Flask]:
    """An installation of its own, no request under way."""
    app = make_app(cast[0])
    with app.app_context():
        relay.clear_mails()
    yield app
    with app.app_context():
        db.extension.engine.dispose()


def run(portal: Flask, *words: str) -> Result:
    with portal.app_context():
        db.session.remove()
        db.extension.engine.dispose()
    return portal.test_cli_runner().invoke(args=words)


def back_up(portal: Flask, tmp_path: Path) -> str:
    file = str(tmp_path / "kept")
    result = run(portal, "backup", file)
    assert result.exit_code == 0, result.output
    return file


@contextmanager
def stopped_restore(portal: Flask, file: str) -> Iterator[ForkedWorker]:
    """A restore in a process of its own, which has stopped itself; see `stop_before`."""
    with portal.app_context():
        db.session.remove()
        db.extension.engine.dispose()
    with fork(lambda: run(portal, "restore", file, "--yes")) as forked:
        forked.wait_until_stopped()
        yield forked


def invitations() -> dict[str, DeliveryState]:
    """The states of invitation mails by what they are about."""
    query = select(MailDelivery).where(MailDelivery.about.like("dn2x%"))
    return db.read(lambda: {mail.about: mail.state for mail in db.session.scalars(query)})


def test_killed_before_it_has_parked_the_work_it_runs_again_and_nothing_went_twice(
    portal: Flask, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with portal.app_context(), SmtpServer() as server:
        relay.use_relay(portal, server.port)
        abouts = [relay.queue_invitation(about=f"dn2x{n}") for n in range(3)]
        begun_import(world.norths_import)
        file = back_up(portal, tmp_path)
        run_mails()
        assert len(server.messages) == 3

        stop_before(monkeypatch, flask_migrate, "upgrade")
        with stopped_restore(portal, file) as forked:
            for kind in worker.THREADS:
                with pytest.raises(db.Unavailable, match="restoring"):
                    worker.run_next(kind)
            assert_only_health_answers(portal)
            forked.kill()
        assert_only_health_answers(portal)
        monkeypatch.undo()
        monkeypatch.setenv("PATH", postgres.path_with_binaries())
        assert "one was interrupted" in run(portal, "backup", str(tmp_path / "other")).output
        assert serve.demo_accounts() == "", "a start says what to do, and goes on"

        again = run(portal, "restore", file, "--yes")
        assert again.exit_code == 0, again.output
        assert "  imports: 1\n  mail: 3\n" in again.output
        assert "not sent again: 3." in again.output
        assert invitations() == dict.fromkeys(abouts, DeliveryState.UNKNOWN)
        run_mails()
        assert not worker.run_next(Kind.IMPORTS)
        assert [mail["Subject"] for mail in server.messages].count(relay.SUBJECT) == 3
        assert portal.test_client().get("/sign-in").status_code == 200
        db.session.remove()


def assert_only_health_answers(portal: Flask) -> None:
    visitor = portal.test_client()
    page = visitor.get("/sign-in")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "The portal is being restored from a backup." in page.text
    assert visitor.get("/healthz").status_code == 200
    ready = visitor.get("/readyz")
    assert (ready.status_code, ready.get_json()["database"]) == (503, "restoring")


def test_killed_while_it_copies_it_has_changed_nothing_and_runs_again(
    portal: Flask, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with portal.app_context():
        relay.queue_invitation(about="dn2x1")
        file = back_up(portal, tmp_path)
        relay.queue_invitation(about="dn2x2")
        if kind == "sqlite":
            stop_before(monkeypatch, restore, "_set_aside_if_unreadable")
        else:
            stop_before(monkeypatch, shutil, "copyfileobj")  # everything is dropped
        with stopped_restore(portal, file) as forked:
            forked.kill()
        monkeypatch.undo()
        monkeypatch.setenv("PATH", postgres.path_with_binaries())
        assert set(invitations()) == {"dn2x1", "dn2x2"}
        assert run(portal, "restore", file, "--yes").exit_code == 0
        assert set(invitations()) == {"dn2x1"}
        db.session.remove()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_claim_that_began_before_the_restored_rows_were_there_is_undone(
    portal: Flask, tmp_path: Path
) -> None:
    """On SQLite the claim holds the write lock, and the restore waits."""
    with portal.app_context():
        relay.queue_invitation(about="dn2x1")
        file = back_up(portal, tmp_path)

        def put_in_place() -> None:
            with portal.app_context():
                restore._put_in_place_postgresql(Path(file))

        def unit() -> str:
            thread = threading.Thread(target=put_in_place)
            thread.start()
            thread.join()
            delivery = mail_deliveries.claim_next()
            assert delivery is not None
            return delivery.id

        with pytest.raises(db.Unavailable, match="restoring"):
            db.write(unit)
        db.session.remove()
        assert run(portal, "restore", file, "--yes").exit_code == 0
        assert invitations() == {"dn2x1": DeliveryState.UNKNOWN}
        db.session.remove()


@ON_SQLITE
def test_beside_running_processes_it_is_refused_unless_it_is_forced(
    portal: Flask, tmp_path: Path
) -> None:
    file = back_up(portal, tmp_path)
    said = "worker on host north-1, process 17, seen 0 seconds ago"
    with portal.app_context():
        db.write(
            lambda: heartbeats.beat(
                Process("p1", "north-1", 17, ""), ProcessKind.WORKER, version="1"
            )
        )
        db.session.remove()
    result = run(portal, "restore", file, "--yes")
    assert (result.exit_code, f"The portal runs: {said}. Stop it." in result.output) == (1, True)
    result = run(portal, "restore", file, "--yes", "--force")
    assert (result.exit_code, f"Restored although it runs: {said}.\n" in result.output) == (0, True)
    assert run(portal, "restore", file, "--yes").exit_code == 0, "the heartbeats are gone"


@ON_SQLITE
def test_a_database_that_cannot_be_read_is_set_aside_and_restored(
    portal: Flask, cast: tuple[str, World], tmp_path: Path
) -> None:
    file = back_up(portal, tmp_path)
    Path(cast[0].removeprefix("sqlite:///")).write_bytes(b"no database any more" * 1000)
    result = run(portal, "restore", file, "--yes")
    assert result.exit_code == 0, result.output
    assert "The database does not say whether the portal runs (" in result.output
    [aside] = re.findall("It is kept as (.*)\\.\n", result.output)
    assert Path(aside).read_bytes().startswith(b"no database")
    for left in Path(aside).parent.glob(f"{Path(aside).name}*"):
        left.unlink()
    assert run(portal, "audit", "verify").output.startswith("The audit log verifies. ")


@ON_SQLITE
def test_a_backup_of_an_older_version_is_migrated_then_parked(
    portal: Flask, tmp_path: Path
) -> None:
    """Before migration 0013 there were no jobs, before 0016 no epoch."""
    with portal.app_context():
        for about, once in (("dn2x1", True), ("dn2x2", False)):
            relay.queue_invitation(about=about, once=once)
        db.session.remove()
        flask_migrate.downgrade(revision="0012")
        file = str(tmp_path / "kept")
        assert run(portal, "backup", file).exit_code == 0
        flask_migrate.upgrade()
        result = run(portal, "restore", file, "--yes")
        assert result.exit_code == 0, result.output
        assert invitations() == {"dn2x1": DeliveryState.UNKNOWN, "dn2x2": DeliveryState.PENDING}
        query = select(Job.state).where(Job.kind == Kind.MAIL)
        states = db.read(lambda: set(db.session.scalars(query)))
        assert not states & set(jobs.OPEN_STATES)
        db.session.remove()


def test_a_backup_of_a_newer_version_is_refused_before_anything_is_lost(
    portal: Flask, tmp_path: Path
) -> None:
    with portal.app_context():
        version = "UPDATE alembic_version SET version_num = '{}'"
        head = db.read(db.database_revision)
        db.write(lambda: db.session.execute(text(version.format("9999"))))
        file = back_up(portal, tmp_path)
        db.write(lambda: db.session.execute(text(version.format(head))))
        result = run(portal, "restore", file, "--yes")
        assert (result.exit_code, "(migration 9999)" in result.output) == (1, True), result.output
        assert db.read(db.database_revision) == head
        db.session.remove()


@ON_SQLITE
def test_without_a_database_there_is_no_backup_but_a_sentence(
    portal: Flask, cast: tuple[str, World], tmp_path: Path
) -> None:
    database = Path(cast[0].removeprefix("sqlite:///"))
    database.unlink()
    result = run(portal, "backup", str(tmp_path / "kept"))
    assert result.output == f"Error: There is no database: {database} does not exist.\n"
    assert not database.exists()
    database.write_bytes(b"no database" * 1000)
    result = run(portal, "backup", str(tmp_path / "kept"))
    assert result.output.startswith("Error: The database can't be read: ")
    assert not list(tmp_path.iterdir())


@ON_SQLITE
def test_repeatable_mails_wait_for_an_operator_whatever_they_were_at(
    portal: Flask, tmp_path: Path
) -> None:
    with portal.app_context():
        waiting, claimed, transmitting = (mails.queue(f"n{n}", once=False) for n in range(3))
        tokens = dict(filter(None, (mails.claim(), mails.claim())))
        left = (set(tokens) ^ {waiting, claimed, transmitting}).pop()
        assert mails.mark_transmitting(next(iter(tokens.items())))
        file = back_up(portal, tmp_path)
        assert run(portal, "restore", file, "--yes").exit_code == 0
        assert left in {waiting, claimed, transmitting}
        for delivery_id in (waiting, claimed, transmitting):
            assert mails.state(delivery_id) is DeliveryState.PENDING
        states = db.read(
            lambda: set(db.session.scalars(select(Job.state).where(Job.kind == "mail")))
        )
        assert states <= {State.PARKED, State.CANCELLED}
        assert mails.claim() is None
        db.session.remove()
