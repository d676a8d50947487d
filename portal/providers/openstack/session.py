"""Signed-in requests to Keystone v3: tokens, lists to their end, errors in the contract's terms.

Source: https://docs.openstack.org/api-ref/identity/v3/
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from portal.providers import retry_after
from portal.providers.contract import Later, NeedsPerson, Never
from portal.providers.http_client import HttpClient
from portal.providers.openstack.problems import Problem

Row = dict[str, Any]
Identity = dict[str, Any]
Scope = dict[str, Any] | str
PAGE_ROWS = "500"
"""The limit to ask for in lists of projects and users. An answer of so many rows is accepted."""

SOON = timedelta(seconds=5)
"""When to ask again if Keystone has answered, and what it knows changed meanwhile."""


@dataclass(frozen=True)
class Settings:
    """A connection to one domain. Its user has the role `manager` on the domain."""

    auth_url: str
    """With the version: `https://cloud.example:5000/v3`. People get it in their clouds.yaml."""
    username: str
    password: str = field(repr=False)
    domain: str
    """The name of the domain that projects and users are created in."""
    user_domain: str = ""
    """The name of the domain of the connection's user; empty: the same."""
    region: str = ""
    token_cache: timedelta = timedelta(minutes=5)
    """How long services accept a token after it was revoked (`token_cache_time`)."""
    usage_project: str = ""
    """The ID of a project on which CloudKitty shows the connection's user the usage of all."""
    federation_protocol: str = ""
    """The ID of the protocol by which people of an identity provider sign in; empty: nobody."""
    console_url: str = ""
    """Where federated members sign in; `{id}` is the project's ID."""


class Unauthorized(Exception):
    """Keystone refuses the credentials or the token, in its words."""


class Token(NamedTuple):
    """A token and what Keystone says of it."""

    id: str
    facts: Row


class Answer(NamedTuple):
    """The answer to an allowed request. `data` is empty if the body has no JSON object."""

    status: int
    headers: Message
    data: Row

    def object(self, name: str) -> Row:
        """The object of this name, which has an ID or is a token. Raises NeedsPerson."""
        value = self.data.get(name)
        if isinstance(value, dict) and ("id" in value or name == "token"):
            return value
        raise NeedsPerson(Problem.NOT_KEYSTONE, said=f"no {name} in the answer")

    @property
    def said(self) -> str:
        """The error message; it may quote what was sent."""
        error = self.data.get("error")
        words = error.get("message") if isinstance(error, dict) else None
        return str(words or f"HTTP {self.status}")


def by_password(user: Row, password: str) -> Identity:
    """How a user signs in with a password."""
    return {"methods": ["password"], "password": {"user": {**user, "password": password}}}


class Session:
    """The requests of one call of the contract: signs in once, ends after `seconds`."""

    def __init__(self, http: HttpClient, settings: Settings, order: str, seconds: float) -> None:
        self.http, self.settings = http, settings
        self.base = settings.auth_url.rstrip("/")
        self.agent = f"portal ({order})"
        self.ends = time.monotonic() + seconds
        self._token: Token | None = None

    @property
    def domain_id(self) -> str:
        """The ID of the connection's domain."""
        domain = self.token.facts.get("domain")
        if not isinstance(domain, dict) or "id" not in domain:
            raise NeedsPerson(Problem.NOT_KEYSTONE, said="a token without a domain")
        return str(domain["id"])

    @property
    def user_id(self) -> str:
        """The ID of the connection's user."""
        return str(self.token.facts.get("user", {}).get("id", ""))

    @property
    def token(self) -> Token:
        """The connection's token for its domain. Raises NeedsPerson if Keystone refuses it."""
        if self._token is None:
            scope = {"domain": {"name": self.settings.domain}}
            try:
                self._token = self.sign_in(self.identity, scope)
            except Unauthorized as refusal:
                raise self._refusal(str(refusal)) from refusal
        return self._token

    @property
    def identity(self) -> Identity:
        """How the connection's user signs in."""
        settings = self.settings
        domain = {"name": settings.user_domain or settings.domain}
        return by_password({"name": settings.username, "domain": domain}, settings.password)

    def _refusal(self, said: str) -> NeedsPerson:
        if "expired" in said:
            return NeedsPerson(Problem.PASSWORD_EXPIRED, said=said)
        try:
            self.sign_in(self.identity, "unscoped")
        except Unauthorized:
            return NeedsPerson(Problem.CREDENTIALS_WRONG, said=said)
        return NeedsPerson(Problem.NO_ROLE, domain=self.settings.domain, said=said)

    def sign_in(self, identity: Identity, scope: Scope | None) -> Token:
        """A new token. Raises Unauthorized."""
        auth: Row = {"identity": identity}
        if scope is not None:
            auth["scope"] = scope
        answer = self.send("POST", "/auth/tokens", {"auth": auth}, token="")
        return Token(answer.headers.get("X-Subject-Token", ""), answer.object("token"))

    def call(
        self, method: str, path: str, body: Row | None = None, *, allow: Collection[int] = ()
    ) -> Answer:
        """Send a request with the connection's token, again if the token has ended. An error that
        is not in `allow` is raised."""
        try:
            return self.send(method, path, body, token=self.token.id, allow=allow)
        except Unauthorized:
            self._token = None
        try:
            return self.send(method, path, body, token=self.token.id, allow=allow)
        except Unauthorized as refusal:
            raise Later(f"Keystone refuses a new token: {refusal}", SOON) from refusal

    def without_reader(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, page by page: the time that their reader takes does not count."""
        for row in rows:
            given = time.monotonic()
            yield row
            self.ends += time.monotonic() - given

    def rows(self, kind: str, **filters: str) -> Iterator[Row]:
        """All rows of a list, page by page. Keystone ignores filters that it does not know: check
        each row."""
        path, seen = f"/{kind}?{urlencode(filters)}", set()
        while path not in seen:
            seen.add(path)
            data = self.call("GET", path).data
            rows = data.get(kind)
            if not isinstance(rows, list):
                raise NeedsPerson(Problem.NOT_KEYSTONE, said=f"no list of {kind}")
            yield from (row for row in rows if isinstance(row, dict))
            links = data.get("links")
            following = links.get("next") if isinstance(links, dict) else None
            if not following:
                if data.get("truncated"):
                    raise NeedsPerson(Problem.LIST_CUT, list=kind)
                return
            path = self._own_path(following)
        raise Later(f"The list of {kind} leads back to a page before.")

    def _own_path(self, url: str) -> str:
        """The path below the base; the server may know itself by another name than we do."""
        parts = urlsplit(url)
        path = parts.path.removeprefix(urlsplit(self.base).path)
        return f"{path}?{parts.query}" if parts.query else path

    def send(
        self,
        method: str,
        path: str,
        body: Row | None = None,
        *,
        token: str,
        allow: Collection[int] = (),
    ) -> Answer:
        """Send a request. Raises Unauthorized for 401, and the contract's errors."""
        headers = {"X-Auth-Token": token} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.exchange(method, self.base + path, headers=headers, content=content)
        if 200 <= answer.status < 300 or answer.status in allow:
            return answer
        raise _error(
            f"{method} {path.partition('?')[0]}", answer, _without_secrets(answer.said, body)
        )

    def exchange(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        """Send a request; the answer of any status. Raises Later after `seconds`."""
        seconds = self.ends - time.monotonic()
        if seconds <= 0:
            raise Later("Keystone is too slow.")
        given = {"Accept": "application/json", "User-Agent": self.agent, **headers}
        received = self.http.request(method, url, headers=given, body=content, seconds=seconds)
        return Answer(received.status, received.headers, _object(received.body))


def _error(request: str, answer: Answer, said: str) -> Exception:
    """The error that an answer means."""
    status = answer.status
    if "error" not in answer.data and status < 500:
        return NeedsPerson(Problem.NOT_KEYSTONE, said=said)
    if status == 401:
        return Unauthorized(said)
    if status == 403:
        return NeedsPerson(Problem.RIGHT_MISSING, request=request, said=said)
    if status in (404, 409):  # it went away, or came, since it was looked up
        return Later(said, SOON)
    if status == 429 or (status >= 500 and status != 501):
        return Later(said, retry_after.parse(answer.headers.get("Retry-After", "")))
    return Never(said)


def _without_secrets(said: str, body: object) -> str:
    """The words of Keystone, which quotes invalid values, without passwords and secrets."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name in ("password", "secret") and isinstance(value, str):
                said = said.replace(value, "…") if value else said
            else:
                said = _without_secrets(said, value)
    return said[:500]


def _object(text: bytes) -> Row:
    """The JSON object of a body, or nothing."""
    try:
        data = json.loads(text, parse_float=Decimal)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def segment(text: str) -> str:
    """An ID as one segment of a path."""
    return quote(text, safe="")
