"""The example of the kind webhook, started as a process: a cloud for tests."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

from portal.providers.contract import CALL_SECONDS, Access, Cloud, Member
from portal.providers.http_client import HttpClient
from portal.providers.webhook import Webhook
from portal.webhook_signatures import new_secret
from tests.support.processes import read_until, run_program

LOOPBACK = HttpClient(allowed=[ip_network("127.0.0.0/8")])


class WebhookSystem:
    def __init__(self, port: int, secret: str) -> None:
        self.port, self.secret = port, secret

    def connect(
        self, port: int | None = None, *, tls: bool = False, seconds: float = CALL_SECONDS
    ) -> Webhook:
        url = f"http{'s' if tls else ''}://127.0.0.1:{port or self.port}"
        return Webhook(url, self.secret, LOOPBACK, seconds)

    def _by_hand(self, name: str, *arguments: str) -> object:
        body = json.dumps([name, *arguments]).encode()
        url = f"http://127.0.0.1:{self.port}/by-hand"
        return json.loads(LOOPBACK.request("POST", url, headers={}, body=body).body)["result"]

    def signs_in(self, access: Access) -> bool:
        return self._by_hand("sign_in", access.text) is True

    def create_cloud(self, name: str) -> str:
        external_id = secrets.token_hex(8)
        self._by_hand("create", external_id, name)
        return external_id

    def occupy(self, cloud: Cloud) -> None:
        self.create_cloud(cloud.name)

    def delete_cloud(self, external_id: str) -> None:
        self._by_hand("delete", external_id)

    def delete_member(self, external_id: str, member: Member) -> None:
        self._by_hand("delete_member", external_id, member.id)


@contextmanager
def started() -> Iterator[WebhookSystem]:
    """Run the example for the block."""
    secret = new_secret()
    arguments = [sys.executable, "-m", "tests.providers.webhook_system"]
    with run_program(arguments, {**os.environ, "WEBHOOK_SECRET": secret}) as program:
        port = int(read_until(program.stdout, "port").rsplit(maxsplit=1)[-1])
        yield WebhookSystem(port, secret)
