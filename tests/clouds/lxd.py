"""A real LXD from Debian's packages, in namespaces of its own: nothing is installed, and what it
mounts and starts ends with it. It needs root.

The first run fetches the packages (20 MB).
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from portal.providers import lxd
from portal.providers.contract import CALL_SECONDS
from portal.providers.http_client import HttpClient
from portal.providers.lxd import accesses
from tests.clouds.environments import CACHE
from tests.support.processes import free_port, run_program, wait_until

PACKAGES = ["lxd", "lxd-client", "busybox-static"]
START = """
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount --bind "$2/subid" /etc/subuid
mount --bind "$2/subid" /etc/subgid
mount --bind /dev/null /etc/resolv.conf
exec lxd --group root
"""
"""With the packages over /usr; without names of servers outside, which LXD would ask for images."""


class NoLxd(RuntimeError):
    """It can't be had here; the message says why."""


class Refused(Exception):
    """LXD answers with an error."""


class UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("lxd", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


@dataclass(frozen=True)
class Server:
    """A running LXD, its administrator and the portal's certificate."""

    folder: Path
    programs: Path
    port: int
    server_certificate: str
    fingerprint: str
    certificate: str
    key: str

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What the administrator is answered, once it is done. Raises Refused."""
        return _call(self.folder / "unix.socket", method, f"/1.0{path}", body)

    def http(self, **settings: Any) -> HttpClient:
        """The portal's HTTP client; `settings` differ."""
        given = {
            "allowed": [ip_network("127.0.0.0/8")],
            "fingerprint": self.fingerprint,
            "client_certificate": self.certificate,
            "client_key": self.key,
            **settings,
        }
        return HttpClient(**given)

    def tls(self, pem: Path) -> ssl.SSLContext:
        """Trusts this server alone; signs in with the certificate and the key in the file."""
        context = ssl.create_default_context(cadata=self.server_certificate)
        context.load_cert_chain(pem)
        return context

    def connection(
        self,
        url: str = "",
        seconds: float = CALL_SECONDS,
        http: HttpClient | None = None,
        **kw: str,
    ) -> lxd.Lxd:
        """The portal's connection; settings differ."""
        return lxd.Lxd(http or self.http(), lxd.Settings(url or self.url, **kw), seconds)

    def delete_project(self, name: str) -> None:
        """Delete a project with all that is in it."""
        for row in self.call("GET", f"/instances?recursion=1&project={name}"):
            path = f"/instances/{row['name']}"
            if row["status"] != "Stopped":
                state = {"action": "stop", "force": True}
                self.call("PUT", f"{path}/state?project={name}", state)
            if not row["ephemeral"]:
                self.call("DELETE", f"{path}?project={name}")
        for row in self.call("GET", f"/images?recursion=1&project={name}"):
            self.call("DELETE", f"/images/{row['fingerprint']}?project={name}")
        self.call("DELETE", f"/projects/{name}")


def _call(path: Path, method: str, url: str, body: Any) -> Any:
    with closing(UnixConnection(path)) as connection:
        is_file = isinstance(body, bytes)
        content = body if is_file else json.dumps(body).encode()
        connection.request(method, url, content if body is not None else None)
        data = json.loads(connection.getresponse().read())
    if data["type"] == "error":
        raise Refused(data["error"])
    if data["type"] == "async" and data["metadata"]["class"] == "task":
        return _call(path, "GET", f"{data['operation']}/wait", None)
    if isinstance(data["metadata"], dict) and data["metadata"].get("err"):
        raise Refused(data["metadata"]["err"])
    return data["metadata"]


def _run(*arguments: str | Path) -> None:
    done = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise NoLxd(f"{arguments[0]} failed: {done.stderr.strip().splitlines()[-1:]}")


def unpack() -> Path:
    """The folder of the unpacked packages, and of those of their dependencies that are missing
    here. Raises NoLxd."""
    if os.geteuid():
        raise NoLxd("root is needed")
    if not shutil.which("apt-get"):
        raise NoLxd("Debian's packages are needed")
    CACHE.mkdir(parents=True, exist_ok=True)
    home = CACHE / "lxd"
    with (CACHE / "lxd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            (home / "packages" / "partial").mkdir(parents=True)
            _run("apt-get", "update")
            options = ["-o", f"Dir::Cache::archives={home}/packages", "-o", "Debug::NoLocking=1"]
            options += ["--yes", "--no-install-recommends", "--download-only"]
            _run("apt-get", "install", *options, *PACKAGES)
            for package in (home / "packages").glob("*.deb"):
                _run("dpkg", "-x", package, home)
            for name in {"bin", "lib", "sbin"} & {path.name for path in home.iterdir()}:
                shutil.copytree(home / name, home / "usr" / name, dirs_exist_ok=True)
            (home / "complete").touch()
    return home


@contextmanager
def start() -> Iterator[Server]:
    """Run LXD in a new folder. Raises NoLxd."""
    home = unpack()
    with tempfile.TemporaryDirectory(prefix="lxd-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # users of containers pass through it
        (folder / "subid").write_text("root:1000000:65536\n")
        with _run_in(folder, home) as server:
            yield server


@contextmanager
def _run_in(folder: Path, home: Path) -> Iterator[Server]:
    isolated = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    said = folder / "lxd.log"
    command = ["sh", "-c", f'exec "$@" >{said} 2>&1', "sh", *isolated]
    command += ["sh", "-ec", START, "sh", str(home), str(folder)]
    environment = {"PATH": os.environ["PATH"], "LXD_DIR": str(folder)}
    with run_program(command, environment) as program:
        path = folder / "unix.socket"

        def answers() -> bool:
            if program.poll() is not None:
                raise NoLxd(said.read_text().strip()[-200:])
            with suppress(OSError):
                _call(path, "GET", "/1.0", None)
                return True
            return False

        wait_until(answers)
        yield _prepare(folder, home / "usr" / "bin")
        _call(path, "PUT", "/internal/shutdown", None)


def _prepare(folder: Path, programs: Path) -> Server:
    """What docs/connect-lxd.md asks of the operator."""
    path, port = folder / "unix.socket", free_port()
    server = _call(path, "GET", "/1.0", None)["environment"]
    _call(path, "PUT", "/1.0", {"config": {"core.https_address": f"127.0.0.1:{port}"}})
    _call(path, "POST", "/1.0/storage-pools", {"name": "default", "driver": "dir"})
    network = {"name": "shared0", "type": "macvlan", "config": {"parent": "lo"}}
    _call(path, "POST", "/1.0/networks", network)
    until = datetime.now(UTC) + timedelta(days=1)
    certificate, key = accesses.make_certificate("portal", until)
    trusted = {"name": "portal", "type": "client", "certificate": as_body(certificate)}
    _call(path, "POST", "/1.0/certificates", trusted)
    own = server["certificate"], server["certificate_fingerprint"]
    return Server(folder, programs, port, *own, certificate, key)


def as_body(certificate: str) -> str:
    """A certificate (PEM) as LXD's API has it."""
    return "".join(certificate.split("-----")[2].split())


def image(init: str) -> bytes:
    """An image of 1 MB whose init is this script."""
    content = io.BytesIO()
    busybox = (CACHE / "lxd" / "bin" / "busybox").read_bytes()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as archive:

        def add(name: str, text: bytes = b"", kind: bytes = tarfile.REGTYPE) -> None:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.type = len(text), 0o755, kind
            archive.addfile(entry, io.BytesIO(text))

        add("metadata.yaml", b"architecture: x86_64\ncreation_date: 1700000000\n")
        for name in ("", "/bin", "/dev", "/etc", "/proc", "/root", "/sbin", "/sys", "/tmp"):
            add(f"rootfs{name}", kind=tarfile.DIRTYPE)
        add("rootfs/bin/busybox", busybox)
        add("rootfs/sbin/init", f"#!/bin/busybox sh\n{init}".encode())
    return content.getvalue()
