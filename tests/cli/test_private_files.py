"""What the commands and the web server write is readable for its owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import (
    environment,
    file_modes,
    gunicorn_command,
    run_flask,
    run_program,
    wait_until,
)

pytestmark = pytest.mark.deploy
PRIVATE = {"0o600", "0o700"}


def test_what_is_written_is_private_under_an_open_umask(tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path}/portal.db", f"sqlite:///{tmp_path}/other/portal.db"
    settings = {"MAILBOX_DIR": str(tmp_path / "mailbox"), "METRICS_TOKEN": "m" * 20}
    settings["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path / "metrics")

    def run(command: str, database: str = url) -> None:
        with run_flask(command, database, **settings) as program:
            output, _ = program.communicate(timeout=120)
        assert program.returncode == 0, output

    run("db upgrade")
    run("seed --customers 45")
    run(f"backup {tmp_path}/backup")
    run(f"restore --yes {tmp_path}/backup", other)
    socket = tmp_path / "web.sock"
    with (
        run_flask("work", url, **settings),
        run_program(gunicorn_command(f"unix:{socket}"), environment(url, **settings)),
    ):
        wait_until(lambda: socket.exists() and list(tmp_path.glob("mailbox/*.eml")))
        wait_until(lambda: list(tmp_path.glob("metrics/*.db")))
        modes = file_modes(tmp_path)
    names = set().union(*modes.values())
    assert names >= {"backup", "portal.db", "portal.db-wal", "portal.db-shm", "mailbox", "metrics"}
    assert modes.pop("0o770") == {"web.sock"}, "nginx is in the portal's group"
    assert modes.keys() <= PRIVATE, modes
