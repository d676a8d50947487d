"""A visitor: an HTTP client with cookies that opens a new connection for each request."""

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
    text: str
    headers: http.client.HTTPMessage


@dataclass
class Visitor:
    """A client with cookies and with headers for every request; over HTTPS if `tls` is given.

    `timeout` is in seconds."""

    port: int
    tls: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)
    timeout: float = 20
    cookies: dict[str, str] = field(default_factory=dict)

    def request(self, path: str, body: bytes | None = None, content_type: str = FORM) -> Response:
        """The response to a GET, or to a POST if there is a body.

        Raises OSError or HTTPException if there is no valid response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        if self.tls:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=self.timeout, context=self.tls
            )
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} | self.headers
        if body is not None:
            headers |= {"Content-Type": content_type}
        try:
            connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Response(response.status, response.read().decode(), response.headers)
        finally:
            connection.close()

    def hidden_fields(self, path: str) -> dict[str, str]:
        """The hidden fields of a page's form."""
        pattern = r'name="(csrf_token|form_key)"[^>]*value="([^"]*)"'
        return dict(re.findall(pattern, self.request(path).text))

    def sign_in(self, email: str, password: str) -> Response:
        form = self.hidden_fields("/sign-in") | {"email": email, "password": password}
        return self.request("/sign-in", urlencode(form).encode())

    def follow(self, path: str) -> str:
        """The path at the end of the redirects."""
        response = self.request(path)
        while response.status in (302, 303):
            path = response.headers["Location"]
            response = self.request(path)
        return path
