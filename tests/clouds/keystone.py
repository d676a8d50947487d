"""A real Keystone from PyPI, in an environment of its own, started from a prepared folder.

The first run installs it (45 s) and prepares the folder (10 s); later ones copy the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.support.processes import ROOT, free_port, read_until, run_program

HERE = Path(__file__).resolve().parent
CACHE = ROOT / ".cache" / "clouds"
REQUIREMENTS = HERE / "keystone.txt"
PASSWORD = "Admin-of-the-tests-1"
INTERNAL_URL = "http://keystone.internal/v3"
"""In the catalogue until the port is known."""
CONFIG = """[DEFAULT]
use_stderr = false
log_file = {folder}/keystone.log
max_db_limit = 10
[database]
connection = sqlite:///{folder}/keystone.db
[identity]
password_hash_rounds = 4
[fernet_tokens]
key_repository = {folder}/fernet-keys
[fernet_receipts]
key_repository = {folder}/fernet-keys
[credential]
key_repository = {folder}/credential-keys
"""
"""Lists have pages of ten rows, so that all of them are followed."""
STRICT = """[security_compliance]
change_password_upon_first_use = true
password_regex = ^(?=.*\\d)(?=.*[a-z])(?=.*[A-Z])(?=.*[^\\w]).{12,}$
password_regex_description = 12 characters: a letter, a capital, a digit and a sign
"""
"""As many installations are. Added once the administrator has a password."""


class NoKeystone(RuntimeError):
    """It can't be installed here; the message says what was tried."""


@dataclass(frozen=True)
class Server:
    """A running Keystone: its address with the version, and its database."""

    url: str
    database: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def set_expiry(self, user_id: str, at: datetime | None) -> None:
        """When the user's password expires; an administrator can't say that by the API."""
        update = (
            "UPDATE password SET expires_at_int = ?, expires_at = ? WHERE local_user_id IN"
            " (SELECT id FROM local_user WHERE user_id = ?)"
        )
        microseconds = None if at is None else int(at.timestamp() * 1_000_000)
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(update, (microseconds, at and at.isoformat(" "), user_id))


def _run(*arguments: str | Path) -> None:
    done = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise NoKeystone(f"{arguments[0]} failed: {done.stderr.strip().splitlines()[-1:]}")


def install() -> Path:
    """The folder of Keystone's programs; installs it if it is missing. Raises NoKeystone."""
    home = CACHE / "keystone"
    installed = home / "installed"
    wanted = REQUIREMENTS.read_text()
    if not installed.exists() or installed.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        _run(sys.executable, "-m", "venv", home)
        pip = home / "bin" / "pip"
        _run(pip, "install", "--quiet", "--require-hashes", "--requirement", REQUIREMENTS)
        installed.write_text(wanted)
    return home / "bin"


def template() -> Path:
    """A folder with configuration, keys and database of a fresh Keystone. Raises NoKeystone."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        programs = install()
        mark = hashlib.sha256((REQUIREMENTS.read_text() + CONFIG).encode()).hexdigest()[:16]
        folder = CACHE / f"keystone-template-{mark}"
        if not (folder / "complete").exists():
            for old in CACHE.glob("keystone-template-*"):
                shutil.rmtree(old)
            _prepare(folder, programs / "keystone-manage")
            (folder / "complete").touch()
    return folder


def _prepare(folder: Path, manage: Path) -> None:
    folder.mkdir()
    config = folder / "keystone.conf"
    config.write_text(CONFIG.format(folder=folder))
    owner = [f"--keystone-user={os.geteuid()}", f"--keystone-group={os.getegid()}"]
    for keys in ("fernet-keys", "credential-keys"):
        (folder / keys).mkdir(mode=0o700)
    for arguments in (
        ["db_sync"],
        ["fernet_setup", *owner],
        ["credential_setup", *owner],
        ["bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-internal-url", INTERNAL_URL],
    ):
        _run(manage, "--config-file", config, *arguments)


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    """Run Keystone on a copy of the template in `folder`. Raises NoKeystone."""
    original = template()
    shutil.copytree(original, folder, dirs_exist_ok=True)
    (folder / "keystone.conf").write_text(CONFIG.format(folder=folder) + STRICT)
    port = free_port()
    url = f"http://127.0.0.1:{port}/v3"
    database = folder / "keystone.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE endpoint SET url = ? WHERE url = ?", (url, INTERNAL_URL))
    python = CACHE / "keystone" / "bin" / "python"
    command = [str(python), "-P", str(HERE / "keystone_server.py"), str(folder), str(port)]
    with run_program(command, {"PATH": os.environ["PATH"]}) as program:
        read_until(program.stdout, "ready\n")
        yield Server(url, database)
