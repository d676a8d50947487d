"""Somebody who reaches a real server over real connections, a new one for each request."""

from __future__ import annotations

import http.client
import re
import ssl
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


class Response(NamedTuple):
    status: int
    page: str
    headers: http.client.HTTPMessage


@dataclass
class Visitor:
    """With the cookies of one browser, and headers that it always sends. With `tls` over HTTPS."""

    port: int
    tls: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)
    patience: float = 20
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, body: bytes | None = None, kind: str = FORM) -> Response:
        """Raises OSError or HTTPException when nothing comes, or something that is no answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
        if self.tls:
            line = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=self.patience, context=self.tls
            )
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} | self.headers
        try:
            line.request(
                "GET" if body is None else "POST", path, body, headers | _content_type(body, kind)
            )
            response = line.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Response(response.status, response.read().decode(), response.headers)
        finally:
            line.close()

    def fields(self, path: str) -> dict[str, str]:
        """The hidden fields of a page's form."""
        hidden = r'name="(csrf_token|form_key)"[^>]*value="([^"]*)"'
        return dict(re.findall(hidden, self.ask(path).page))

    def sign_in(self, email: str, password: str) -> Response:
        form = self.fields("/sign-in") | {"email": email, "password": password}
        return self.ask("/sign-in", urlencode(form).encode())

    def follow(self, path: str) -> str:
        """The path at which one ends up."""
        answer = self.ask(path)
        while answer.status in (302, 303):
            path = answer.headers["Location"]
            answer = self.ask(path)
        return path


def _content_type(body: bytes | None, kind: str) -> dict[str, str]:
    return {} if body is None else {"Content-Type": kind}
