"""An identity provider of a real Keystone, and people who sign in by it."""

from __future__ import annotations

import secrets
from typing import Any

from keystoneauth1 import loading
from keystoneauth1.identity import V3Token
from keystoneauth1.session import Session

from tests.clouds.domains import Admin

PROTOCOL = "mapped"


class IdentityProvider:
    """Its people come with a subject, which Keystone takes from the web server."""

    def __init__(self, admin: Admin, domain_id: str) -> None:
        self.admin, self.id = admin, f"sso-{secrets.token_hex(4)}"
        self.path = f"/OS-FEDERATION/identity_providers/{self.id}"
        fields = {"enabled": True, "domain_id": domain_id}
        admin.call("PUT", self.path, {"identity_provider": fields})
        user = {"id": "{0}", "name": "{0}"}
        rules = [{"local": [{"user": user}], "remote": [{"type": "REMOTE_USER"}]}]
        admin.call("PUT", f"/OS-FEDERATION/mappings/{self.id}", {"mapping": {"rules": rules}})
        protocol = {"protocol": {"mapping_id": self.id}}
        admin.call("PUT", f"{self.path}/protocols/{PROTOCOL}", protocol)

    def sign_in(self, subject: str) -> str:
        """An unscoped token of a person."""
        url = f"{self.admin.server.url}{self.path}/protocols/{PROTOCOL}/auth"
        answer = Session().get(url, headers={"X-Subject": subject}, authenticated=False)
        return str(answer.headers["X-Subject-Token"])

    def enter(self, subject: str, project_id: str) -> Session:
        """A session of a person in the project, signed in; raises keystoneauth1's errors."""
        auth = V3Token(self.admin.server.url, self.sign_in(subject), project_id=project_id)
        session = Session(auth)
        session.get_token()
        return session


def make_application_credential(session: Session) -> dict[str, Any]:
    """What a person makes in the console, to sign in later."""
    url = f"{session.auth.auth_url}/users/{session.get_user_id()}/application_credentials"
    body = {"application_credential": {"name": secrets.token_hex(4)}}
    return dict(session.post(url, json=body).json()["application_credential"])


def sign_in_by(credential: dict[str, Any], url: str) -> Session:
    """A session with an application credential; raises keystoneauth1's errors."""
    loader = loading.get_plugin_loader("v3applicationcredential")
    auth = loader.load_from_options(
        auth_url=url,
        application_credential_id=credential["id"],
        application_credential_secret=credential["secret"],
    )
    session = Session(auth)
    session.get_token()
    return session
