"""A real InfluxDB 1.6 from Debian's package, unpacked without being installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from tests.clouds import environments
from tests.support.processes import TIMEOUT_SECONDS, free_port, run_program, wait_until

DATABASE = "cloudkitty"


def install() -> Path:
    """The server's program. Raises environments.Unavailable."""
    home = environments.CACHE / "influxdb"
    program = home / "usr" / "bin" / "influxd"
    if not program.exists():
        home.mkdir(exist_ok=True)
        environments.fetch(["apt-get", "download", "influxdb"], cwd=home)
        (package,) = home.glob("influxdb_*.deb")
        environments.run(["dpkg", "-x", package, home])
        package.unlink()
    return program


@contextmanager
def start(folder: Path) -> Iterator[int]:
    """Run the server with its data in the folder; gives its port."""
    port = free_port()
    settings = {
        "REPORTING_DISABLED": "true",
        "BIND_ADDRESS": "127.0.0.1:0",
        "META_DIR": f"{folder}/meta",
        "DATA_DIR": f"{folder}/data",
        "DATA_WAL_DIR": f"{folder}/wal",
        "MONITOR_STORE_ENABLED": "false",
        "HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "HTTP_LOG_ENABLED": "false",
        "LOGGING_LEVEL": "error",
    }
    # HOME: a user without an entry in /etc/passwd has none.
    env = {"HOME": str(folder)} | {f"INFLUXDB_{name}": text for name, text in settings.items()}
    with run_program([str(install())], env) as program:
        wait_until(lambda: program.poll() is not None or _create_database(port))
        assert program.stdout is not None
        assert program.poll() is None, program.stdout.read()
        yield port


def _create_database(port: int) -> bool:
    """Whether the server answers and has the database, old or new."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)) as connection:
        try:
            connection.request("POST", f"/query?q=CREATE%20DATABASE%20{DATABASE}")
        except OSError:
            return False
        return connection.getresponse().status == HTTPStatus.OK
