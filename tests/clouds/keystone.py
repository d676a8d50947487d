"""A real Keystone from PyPI, in an environment of its own, started from a prepared folder.

The first run installs it and prepares the folder; later ones copy the folder.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.clouds import environments
from tests.support.processes import free_port, read_until, run_program

PASSWORD = "Admin-of-the-tests-1"
INTERNAL_URL = "http://keystone.internal/v3"
"""In the catalogue until the port is known."""
CONFIG = """[DEFAULT]
use_stderr = false
log_file = {folder}/keystone.log
max_db_limit = 10
[cache]
enabled = true
backend = dogpile.cache.memory
[database]
connection = sqlite:///{folder}/keystone.db
[auth]
methods = password,token,application_credential,mapped
[identity]
password_hash_rounds = 4
[fernet_tokens]
key_repository = {folder}/fernet-keys
[fernet_receipts]
key_repository = {folder}/fernet-keys
[credential]
key_repository = {folder}/credential-keys
"""
"""Lists have pages of ten rows, so that all of them are followed. The cache is as on a real
installation, and a quarter of the time."""
STRICT = """[security_compliance]
change_password_upon_first_use = true
password_regex = ^(?=.*\\d)(?=.*[a-z])(?=.*[A-Z])(?=.*[^\\w]).{12,}$
password_regex_description = 12 characters: a letter, a capital, a digit and a sign
"""
"""As many installations are. Added once the administrator has a password."""


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


def template() -> Path:
    """A folder with configuration, keys and database of a fresh Keystone. Raises
    environments.Unavailable."""
    with environments.locked():
        environments.install("keystone")
        made_of = environments.requirements("keystone") + Path(__file__).read_text()
        return environments.template("keystone", made_of, _prepare)


def _prepare(folder: Path) -> None:
    manage = environments.CACHE / "keystone" / "bin" / "keystone-manage"
    config = folder / "keystone.conf"
    config.write_text(CONFIG.format(folder=folder))
    # Only root has to say whose the keys are.
    owner = ["--keystone-user=0", "--keystone-group=0"] if os.geteuid() == 0 else []
    for keys in ("fernet-keys", "credential-keys"):
        (folder / keys).mkdir(mode=0o700)
    urls = [f"--bootstrap-{interface}-url={INTERNAL_URL}" for interface in ("internal", "public")]
    for arguments in (
        ["db_sync"],
        ["fernet_setup", *owner],
        ["credential_setup", *owner],
        ["bootstrap", "--bootstrap-password", PASSWORD, *urls],
    ):
        environments.run([manage, "--config-file", config, *arguments])


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    """Run Keystone on a copy of the template in `folder`. Raises environments.Unavailable."""
    original = template()
    shutil.copytree(original, folder, dirs_exist_ok=True)
    (folder / "keystone.conf").write_text(CONFIG.format(folder=folder) + STRICT)
    port = free_port()
    url = f"http://127.0.0.1:{port}/v3"
    database = folder / "keystone.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE endpoint SET url = ? WHERE url = ?", (url, INTERNAL_URL))
    python = environments.CACHE / "keystone" / "bin" / "python"
    program_file = environments.HERE / "keystone_server.py"
    command = [str(python), "-P", str(program_file), str(folder), str(port)]
    with run_program(command, {"PATH": os.environ["PATH"]}) as program:
        read_until(program.stdout, "ready\n")
        yield Server(url, database)
