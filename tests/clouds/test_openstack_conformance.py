"""The conformance suite on a real Keystone."""

from __future__ import annotations

import pytest

from portal.providers import openstack
from portal.providers.contract import CALL_SECONDS, Access, Cloud, Member
from portal.providers.openstack import projects
from tests.clouds.domains import REFUSED, Admin, Domain, sign_in
from tests.providers.conformance import Conformance


class KeystoneSystem:
    """A domain of a real Keystone."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.port = domain.admin.server.port

    def connect(
        self, port: int | None = None, *, tls: bool = False, seconds: float = CALL_SECONDS
    ) -> openstack.OpenStack:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port or self.port}/v3"
        return self.domain.connection(seconds, auth_url=url)

    def signs_in(self, access: Access) -> bool:
        try:
            sign_in(access, self.domain.admin.server.url)
        except REFUSED:
            return False
        return True

    def create_cloud(self, name: str) -> str:
        return self.domain.create_project(name)

    def occupy(self, cloud: Cloud) -> None:
        self.domain.create_project(projects.project_name(cloud))

    def delete_cloud(self, external_id: str) -> None:
        self.domain.admin.call("DELETE", f"/projects/{external_id}")

    def delete_member(self, external_id: str, member: Member) -> None:
        for user in self.domain.users():
            if user["name"] == member.id:
                self.domain.admin.call("DELETE", f"/users/{user['id']}")


@pytest.fixture(scope="module")
def system(admin: Admin) -> KeystoneSystem:
    return KeystoneSystem(admin.create_domain())


class TestOpenStack(Conformance):
    """All tests are the suite's."""
