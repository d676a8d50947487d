"""Requests to LXD: its envelope, changes by ETag, operations, errors in the contract's terms.

Source: https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from portal.providers.contract import Later, NeedsPerson, Never
from portal.providers.http_client import HttpClient

Row = dict[str, Any]
CHANGE_TRIES = 3
SOON = timedelta(seconds=5)
"""When to ask again if LXD has answered, and what it knows changed meanwhile."""


@dataclass(frozen=True)
class Settings:
    """A connection to one server or cluster. Its client certificate is trusted and unrestricted."""

    url: str
    """`https://lxd.example:8443`. People get it with their access."""
    pool: str = "default"
    """The storage pool of new instances, unless their owner says otherwise."""
    network: str = ""
    """The managed network of new instances. Empty: clouds have no network of the server."""


class Answer(NamedTuple):
    """The answer to an allowed request. `data` is LXD's `metadata`."""

    status: int
    etag: str
    data: Any
    said: str

    @property
    def row(self) -> Row:
        """The object of the answer. Raises NeedsPerson."""
        if isinstance(self.data, dict):
            return self.data
        raise NeedsPerson("lxd-not-lxd", said="no object in the answer")


class Operation(NamedTuple):
    """What goes on in the background; `subject` is whom it concerns."""

    path: str
    subject: str


class Session:
    """The requests of one call of the contract; ends after `seconds`."""

    def __init__(self, http: HttpClient, settings: Settings, order: str, seconds: float) -> None:
        self.http, self.settings = http, settings
        self.base = settings.url.rstrip("/")
        self.agent = f"portal ({order})"
        self.seconds, self.ends = seconds, time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Raises Later if there are none."""
        seconds = self.ends - time.monotonic()
        if seconds <= 0:
            raise Later("LXD is too slow.")
        return seconds

    def call(
        self,
        method: str,
        path: str,
        body: Row | None = None,
        *,
        etag: str = "",
        allow: Collection[int] = (),
    ) -> Answer:
        """Send a request. An error that is not in `allow` is raised."""
        headers = {"Accept": "application/json", "User-Agent": self.agent}
        if etag:
            headers["If-Match"] = etag
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = b"" if body is None else json.dumps(body).encode()
        url = f"{self.base}/1.0{path}"
        received = self.http.request(
            method, url, headers=headers, body=content, seconds=self.seconds_left
        )
        data = _envelope(received.body)
        said = str(data.get("error") or f"HTTP {received.status}")[:500]
        if received.status in allow or (200 <= received.status < 300 and data):
            etag = received.headers.get("ETag", "")
            return Answer(received.status, etag, data.get("metadata"), said)
        request = f"{method} {path.partition('?')[0]}"
        raise _error(request, received.status if data else 0, said, received.retry_after)

    def rows(self, path: str, *, key: str = "name") -> list[Row]:
        """All rows of a list; LXD's have no pages. It ignores parameters that it does not know:
        check each row."""
        mark = "&" if "?" in path else "?"
        rows = self.call("GET", f"{path}{mark}recursion=1").data
        # An empty list of Go is null.
        if rows is None or (isinstance(rows, list) and all(_has(row, key) for row in rows)):
            return rows or []
        raise NeedsPerson("lxd-not-lxd", said=f"no list at {path}")

    def change(self, path: str, edit: Callable[[Row], None], *, allow: Collection[int] = ()) -> str:
        """Change a row, read again if somebody changes it meanwhile. Return what LXD says if its
        answer is one of `allow`."""
        for _ in range(CHANGE_TRIES):
            answer = self.call("GET", path)
            row = copy.deepcopy(answer.row)
            edit(row)
            if row == answer.row:
                return ""
            done = self.call("PUT", path, row, etag=answer.etag, allow=(412, *allow))
            if done.status != 412:
                return done.said if done.status in allow else ""
        raise Later(f"{path} changes all the time.", SOON)

    def begin(self, method: str, path: str, body: Row, subject: str) -> Operation:
        """Begin an operation."""
        operation = self.call(method, path, body).row.get("id")
        if not isinstance(operation, str):
            raise NeedsPerson("lxd-not-lxd", said="no operation in the answer")
        return Operation(f"/operations/{segment(operation)}", subject)

    def wait(self, operation: Operation) -> str:
        """Wait for the end of the operation; return what went wrong, or nothing. Its failure is an
        answer with status 200. Raises Later if it does not end in time."""
        seconds = max(int(self.seconds_left) - 1, 1)
        # One that has ended is forgotten after some seconds.
        answer = self.call("GET", f"{operation.path}/wait?timeout={seconds}", allow=(404,))
        if answer.status == 404:
            return ""
        if answer.row.get("status_code", 0) < 200:
            raise Later(f"{operation.subject}: it is not done after {seconds} s.", SOON)
        return str(answer.row.get("err", ""))[:500]


def _error(request: str, status: int, said: str, wait: timedelta | None) -> Exception:
    """The error that an answer means; its status is 0 if it is none of LXD's."""
    if status == 0:
        return NeedsPerson("lxd-not-lxd", said=said)
    if status in (401, 403):
        return NeedsPerson("lxd-right-missing", request=request, said=said)
    if status in (404, 409, 412):  # it went away, or came, since it was looked up
        return Later(said, SOON)
    if status == 429 or (status >= 500 and status != 501):
        return Later(said, wait)
    return Never(said)


def _has(row: object, key: str) -> bool:
    return isinstance(row, dict) and isinstance(row.get(key), str)


def _envelope(text: bytes) -> Row:
    """The object around each of LXD's answers, or nothing."""
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    is_envelope = isinstance(data, dict) and data.get("type") in ("sync", "async", "error")
    return data if is_envelope else {}


def segment(text: str) -> str:
    """An ID as one segment of a path."""
    return quote(text, safe="")
