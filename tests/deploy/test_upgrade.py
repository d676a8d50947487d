"""deploy/upgrade on an installation of its own: real versions, real migrations, a real web server.

In systemd's place stands tests/support/systemctl.py, which runs what the units say.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, inspect

from portal import config
from tests.conftest import SETTINGS, Databases
from tests.support import postgres
from tests.support.processes import ROOT

pytestmark = pytest.mark.deploy

MIGRATION = '''"""Adds a table."""

from alembic import op
import sqlalchemy as sa

revision = "later"
down_revision = "{head}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    {more}
'''
COMPILED = shutil.ignore_patterns("__pycache__")
BROKEN = "\n\ndef ready() -> tuple[Response, int]:\n    raise RuntimeError('broken')\n"


class Installation:
    """/opt/portal as deploy/install leaves it, in a folder of the test's; and where it came from.

    What pip would install is the tests' own environment.
    """

    def __init__(self, home: Path, database: str) -> None:
        self.home, self.database, self.origin = home, database, home / "origin"
        for folder in ("units", "versions", "environments", "instance", "backups", "origin"):
            (home / folder).mkdir()
        for name in ("portal", "migrations", "deploy"):
            shutil.copytree(ROOT / name, self.origin / name, ignore=COMPILED)
        for name in ("wsgi.py", "requirements.txt"):
            shutil.copy(ROOT / name, self.origin)
        needs = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()[:16]
        (home / "environments" / needs).symlink_to(sys.prefix)
        (home / "environments" / f"{needs}.complete").touch()
        settings = SETTINGS | {"DATABASE_URL": database, "TRUSTED_PROXIES": "1"}
        settings["MAILBOX_DIR"] = str(home / "mailbox")
        (home / ".env").write_text("".join(f"{name}='{of}'\n" for name, of in settings.items()))
        systemctl = home / "systemctl"
        ours = ROOT / "tests" / "support" / "systemctl.py"
        systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} {ours} "$@"\n')
        systemctl.chmod(0o755)
        own = {setting.name for setting in config.SETTINGS}
        self.env = {name: value for name, value in os.environ.items() if name not in own} | {
            "PATH": postgres.path_with_binaries()
            if database.startswith("postgresql")
            else os.environ["PATH"],
            "PORTAL_HOME": str(home),
            "PORTAL_USER": pwd.getpwuid(os.geteuid()).pw_name,
            "PORTAL_UNITS": str(home / "units"),
            "PORTAL_SYSTEMCTL": str(systemctl),
            "PORTAL_PATIENCE": "60",
            "WEB_BIND": f"unix:{home}/web.sock",
        }
        self.git("init", "--quiet")
        self.first = self.commit()
        self.git("clone", "--quiet", "--bare", ".", str(home / "source.git"))
        self.git("-C", str(home / "source.git"), "remote", "set-url", "origin", str(self.origin))
        steps = 'build "$1"; switch_to "$1"; start'
        self.run("sh", "-euc", f". deploy/installation.sh; {steps}", "-", self.first, cwd=ROOT)

    def run(self, *words: str, cwd: Path | None = None, **more: str) -> tuple[int, str]:
        """Exit status, and what was said."""
        done = subprocess.run(
            words,
            cwd=cwd or self.origin,
            env=self.env | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout

    def git(self, *words: str) -> str:
        status, said = self.run(
            "git", "-c", "user.name=Test", "-c", "user.email=test@test.example", *words
        )
        assert status == 0, said
        return said.strip()

    def commit(self, **files: str) -> str:
        """A new version, with these added to its files; its name."""
        for name, text in files.items():
            with (self.origin / name).open("a") as file:
                file.write(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A version")
        return self.git("rev-parse", "--short=12", "HEAD")

    def migration(self, more: str = "") -> dict[str, str]:
        versions = sorted((ROOT / "migrations" / "versions").glob("0*.py"))
        found = re.search('^revision = "(.*)"$', versions[-1].read_text(), re.MULTILINE)
        assert found is not None
        return {"migrations/versions/later.py": MIGRATION.format(head=found[1], more=more)}

    def upgrade(self, *version: str, **more: str) -> tuple[int, str]:
        return self.run(str(self.home / "current" / "deploy" / "upgrade"), *version, **more)

    @property
    def current(self) -> str:
        return (self.home / "current").readlink().name

    def answers(self) -> bool:
        folder = self.home / "current"
        return self.run(sys.executable, "deploy/answers.py", "0", cwd=folder)[0] == 0

    def is_migrated(self, database: str = "") -> bool:
        engine = create_engine(database or self.database, poolclass=NullPool)
        return inspect(engine).has_table("later")

    def backups(self) -> list[Path]:
        return sorted((self.home / "backups").iterdir())


@pytest.fixture
def installed(
    databases: Databases, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    url, _world = databases.copy(kind)
    found = Installation(tmp_path_factory.mktemp("opt"), url)
    yield found
    found.run(found.env["PORTAL_SYSTEMCTL"], "stop", "portal-web.service", "portal-worker.service")
    databases.drop(url)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_upgrades_that_fail_give_way_and_one_that_works_is_backed_up_before(
    installed: Installation,
) -> None:
    assert installed.answers()
    first, later = installed.first, installed.origin / "migrations" / "versions" / "later.py"

    installed.commit(**installed.migration(more="raise RuntimeError('no')"))
    status, said = installed.upgrade()
    assert (status, f"{first} runs again, as before" in said) == (1, True), said
    assert (installed.current, installed.answers()) == (first, True)
    assert not installed.is_migrated()

    later.unlink()
    sound = (installed.origin / "portal" / "health.py").read_text()
    broken = installed.commit(**installed.migration(), **{"portal/health.py": BROKEN})
    status, said = installed.upgrade(RESTORE="yes")
    assert (status, f"{first} runs again, as before" in said) == (1, True), said
    assert (installed.current, installed.answers()) == (first, True)
    assert not installed.is_migrated(), "the word was given"

    status, said = installed.upgrade(broken)
    assert (status, "Nothing runs now, and nothing is lost" in said) == (2, True), said
    assert (installed.current, installed.answers()) == (first, False)
    assert installed.is_migrated(), "nobody said that it may be lost"
    backup = installed.backups()[-1]
    assert f"The FILE from before this upgrade: {backup}" in said
    assert not installed.is_migrated(f"sqlite:///{backup}")

    (installed.origin / "portal" / "health.py").write_text(sound)
    new = installed.commit()
    (installed.home / "asked").unlink()
    status, said = installed.upgrade()
    assert (status, f"{new} answers" in said) == (0, True), said
    assert (installed.current, installed.answers(), installed.is_migrated()) == (new, True, True)
    asked = (installed.home / "asked").read_text().split()
    assert asked == ["stop", "daemon-reload", "start", "is-active"]
    assert (installed.home / "source.git").stat().st_mode & 0o077 == 0
    kept = {path.name for path in (installed.home / "versions").iterdir()}
    assert kept == {first, new}
    assert f"{new} is in use already" in installed.upgrade()[1]
    assert "Refused: there is no version nine" in installed.upgrade("nine")[1]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_on_postgresql_too_the_database_goes_back_with_ones_word(installed: Installation) -> None:
    installed.commit(**installed.migration(), **{"portal/health.py": BROKEN})
    status, said = installed.upgrade(RESTORE="yes")
    assert (status, f"{installed.first} runs again, as before" in said) == (1, True), said
    assert "The database was migrated for" in said
    assert (installed.current, installed.answers()) == (installed.first, True)
    assert not installed.is_migrated()
