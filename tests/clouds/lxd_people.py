"""People with an access to a real LXD: what they can do with it, and their consoles."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from portal.providers.contract import Access
from tests.clouds.lxd import Server, image

OBEDIENT = 'trap "exit 0" PWR\nwhile :; do /bin/busybox sleep 1000 & wait $!; done\n'
DEAF = 'trap "" PWR\nwhile :; do /bin/busybox sleep 1000; done\n'


def project_of(access: Access) -> str:
    return access.text.partition("Project: ")[2].partition("\n")[0]


@dataclass(frozen=True)
class Person:
    """Somebody with an access."""

    server: Server
    access: Access

    @cached_property
    def project(self) -> str:
        return project_of(self.access)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and LXD's `metadata`; for an image, `body` is bytes."""
        http = replace(self.server.http(), client_certificate=self.access.text, client_key="")
        is_file = isinstance(body, bytes)
        content = body if is_file else json.dumps(body).encode()
        answer = http.request(
            method,
            f"{self.server.url}/1.0{path}",
            headers={"Content-Type": f"application/{'octet-stream' if is_file else 'json'}"},
            body=b"" if body is None else content,
        )
        data = json.loads(answer.body)
        return answer.status, data["metadata"] or data["error"]

    def is_let_in(self) -> bool:
        return self.call("GET", f"/instances?project={self.project}")[0] == 200

    def run(self, method: str, path: str, body: Any) -> Any:
        """The result of an operation in the project, once it has ended well."""
        status, operation = self.call(method, f"{path}?project={self.project}", body)
        assert status == 202, operation
        _status, done = self.call("GET", f"/operations/{operation['id']}/wait?timeout=30")
        assert not done["err"], done["err"]
        return done["metadata"]

    def start_instance(self, name: str, init: str = OBEDIENT, **fields: Any) -> None:
        """Create an instance with this init, and start it."""
        _status, known = self.call("GET", f"/images?recursion=1&project={self.project}")
        aliases = [alias["name"] for row in known for alias in row["aliases"]]
        alias = "deaf" if init == DEAF else "obedient"
        if alias not in aliases:
            made = self.run("POST", "/images", image(init))
            body = {"name": alias, "target": made["fingerprint"]}
            self.call("POST", f"/images/aliases?project={self.project}", body)
        source = {"type": "image", "alias": alias}
        self.run("POST", "/instances", {"name": name, "source": source, **fields})
        self.run("PUT", f"/instances/{name}/state", {"action": "start"})

    def states(self) -> dict[str, str]:
        """The states of all instances of the project by their name."""
        rows = self.server.call("GET", f"/instances?recursion=1&project={self.project}")
        return {row["name"]: row["status"] for row in rows}

    def open_console(self, name: str, folder: Path) -> Console:
        """A shell in the instance."""
        body = {"command": ["/bin/busybox", "sh"], "interactive": True, "wait-for-websocket": True}
        _status, operation = self.call(
            "POST", f"/instances/{name}/exec?project={self.project}", body
        )
        (folder / "person.pem").write_text(self.access.text)
        fds = operation["metadata"]["fds"]
        return Console(self.server, folder / "person.pem", operation["id"], fds)


class Console:
    """A shell over LXD's web sockets (RFC 6455), as `lxc exec` has."""

    def __init__(self, server: Server, pem: Path, operation: str, fds: dict[str, str]) -> None:
        self.server, self.pem, self.operation = server, pem, operation
        self.control, self.shell = self._open(fds["control"]), self._open(fds["0"])

    def _open(self, secret: str) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        secured = self.server.tls(self.pem).wrap_socket(plain, server_hostname="127.0.0.1")
        lines = [
            f"GET /1.0/operations/{self.operation}/websocket?secret={secret} HTTP/1.1",
            "Host: lxd",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        secured.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = secured.recv(1)
            assert byte, head
            head += byte
        assert b" 101 " in head, head
        return secured

    def run(self, command: str) -> None:
        text = f"{command}\n".encode()
        self.shell.sendall(bytes([0x82, 0x80 | len(text), 0, 0, 0, 0]) + text)

    def read_until(self, end: bytes) -> bytes:
        """What the shell says up to this; less if the console ends before."""
        said = b""
        while end not in said and (text := self.shell.recv(65536)):
            said += text
        return said

    def close(self) -> None:
        self.control.close()
        self.shell.close()
