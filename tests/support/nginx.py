"""A real nginx with the site of deploy/nginx.conf: free loopback ports, a folder of its own.

What is replaced are places (ports, socket, certificate, log); every rule is the site's.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.processes import ROOT, free_port, run_program, wait_until

HOST = "portal.example"
SBIN = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
MAIN_CONFIG = """{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 2;
events {{ worker_connections 768; }}
http {{
    types {{ text/css css; application/javascript js; image/svg+xml svg; font/woff2 woff2; }}
    default_type application/octet-stream;
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class NoNginx(RuntimeError):
    """There is no nginx and none can be had; the message says what was tried."""


@dataclass(frozen=True)
class Site:
    """Where it is reached, and what it writes."""

    http: int
    https: int
    folder: Path
    authority: str

    @property
    def tls(self) -> ssl.SSLContext:
        """Trusts its certificate."""
        return ssl.create_default_context(cadata=self.authority)

    @property
    def socket(self) -> str:
        """Where gunicorn has to listen."""
        return f"unix:{self.folder}/web.sock"

    @property
    def log(self) -> str:
        return (self.folder / "access.log").read_text()


def find() -> str:
    """The nginx of this machine; root gets one from apt. Raises NoNginx."""
    path = os.environ.get("PATH", "") + ":" + SBIN
    found = shutil.which("nginx", path=path)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "-y", "--no-install-recommends", "nginx-light"]):
            apt = ["apt-get", "-q", *words]
            subprocess.run(apt, env=quiet, capture_output=True, check=False, timeout=300)
        found = shutil.which("nginx", path=path)
    if found is None:
        raise NoNginx("no nginx on PATH or in sbin, and only root can get one from apt")
    return found


def render_site(folder: Path, ports: tuple[int, int]) -> str:
    """deploy/nginx.conf with the test's places; fails where it does not have the real ones."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for real, own in {
        "listen 80;": f"listen 127.0.0.1:{ports[0]};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{ports[1]} ssl http2;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "unix:/run/portal/web.sock": f"unix:{folder}/web.sock",
        "/etc/portal/tls": str(folder),
        "/var/log/nginx/portal.log": f"{folder}/access.log",
        "/opt/portal/current/portal": str(ROOT / "portal"),
    }.items():
        assert real in text, real
        text = text.replace(real, own)
    return text


@contextmanager
def run(folder: Path) -> Iterator[Site]:
    """nginx with the portal's site; who wants answers starts gunicorn at its socket."""
    ports = free_port(), free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST, "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    user = "user root;" if os.geteuid() == 0 else ""  # or it could not enter the test's folders
    (folder / "main.conf").write_text(MAIN_CONFIG.format(user=user, folder=folder))
    (folder / "site.conf").write_text(render_site(folder, ports))
    words = [find(), "-p", str(folder), "-c", str(folder / "main.conf"), "-g", "daemon off;"]
    with run_program(words, {**os.environ}) as program:
        wait_until(lambda: program.poll() is not None or _accepts_connections(ports[1]))
        assert program.poll() is None, program.stdout and program.stdout.read()
        yield Site(*ports, folder, authority.cert_pem.bytes().decode())


def _accepts_connections(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False
