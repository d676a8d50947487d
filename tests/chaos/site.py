"""The installation of a chaos run: database, relay, workers, web server; all on 127.0.0.1."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import flask_migrate
import psutil
import psycopg
from flask import Flask
from sqlalchemy import make_url

from portal import db
from tests.chaos.relay import ChaosRelay
from tests.chaos.worker import shorten_times, times_in_force
from tests.conftest import make_app
from tests.support import postgres, world
from tests.support.processes import ROOT, environment, free_port, gunicorn_command, wait_until

WORKERS = 4
START_SECONDS = 4
"""A process younger than this may not have begun to work: to kill it would prove little."""
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Process:
    """A program in a process group of its own, with its output in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.command, self.env, self.log = command, env, log
        self.is_stopped = False
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.program = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started_at = time.monotonic()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.program.pid, signal.SIGKILL)
        self.program.wait()

    def pause(self, seconds: float) -> None:
        """Stop the process for a time, then let it go on."""
        self.is_stopped = True
        os.killpg(self.program.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.killpg(self.program.pid, signal.SIGCONT)
        self.is_stopped = False

    @property
    def is_ready(self) -> bool:
        return not self.is_stopped and time.monotonic() - self.started_at > START_SECONDS


class Site:
    """The installation; `app` is the application in this process, to look into its database."""

    def __init__(self, kind: str, folder: Path, seed: int, options: Sequence[str] = ()) -> None:
        self.kind, self.folder = kind, folder
        self.command = [sys.executable, "-m", "tests.chaos.worker", *options]
        self.random = random.Random(seed)
        self.relay = ChaosRelay(seed)
        self.server: postgres.Server | None = None
        self.postmaster: subprocess.Popen[bytes] | None = None
        self.url = self._create_database()
        self.port = free_port()
        self.kills = 0
        self.settings: dict[str, str] = {}
        """Of the processes, beside those of each run."""
        self.app: Flask = make_app(self.url)
        with self.app.app_context():
            flask_migrate.upgrade()
            self.world = world.build()
        self.processes: list[Process] = []

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run all processes inside `with`."""
        settings = {
            "EXTERNAL_URL": f"http://127.0.0.1:{self.port}",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(self.relay.port),
            "MAIL_SECURITY": "plain",
            "INVITATIONS_PER_DAY": "10000",
            "WEB_CONCURRENCY": "1",
        }
        env = environment(self.url, **settings, **self.settings)
        with self.relay:
            try:
                self.workers = [
                    self._start(self.command, env, f"worker{n}.log") for n in range(WORKERS)
                ]
                bind = gunicorn_command(f"127.0.0.1:{self.port}")
                self.web = self._start(bind, env, "web.log")
                self._check_times()
                yield
            finally:
                for process in self.processes:
                    process.kill()
                if self.postmaster:
                    self.postmaster.send_signal(signal.SIGINT)
                    self.postmaster.wait()
                if self.server:
                    self.server.stop()

    def _start(self, command: list[str], env: dict[str, str], log: str) -> Process:
        process = Process(command, env, self.folder / log)
        self.processes.append(process)
        return process

    def _check_times(self) -> None:
        """Raise AssertionError unless each worker has the short times in force."""
        shorten_times()
        for worker in self.workers:
            wait_until(lambda worker=worker: worker.log.read_text().count("\n") > 0, 60)
            assert worker.log.read_text().splitlines()[0] == times_in_force()

    def kill_worker(self) -> None:
        """Kill a random worker that is at work, and start it again."""
        ready: list[Process] = []
        while not ready:
            ready = [worker for worker in self.workers if worker.is_ready]
            time.sleep(0.05)
        self.kill(self.random.choice(ready))

    def kill(self, process: Process) -> None:
        process.kill()
        self.kills += 1
        process.start()

    # The database

    def _create_database(self) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self.folder / 'portal.db'}"
        postgres.SETTINGS.update(DURABLE)  # a crash of the server must lose no commit
        process = postgres._Process()
        address = make_url(f"postgresql://postgres@127.0.0.1:{process.port}/postgres")
        self.server = postgres.Server(address, process)
        return self.server.create("chaos")

    def break_database(self, seconds: float) -> None:
        """Hold SQLite's write lock for so long; stop and crash PostgreSQL, each for half of it."""
        if self.kind == "sqlite":
            path = make_url(self.url).database or ""
            with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
        else:
            for number in (signal.SIGINT, signal.SIGQUIT):
                self._restart_postgresql(number, seconds / 2)
                time.sleep(2)

    def _restart_postgresql(self, number: int, seconds: float) -> None:
        assert self.server is not None
        assert self.server._process is not None
        home: Path = self.server._process.home
        user: dict[str, Any] = self.server._process._user
        process_id = int((home / "data" / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(process_id)
        command = process.cmdline()
        process.send_signal(number)
        if self.postmaster:
            self.postmaster.wait()
        else:  # the guard's child, which it leaves as a zombie
            wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE)
        time.sleep(seconds)
        with (home / "log").open("ab") as output:
            self.postmaster = subprocess.Popen(
                command,
                cwd=home,
                env={**os.environ, "LC_ALL": "C"},
                stdout=output,
                stderr=output,
                start_new_session=True,
                **user,
            )
        wait_until(self._is_up)

    def _is_up(self) -> bool:
        try:
            psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def close(self) -> None:
        db.session.remove()
        db.extension.engine.dispose()
