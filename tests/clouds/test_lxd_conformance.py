"""The conformance suite on a real LXD."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPSConnection

import pytest

from portal.providers import lxd
from portal.providers.contract import CALL_SECONDS, Access, Cloud, Member
from portal.providers.lxd import memberships
from tests.clouds.lxd import Server
from tests.clouds.lxd_people import Person
from tests.clouds.relay import relaying
from tests.providers.conformance import Conformance


class LxdSystem:
    """A real LXD. What stands between speaks plain HTTP, and a relay in front of LXD signs in."""

    def __init__(self, server: Server, port: int) -> None:
        self.server, self.port = server, port

    def connect(
        self, port: int | None = None, *, tls: bool = False, seconds: float = CALL_SECONDS
    ) -> lxd.Lxd:
        if port is None:
            return self.server.connection(seconds=seconds)
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        return self.server.connection(url, seconds)

    def signs_in(self, access: Access) -> bool:
        return Person(self.server, access).is_let_in()

    def create_cloud(self, name: str) -> str:
        external_id = name.replace(" ", "-")
        self.server.call("POST", "/projects", {"name": external_id, "config": {}})
        return external_id

    def occupy(self, cloud: Cloud) -> None:
        self.create_cloud(cloud.id)

    def delete_cloud(self, external_id: str) -> None:
        self.server.delete_project(external_id)

    def delete_member(self, external_id: str, member: Member) -> None:
        project = self.server.call("GET", f"/projects/{external_id}")
        membership = memberships.by_member(project)[member.id]
        for row in self.server.call("GET", "/certificates?recursion=1"):
            if row["name"] in membership.access_ids:
                self.server.call("DELETE", f"/certificates/{row['fingerprint']}")
        del project["config"][memberships.PREFIX + member.id]
        self.server.call("PUT", f"/projects/{external_id}", project)


@pytest.fixture(scope="module")
def system(lxd_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LxdSystem]:
    pem = tmp_path_factory.mktemp("portal") / "portal.pem"
    pem.write_text(lxd_server.certificate + lxd_server.key)
    context = lxd_server.tls(pem)

    def connect() -> HTTPConnection:
        return HTTPSConnection("127.0.0.1", lxd_server.port, context=context, timeout=60)

    with relaying(connect) as port:
        yield LxdSystem(lxd_server, port)


class TestLxd(Conformance):
    """All tests are the suite's."""
