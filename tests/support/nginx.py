"""A real nginx with the site of deploy/nginx.conf, on free loopback ports in a temporary folder.

Only ports and paths (socket, certificate, log) are replaced; every rule is the site's.
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
    """No nginx is installed and none can be installed; the message says what was tried."""


@dataclass(frozen=True)
class Site:
    """A running site: its ports, its folder, and the certificate of its CA."""

    http: int
    https: int
    folder: Path
    ca_certificate: str

    @property
    def tls(self) -> ssl.SSLContext:
        """A TLS context that trusts the site's certificate."""
        return ssl.create_default_context(cadata=self.ca_certificate)

    @property
    def socket(self) -> str:
        """The address that gunicorn must bind."""
        return f"unix:{self.folder}/web.sock"

    @property
    def log(self) -> str:
        """The access log."""
        return (self.folder / "access.log").read_text()


def find() -> str:
    """The path of nginx; root installs it from apt if it is missing. Raises NoNginx."""
    path = os.environ.get("PATH", "") + ":" + SBIN
    executable = shutil.which("nginx", path=path)
    if executable is None and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "nginx-light"]):
            command = ["apt-get", "-q", *arguments]
            subprocess.run(command, env=env, capture_output=True, check=False, timeout=300)
        executable = shutil.which("nginx", path=path)
    if executable is None:
        raise NoNginx("no nginx on PATH or in sbin, and only root can get one from apt")
    return executable


def render_site(folder: Path, ports: tuple[int, int]) -> str:
    """deploy/nginx.conf with the test's ports and paths; raises AssertionError if it does not have
    the original ones."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for original, replacement in {
        "listen 80;": f"listen 127.0.0.1:{ports[0]};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{ports[1]} ssl http2;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "unix:/run/portal/web.sock": f"unix:{folder}/web.sock",
        "/etc/portal/tls": str(folder),
        "/var/log/nginx/portal.log": f"{folder}/access.log",
        "/opt/portal/current/portal": str(ROOT / "portal"),
    }.items():
        assert original in text, original
        text = text.replace(original, replacement)
    return text


@contextmanager
def run(folder: Path) -> Iterator[Site]:
    """Run nginx with the portal's site; the caller starts gunicorn at its socket."""
    ports = free_port(), free_port()
    ca = trustme.CA()
    certificate = ca.issue_cert(HOST, "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "privkey.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "fullchain.pem")
    user = "user root;" if os.geteuid() == 0 else ""  # else it can't read the test's folders
    (folder / "main.conf").write_text(MAIN_CONFIG.format(user=user, folder=folder))
    (folder / "site.conf").write_text(render_site(folder, ports))
    command = [find(), "-p", str(folder), "-c", str(folder / "main.conf"), "-g", "daemon off;"]
    with run_program(command, {**os.environ}) as program:
        wait_until(lambda: program.poll() is not None or _accepts_connections(ports[1]))
        assert program.poll() is None, program.stdout and program.stdout.read()
        yield Site(*ports, folder, ca.cert_pem.bytes().decode())


def _accepts_connections(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False
