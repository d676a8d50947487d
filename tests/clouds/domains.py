"""Domains of a real Keystone: what its administrator does, and who signs in as its people do."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import yaml
from keystoneauth1 import loading
from keystoneauth1.exceptions import NotFound, Unauthorized
from keystoneauth1.identity import V3Password
from keystoneauth1.session import Session

from portal.providers import openstack
from portal.providers.contract import CALL_SECONDS, Access, Member
from portal.providers.http_client import HttpClient
from tests.clouds.keystone import PASSWORD, Server

_numbers = itertools.count(1)
MANAGER_PASSWORD = "Manager-of-a-domain-1"


class Admin:
    """The administrator of Keystone, by the real client."""

    def __init__(self, server: Server) -> None:
        self.server = server
        auth = V3Password(
            server.url,
            username="admin",
            password=PASSWORD,
            user_domain_id="default",
            project_name="admin",
            project_domain_id="default",
        )
        self.session = Session(auth)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer; raises keystoneauth1's errors."""
        answer = self.session.request(self.server.url + path, method, json=body)
        return answer.json() if answer.text else None

    def role(self, name: str) -> str:
        """The ID of a role."""
        return str(self.call("GET", f"/roles?name={name}")["roles"][0]["id"])

    def create_domain(self, role: str = "manager") -> Domain:
        """A domain, and a user that has the role on it."""
        name = f"Partner {next(_numbers)}"
        domain_id = self.call("POST", "/domains", {"domain": {"name": name}})["domain"]["id"]
        fields = {"name": "portal", "domain_id": domain_id, "password": MANAGER_PASSWORD}
        user_id = str(self.call("POST", "/users", {"user": fields})["user"]["id"])
        self.server.set_expiry(user_id, None)  # it would have to be changed first
        if role:
            path = f"/domains/{domain_id}/users/{user_id}/roles/{self.role(role)}"
            self.call("PUT", path)
        return Domain(self, domain_id, name, user_id)


@dataclass(frozen=True)
class Domain:
    """A domain of a partner and the user of the portal's connection."""

    admin: Admin
    id: str
    name: str
    manager_id: str

    def connection(self, seconds: float = CALL_SECONDS, **settings: str) -> openstack.OpenStack:
        """The portal's connection; `settings` differ."""
        given = {
            "auth_url": self.admin.server.url,
            "username": "portal",
            "password": MANAGER_PASSWORD,
            "domain": self.name,
            **settings,
        }
        http = HttpClient(allowed=[ip_network("127.0.0.0/8")])
        return openstack.OpenStack(http, openstack.Settings(**given), seconds)

    def projects(self) -> list[dict[str, Any]]:
        """All projects of the domain, page by page."""
        return self._all("projects")

    def users(self) -> list[dict[str, Any]]:
        """All users of the domain but the connection's."""
        return [user for user in self._all("users") if user["id"] != self.manager_id]

    def _all(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        marker = ""
        while True:
            page = self.admin.call("GET", f"/{kind}?domain_id={self.id}&limit=10{marker}")
            rows += page[kind]
            if not page["links"]["next"]:
                return rows
            marker = f"&marker={rows[-1]['id']}"

    def roles(self, project_id: str, member: Member) -> list[str]:
        """The names of the member's roles on the project."""
        users = [user["id"] for user in self.users() if user["name"] == member.id]
        path = f"/projects/{project_id}/users/{users[0]}/roles" if users else ""
        return [role["name"] for role in self.admin.call("GET", path)["roles"]] if path else []

    def create_user(self, **fields: str) -> str:
        """A user that the portal did not make."""
        user = {"domain_id": self.id, "password": MANAGER_PASSWORD, **fields}
        return str(self.admin.call("POST", "/users", {"user": user})["user"]["id"])

    def create_project(self, name: str, **fields: Any) -> str:
        """A project that the portal did not make."""
        project = {"name": name, "domain_id": self.id, **fields}
        return str(self.admin.call("POST", "/projects", {"project": project})["project"]["id"])


REFUSED = (Unauthorized, NotFound)
"""What the real client raises if Keystone refuses an access: 404 if its project is disabled."""


def sign_in(access: Access, url: str = "") -> Session:
    """A session of the real client with the only cloud of a clouds.yaml, signed in. With a URL,
    there instead. Raises one of REFUSED."""
    entry = yaml.safe_load(access.text)["clouds"].popitem()[1]
    loader = loading.get_plugin_loader(entry["auth_type"])
    auth = entry["auth"] | ({"auth_url": url} if url else {})
    session = Session(loader.load_from_options(**auth))
    session.get_token()
    return session


def use_token(session: Session, token: str) -> int:
    """The status of a request with a token that someone kept."""
    headers = {"X-Auth-Token": token}
    url = f"{session.auth.auth_url}/auth/projects"
    return int(session.get(url, authenticated=False, headers=headers, raise_exc=False).status_code)


def wait_for_next_second() -> None:
    """A token of the second in which its user's password was reset is refused."""
    time.sleep(1.1 - time.time() % 1)
