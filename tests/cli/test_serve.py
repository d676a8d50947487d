"""`make run` as a real process: it starts, answers, and leaves nothing behind when it stops."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from portal import config
from portal.cli import serve
from portal.demo import pretend_cloud
from tests.conftest import Databases
from tests.support import demonstration
from tests.support.processes import (
    environment,
    file_modes,
    free_port,
    live_processes,
    read_until,
    run_flask,
    wait_until,
    without_log,
)
from tests.support.smtp import CuttingServer

PRODUCTION = {
    "PORTAL_ENV": "production",
    "EXTERNAL_URL": "https://portal.test.example",
    "MAIL_SERVER": "127.0.0.1",
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """A database of its own, with the cast."""
    copy, _world = databases.copy("sqlite")
    yield copy
    databases.drop(copy)


def workers(program: subprocess.Popen[str]) -> list[psutil.Process]:
    return [process for process in psutil.Process(program.pid).children() if process.is_running()]


def answer(port: int, host: str = "127.0.0.1") -> tuple[int, str]:
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=20) as response:
        return response.status, response.read().decode()


def local(port: int, mailbox: Path) -> dict[str, str]:
    return {"PORT": str(port), "EXTERNAL_URL": "", "MAILBOX_DIR": str(mailbox)}


def test_a_first_start_makes_a_world_prints_how_to_enter_it_and_delivers_its_mails(
    tmp_path_factory: pytest.TempPathFactory, port: int, tmp_path: Path
) -> None:
    """And a second start adds nothing and sends nothing."""
    folder = tmp_path / "copy"
    shutil.copytree(demonstration.first_start(tmp_path_factory), folder)
    said = (folder / "output").read_text()
    assert re.search(r"Test Cloud: http://127.0.0.1:\d+\n", said)
    assert "'demonstration'" in said
    assert "olga@halden.example" in said
    assert "Test Cloud" in (folder / "page").read_text()
    mailbox, database = folder / "mailbox", folder / "portal.db"
    assert len(list(mailbox.glob("*.eml"))) == 3
    assert file_modes(mailbox).keys() == {"0o600"}
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    size = database.stat().st_size
    keys = {"CREDENTIALS_KEY_FILE": str(folder / "keys")}
    with run_flask("up", f"sqlite:///{database}", **local(port, mailbox), **keys) as program:
        read_until(program.stdout, "Ctrl-C")
        children = [process.cmdline() for process in psutil.Process(program.pid).children()]
        assert any(str(pretend_cloud.EXAMPLE) in arguments for arguments in children)
        os.killpg(program.pid, signal.SIGINT)
        assert program.wait(30) == 0
        assert live_processes(program) == set()
    assert len(list(mailbox.iterdir())) == 3
    assert database.stat().st_size == size


@pytest.mark.parametrize(
    ("number", "is_for_all"),
    [
        pytest.param(signal.SIGINT, True, id="terminal"),
        pytest.param(signal.SIGTERM, True, id="systemd", marks=pytest.mark.deploy),
        pytest.param(signal.SIGTERM, False, id="container", marks=pytest.mark.deploy),
    ],
)
def test_one_signal_stops_server_and_worker(
    url: str, port: int, tmp_path: Path, number: int, is_for_all: bool
) -> None:
    with run_flask("serve", url, **local(port, tmp_path)) as program:
        read_until(program.stdout, "Ctrl-C")
        assert answer(port)[0] == 200
        wait_until(lambda: workers(program))
        wait_until(lambda: list(tmp_path.glob("*.eml")))  # it is at work, and no longer starting
        (os.killpg if is_for_all else os.kill)(program.pid, number)
        output, _ = program.communicate(timeout=30)
        assert (program.returncode, without_log(output).strip()) == (0, "Stopped.")
        assert file_modes(tmp_path).keys() == {"0o600"}
        assert "web.stopped" in output
        assert "worker.stopped" in output
        assert live_processes(program) == set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_a_worker_that_dies_is_started_again_and_one_whose_server_dies_ends(
    url: str, port: int, tmp_path: Path
) -> None:
    with run_flask("serve", url, **local(port, tmp_path)) as program:
        read_until(program.stdout, "Ctrl-C")
        wait_until(lambda: workers(program))
        first = workers(program)[0]
        wait_until(lambda: list(tmp_path.glob("*.eml")))
        first.kill()
        said = read_until(program.stdout, "worker.restarted")
        (line,) = without_log(said).strip().splitlines()
        assert re.search(r"\[error +\] worker\.restarted .* exit_status=-9$", line)
        wait_until(lambda: {process.pid for process in workers(program)} - {first.pid})
        assert answer(port)[0] == 200
        program.kill()
        program.wait()
        wait_until(lambda: not live_processes(program))


def test_a_worker_that_waits_for_a_reply_does_not_hold_up_the_end(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "WORKER_STOP_TIMEOUT", 0.5)
    stop = threading.Event()
    with CuttingServer("silent") as silent:
        relay = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(silent.port)}
        for name, value in environment(url, MAIL_SECURITY="plain", **relay).items():
            monkeypatch.setenv(name, value)
        keeper = threading.Thread(target=serve._supervise_worker, args=(stop,))
        keeper.start()
        try:
            wait_until(lambda: any(log.dot for log in silent.connections))
            children = psutil.Process().children()
            alive = [p for p in children if p.status() != psutil.STATUS_ZOMBIE]
            (process,) = [p for p in alive if "work" in p.cmdline()]
        finally:
            stop.set()
            keeper.join(20)
        assert not keeper.is_alive()
        assert not process.is_running()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        seen = database.execute("SELECT process FROM heartbeats WHERE kind = 'worker'").fetchall()
    assert seen == [(process.pid,)], "it lived until what it did was finished"


@pytest.mark.deploy
def test_it_listens_on_the_loopback_address_of_ipv6(url: str, port: int, tmp_path: Path) -> None:
    with run_flask("serve", url, HOST="::1", **local(port, tmp_path)) as program:
        assert f"Test Cloud: http://[::1]:{port}\n" in read_until(program.stdout, "Ctrl-C")
        status, page = answer(port, "[::1]")
        assert (status, "Sign in" in page) == (200, True)


def test_where_it_cannot_listen_it_says_so_in_a_sentence_below_its_log(url: str, port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        run_flask("serve", url, PORT=str(port), **PRODUCTION) as program,
    ):
        output, _ = program.communicate(timeout=30)
        assert program.returncode == 1
        *lines, error = output.splitlines()
        said = f"Error: 127.0.0.1:{port} can't be listened on (Address already in use"
        assert error.startswith(said)
        assert [json.loads(line)["event"] for line in lines] == ["command.ended"]
        assert "Traceback" not in output
        assert live_processes(program) == set()


def test_production_says_where_the_proxy_has_to_lead() -> None:
    own = PRODUCTION | {"SECRET_KEY": secrets.token_urlsafe(48), "HOST": "::1", "PORT": "8001"}
    own |= {"PRODUCT_NAME": "Test Cloud", "MAIL_DEFAULT_SENDER": "portal@test.example"}
    said = serve._behind_proxy(config.load(own))
    assert said.startswith("It listens on http://[::1]:8001: your HTTPS proxy has to lead there.\n")
    assert "TRUSTED_PROXIES=1" in said
    is_set = config.load(own | {"TRUSTED_PROXIES": "1"})
    assert "TRUSTED_PROXIES" not in serve._behind_proxy(is_set)


def test_unsafe_settings_are_told_in_sentences(url: str) -> None:
    with run_flask(
        "serve", url, PORTAL_ENV="production", EXTERNAL_URL="http://p.example"
    ) as program:
        output, _ = program.communicate(timeout=30)
    assert program.returncode != 0
    assert "EXTERNAL_URL must begin with https://" in output
    assert "MAIL_SERVER is missing" in output
