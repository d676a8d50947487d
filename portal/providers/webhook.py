"""The kind `webhook`: the operator's own program carries the orders out.

Every request has a JSON body and is signed (see `webhook_signatures`). An order is a PUT of
`{type, id, …}` to the connection's address; a question is a POST there, one about an operation to
`…/last_operation`. The same order with the same body has the same `webhook-id`.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from portal import webhook_signatures as signatures
from portal.providers import webhook_answers as answers
from portal.providers.contract import (
    CALL_SECONDS,
    Access,
    Cloud,
    Done,
    Found,
    Later,
    Member,
    NeedsPerson,
    Preflight,
    Role,
    Running,
    Usage,
)
from portal.providers.http_client import Answer, HttpClient

MAX_ROWS = 100_000
"""Of a list."""


@dataclass(frozen=True)
class Webhook:
    """A connection to a program of the operator; a Provider."""

    url: str
    secret: str = field(repr=False)
    http: HttpClient
    seconds: float = CALL_SECONDS

    def preflight(self) -> Preflight:
        answer = self._send("POST", "", _new_id(), {"type": "preflight"})
        return answers.preflight(answers.read("preflight", answer))

    def ensure_cloud(self, order: str, cloud: Cloud) -> Done | Running:
        return self._change("cloud.ensure", order, **_cloud(cloud))

    def change_cloud(self, order: str, external_id: str, cloud: Cloud) -> Done | Running:
        return self._change("cloud.change", order, external_id=external_id, **_cloud(cloud))

    def suspend(self, order: str, external_id: str) -> Done | Running:
        return self._change("cloud.suspend", order, external_id=external_id)

    def resume(self, order: str, external_id: str) -> Done | Running:
        return self._change("cloud.resume", order, external_id=external_id)

    def close(self, order: str, external_id: str) -> Done | Running:
        return self._change("cloud.close", order, external_id=external_id)

    def grant(self, order: str, external_id: str, member: Member, role: Role) -> Done | Running:
        return self._change(
            "member.grant", order, external_id=external_id, member=asdict(member), role=role
        )

    def revoke(
        self, order: str, external_id: str, member: Member, *, stop: bool = False
    ) -> Done | Running:
        return self._change(
            "member.revoke", order, external_id=external_id, member=asdict(member), stop=stop
        )

    def access(
        self,
        order: str,
        external_id: str,
        member: Member,
        *,
        access_id: str,
        secret: str,
        until: datetime,
    ) -> Access | Running:
        answer = self._order(
            answers.ACCESS,
            order,
            external_id=external_id,
            member=asdict(member),
            access_id=access_id,
            secret=secret,
            until=until.isoformat(),
        )
        return answers.access(answer)

    def withdraw(
        self, order: str, external_id: str, member: Member, *, access_id: str
    ) -> Done | Running:
        return self._change(
            "access.withdraw",
            order,
            external_id=external_id,
            member=asdict(member),
            access_id=access_id,
        )

    def operation(self, order: str, operation: str) -> Done | Access | Running:
        kind, _, name = operation.partition(":")
        body = {"type": "operation.get", "id": order, "of": kind, "operation": name}
        answer = self._send("POST", "/last_operation", _new_id(), body)
        return answers.access(answer) if kind == answers.ACCESS else answers.change(kind, answer)

    def find(self, external_id: str) -> Found | None:
        body = {"type": "cloud.find", "external_id": external_id}
        answer = self._send("POST", "", _new_id(), body)
        if answer.status == 410:
            return None
        found = answers.found(answers.read("cloud.find", answer))
        if found.external_id != external_id:
            raise NeedsPerson("webhook-answer-unclear", type="cloud.find")
        return found

    def is_empty(self, external_id: str) -> bool | None:
        """None from a program that does not know the question."""
        body = {"type": "cloud.is_empty", "external_id": external_id}
        return answers.is_empty(self._send("POST", "", _new_id(), body))

    def name_there(self, cloud: Cloud) -> str:
        return cloud.name

    def role_there(self, role: Role) -> Role | None:
        """A program may list roles of its own."""
        return None

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        """Others than memberships are listed by `provider/subject`, the provider percent-encoded:
        two providers may have the same subject."""
        found = self.find(external_id)
        if found is None or found.members is None:
            return None
        provider, subject = identity
        return found.members.get(f"{quote(provider, safe='')}/{subject}")

    def everything(self) -> Iterator[Found]:
        return map(answers.found, self._list("cloud.list"))

    def usage(self, external_ids: Collection[str], day: date) -> Iterator[Usage]:
        rows = self._list("usage.list", external_ids=sorted(external_ids), day=day.isoformat())
        lines = map(answers.usage, rows)
        return (line for line in lines if line.external_id in external_ids)

    def _list(self, kind: str, **facts: object) -> Iterator[dict[str, Any]]:
        """The rows of all pages, which are one call: the time of who asks does not count. Raises
        NeedsPerson if a page leads back to an earlier one, or there are more than MAX_ROWS."""
        after, seen, count, left = "", set[str](), 0, self.seconds
        while after not in seen and count <= MAX_ROWS:
            if left <= 0:
                raise Later(f"{kind}: the list did not end within {self.seconds:g} s")
            seen.add(after)
            body, began = {"type": kind, **facts, "after": after}, time.monotonic()
            answer = self._send("POST", "", _new_id(), body, seconds=left)
            left -= time.monotonic() - began
            rows, after = answers.rows(kind, answers.read(kind, answer))
            yield from rows
            if not after:
                return
            count += len(rows)
        raise NeedsPerson("webhook-answer-unclear", type=kind)

    def _change(self, kind: str, order: str, **facts: object) -> Done | Running:
        return answers.change(kind, self._order(kind, order, **facts))

    def _order(self, kind: str, order: str, **facts: object) -> Answer:
        """What was agreed may change between two tries of an order: another body is another
        message, and the same one has the same ID."""
        body = {"type": kind, "id": order, **facts}
        digest = hashlib.sha256(_json(body)).hexdigest()[:16]
        return self._send("PUT", "", f"{order}-{digest}", body)

    def _send(
        self,
        method: str,
        path: str,
        webhook_id: str,
        body: Mapping[str, object],
        *,
        seconds: float | None = None,
    ) -> Answer:
        content, seconds = _json(body), self.seconds if seconds is None else seconds
        try:
            signed = signatures.sign(self.secret, webhook_id, content, at=datetime.now(UTC))
        except ValueError:
            raise NeedsPerson("webhook-secret-wrong") from None
        headers = {"Content-Type": "application/json", "Accept": "application/json", **signed}
        address, mark, query = self.url.partition("?")
        url = address.rstrip("/") + path + mark + query
        return self.http.request(method, url, headers=headers, body=content, seconds=seconds)


def _cloud(cloud: Cloud) -> dict[str, object]:
    return {"our_id": cloud.id, "name": cloud.name, "limits": dict(cloud.limits)}


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _new_id() -> str:
    return uuid.uuid4().hex
