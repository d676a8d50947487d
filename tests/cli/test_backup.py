"""Backups: the database as a file and back, on both databases, by their own programs."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import inspect, text

from portal import db
from portal.cli.backup import libpq_url
from portal.domain import identity, invitations, notifications
from portal.domain.mail_deliveries import record_refused
from tests.conftest import make_app
from tests.support import mail_deliveries, postgres, relay
from tests.support.world import OLGA, World, actor

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", postgres.path_with_binaries())


@pytest.fixture
def portal(cast: tuple[str, World]) -> Iterator[Flask]:
    """An installation of its own, no request under way."""
    app = make_app(cast[0])
    yield app
    with app.app_context():
        db.extension.engine.dispose()


def run(portal: Flask, *words: str) -> Result:
    return portal.test_cli_runner().invoke(args=words)


def write(portal: Flask, statement: str) -> None:
    with (
        portal.app_context(),
        db.extension.engine.connect().execution_options(writing=True) as connection,
    ):
        connection.exec_driver_sql(statement)
        connection.commit()


def test_a_backup_is_nobody_elses_whatever_lay_in_its_place(portal: Flask, tmp_path: Path) -> None:
    open_file, other = tmp_path / "open.part", tmp_path / "others"
    for there in (open_file, other):
        there.write_text("theirs")
        there.chmod(0o666)
    (tmp_path / "led.part").symlink_to(other)
    for name in ("open", "led"):
        assert run(portal, "backup", str(tmp_path / name)).exit_code == 0
        assert stat.S_IMODE((tmp_path / name).lstat().st_mode) == 0o600
        assert not (tmp_path / name).is_symlink()
    assert other.read_text() == "theirs"


def test_what_was_backed_up_comes_back_and_nothing_else(portal: Flask, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    assert run(portal, "backup", str(file)).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    write(portal, "CREATE TABLE of_a_later_version (id INTEGER PRIMARY KEY)")
    write(portal, "UPDATE users SET name = 'Somebody Else'")
    result = run(portal, "restore", str(file), "--yes")
    assert (result.exit_code, "is as" in result.output) == (0, True), result.output
    with portal.app_context():
        user = db.read(lambda: identity.user_by_email(OLGA))
        assert user is not None
        assert user.name == "Olga Owner"
        tables = inspect(db.extension.engine).get_table_names()
        assert "of_a_later_version" not in tables
        db.session.remove()
    assert run(portal, "audit", "verify").output.startswith("The audit log verifies. ")
    again = run(portal, "db", "upgrade")
    assert again.exit_code == 0, "its migrations go on from where the backup stood"


def test_a_restore_parks_every_invitation_mail_that_was_not_final(
    portal: Flask, tmp_path: Path
) -> None:
    file = tmp_path / "kept"
    with portal.app_context():
        once, notice = mail_deliveries.queue(), mail_deliveries.queue("ntc", once=False)
        db.session.remove()
    run(portal, "backup", str(file))
    write(portal, f"UPDATE mail_deliveries SET state = 'sent' WHERE id = '{once}'")
    said = run(portal, "restore", str(file), "--yes").output
    with portal.app_context():
        waiting = "SELECT count(*) FROM mail_deliveries WHERE is_once AND state = 'pending'"
        assert db.read(lambda: db.session.execute(text(waiting)).scalar_one()) == 0
        assert mail_deliveries.state(once) == "unknown"
        assert mail_deliveries.state(notice) == "pending"
        db.session.remove()
    assert re.search(r"not sent again: [1-9]", said)


def test_after_a_restore_the_partner_reads_which_mails_may_have_left_and_why(
    portal: Flask, world: World, tmp_path: Path
) -> None:
    """One is queued in the backup, one refused there (and may have been sent again since)."""
    file = tmp_path / "kept"
    with portal.app_context():
        carls = world.carls_subaccount
        db.write(lambda: mail_deliveries.settle_invitation(carls, record_refused))
        queued = relay.invite(world, name="Queued")
        db.session.remove()
    run(portal, "backup", str(file))
    run(portal, "restore", str(file), "--yes")
    with portal.app_context():
        for about, states in (
            (queued, ["unknown"]),
            (world.carls_subaccount, ["refused", "unknown"]),
        ):
            deliveries = invitations.deliveries_of(about)
            assert [str(delivery.state) for delivery in deliveries] == states
            assert deliveries[-1].code == "restored"
        rows = notifications.notifications_for(actor(OLGA))
        parked = [row.facts for row in rows if row.kind is notifications.Kind.PARKED]
        assert sorted(facts["customer"] for facts in parked) == ["Carl & Sons", "Queued"]
        assert {facts["reason"] for facts in parked} == {"restored"}
        db.session.remove()


def test_a_backup_replaces_nothing_and_a_restore_asks(portal: Flask, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    run(portal, "backup", str(file))
    assert "replaces nothing" in run(portal, "backup", str(file)).output
    assert run(portal, "restore", str(file)).exit_code == 1, "nobody said yes"


def test_a_file_that_is_no_backup_is_refused_before_anything_is_lost(
    portal: Flask, tmp_path: Path
) -> None:
    file = tmp_path / "letter"
    file.write_text("Dear Olga, " * 1000)
    result = run(portal, "restore", str(file), "--yes")
    assert (result.exit_code, result.output[:6]) == (1, "Error:")
    with portal.app_context():
        assert db.read(identity.has_users)
        db.session.remove()


def test_a_backup_that_fails_leaves_no_file(
    portal: Flask, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "sqlite":
        target = tmp_path / "missing" / "kept"
        said = "can't be written: No such file or directory"
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
        target, said = tmp_path / "kept", "There is no pg_dump here."
    result = run(portal, "backup", str(target))
    assert (result.exit_code, said in result.output) == (1, True)
    assert not list(tmp_path.iterdir())


def test_the_password_of_the_database_is_on_no_command_line() -> None:
    app = make_app("postgresql+psycopg://portal:s3cret@127.0.0.1/portal")
    with app.app_context():
        assert libpq_url() == "postgresql://portal@127.0.0.1/portal"
