"""Accesses as application credentials, made as the membership's user with a temporary password.

Keystone lets nobody make or delete application credentials of another user, admins included. A
password that is reset ends the user's tokens, not the application credentials: their clients sign
in again.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from portal.providers.contract import Access, Done, How, Later, Member, NeedsPerson
from portal.providers.openstack import members, projects, users
from portal.providers.openstack.problems import Problem
from portal.providers.openstack.session import (
    SOON,
    Row,
    Scope,
    Session,
    Settings,
    Token,
    Unauthorized,
    by_password,
    segment,
)

LONGEST = timedelta(days=90)
DEAD_TOKEN_SECONDS = 3
"""A token of the second in which the password was changed is refused."""
T = TypeVar("T")


def make(
    session: Session,
    external_id: str,
    member: Member,
    *,
    access_id: str,
    secret: str,
    until: datetime,
) -> Access:
    """An access as clouds.yaml, for 90 days at most. The same access ID and secret give the same
    credential; another secret ends the earlier one. Raises NeedsPerson if the member has no user,
    or the project is disabled."""
    if member.federated:
        return _link(session, external_id)
    user = members.find(session, member)
    if user is None:
        raise NeedsPerson(Problem.NO_USER, member=member.id)
    project = projects.require(session, external_id)
    if not project["enabled"]:
        raise NeedsPerson(Problem.CLOUD_SUSPENDED, project=external_id)
    expires = min(until, datetime.now(UTC) + LONGEST)
    fields = {
        "name": access_id,
        "secret": secret,
        "expires_at": expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "unrestricted": False,
    }
    create = partial(_create, session, user, fields)
    credential = _as_user(session, user, {"project": {"id": external_id}}, create)
    text = clouds_yaml(session.settings, cloud_key(project), credential, secret)
    return Access(How.CLOUDS_YAML, text, expires)


def _link(session: Session, external_id: str) -> Access:
    """The console: a federated member signs in there as the identity provider lets them."""
    if not session.settings.console_url:
        raise NeedsPerson(Problem.NO_CONSOLE)
    url = session.settings.console_url.replace("{id}", segment(external_id))
    return Access(How.LINK, url)


def _create(session: Session, user: Row, fields: Row, token: Token) -> str:
    """The ID of an application credential with these fields."""
    path, body = _path(user), {"application_credential": fields}
    answer = session.send("POST", path, body, token=token.id, allow=(409,))
    if answer.status == 409:
        earlier = _named(session, user, fields["name"], token)
        if earlier and _works(session, earlier, fields["secret"]):
            return earlier
        if earlier:
            session.send("DELETE", f"{path}/{earlier}", token=token.id, allow=(404,))
        answer = session.send("POST", path, body, token=token.id)
    return str(answer.object("application_credential")["id"])


def _path(user: Row) -> str:
    return f"/users/{user['id']}/application_credentials"


def try_out(session: Session, external_id: str, member: Member) -> None:
    """Make an access and sign in with it. Raises NeedsPerson if that is refused."""
    user = members.ensure(session, member)
    fields = {"name": "trial", "secret": secrets.token_urlsafe(32)}
    create = partial(_create, session, user, fields)
    credential = _as_user(session, user, {"project": {"id": external_id}}, create)
    if not _works(session, credential, fields["secret"]):
        raise NeedsPerson(Problem.NO_APPLICATION_CREDENTIALS)


def withdraw(session: Session, external_id: str, member: Member, *, access_id: str) -> Done:
    """Delete the application credential; its tokens end with the services' cache."""
    ends_by = datetime.now(UTC) + session.settings.token_cache
    user = members.find(session, member)
    if user is None or not user["enabled"]:
        return Done(external_id, ends_by)

    def delete(token: Token) -> None:
        if earlier := _named(session, user, access_id, token):
            session.send("DELETE", f"{_path(user)}/{earlier}", token=token.id, allow=(404,))

    _as_user(session, user, "unscoped", delete)  # the project may be disabled
    return Done(external_id, ends_by)


def _as_user(session: Session, user: Row, scope: Scope, act: Callable[[Token], T]) -> T:
    """Do something as the user, whose password is known for this time only."""
    password = users.random_password()
    users.set_password(session, user, password)
    ends = time.monotonic() + DEAD_TOKEN_SECONDS
    try:
        while True:
            begun = time.monotonic()
            try:
                return act(session.sign_in(by_password({"id": user["id"]}, password), scope))
            except Unauthorized as refusal:
                if begun > ends:
                    words = f"Keystone refuses the member's user: {refusal}"
                    raise Later(words, SOON) from refusal
            time.sleep(0.25)
    finally:
        # Not to none: Keystone refuses that where passwords have to match a pattern.
        users.set_password(session, user, users.random_password())


def _named(session: Session, user: Row, access_id: str, token: Token) -> str:
    """The ID of the user's application credential of this name, or nothing."""
    path = f"{_path(user)}?name={segment(access_id)}"
    data = session.send("GET", path, token=token.id).data
    credentials = data.get("application_credentials", ())
    return next((str(row["id"]) for row in credentials if row["name"] == access_id), "")


def _works(session: Session, credential: str, secret: str) -> bool:
    """Whether one can sign in with the application credential and this secret."""
    fields = {"id": credential, "secret": secret}
    identity = {"methods": ["application_credential"], "application_credential": fields}
    try:
        session.sign_in(identity, None)
    except Unauthorized:
        return False
    return True


def cloud_key(project: Row) -> str:
    """The name of a cloud in clouds.yaml, that no other cloud has: the ASCII letters and digits of
    its name, and its ID. YAML and shells read it without quotes."""
    cloud_id = projects.our_id(project) or str(project["id"])
    words = re.findall("[a-z0-9]+", project["name"].removesuffix(cloud_id).lower())
    return "-".join((*words, cloud_id))


def clouds_yaml(settings: Settings, key: str, credential: str, secret: str) -> str:
    """The file that OpenStack's clients read; a JSON string is a YAML string, too."""
    lines = [
        "clouds:",
        f"  {key}:",
        "    auth_type: v3applicationcredential",
        "    auth:",
        f"      auth_url: {json.dumps(settings.auth_url)}",
        f"      application_credential_id: {json.dumps(credential)}",
        f"      application_credential_secret: {json.dumps(secret)}",
        "    identity_api_version: 3",
    ]
    if settings.region:
        lines.append(f"    region_name: {json.dumps(settings.region)}")
    return "\n".join(lines) + "\n"
