"""What the answers of a webhook program mean; every value of them is checked.

Raises Later, NeedsPerson and Never as the contract says. Status codes are those of the Open Service
Broker API, where it has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from portal.providers.contract import (
    Ability,
    Access,
    Done,
    Found,
    How,
    Later,
    NeedsPerson,
    Never,
    Preflight,
    Role,
    Running,
    Usage,
)
from portal.providers.http_client import Answer

TAKING = frozenset({"cloud.suspend", "cloud.close", "member.revoke", "access.withdraw"})
"""Orders that take away: if the cloud is gone they are done."""
ACCESS = "access.create"
MAX_TEXT = 255
MAX_NUMBER = 10**15
MAX_LEFT = 50
"""Things that go on, of those a program names."""
MAX_TOKEN_CACHE = timedelta(days=1)
YEARS = range(2000, 9000)
"""Of instants; at the ends of the calendar there is no local time."""
UNCLEAR = (KeyError, TypeError, ValueError, RecursionError)
LATER = {408, 422, 425, 429}
"""Busy with the same cloud (422), or asked too soon; beside 5xx."""
SETTINGS = {
    401: "webhook-signature-refused",
    403: "webhook-signature-refused",
    404: "webhook-url-wrong",
    405: "webhook-url-wrong",
    409: "webhook-conflict",
    410: "webhook-gone",
}
"""Codes of what an operator has to look at."""


def change(kind: str, answer: Answer) -> Done | Running:
    """What has become of an order of this type."""
    if answer.status == 410 and kind in TAKING:
        return Done()
    if answer.status == 202:
        return _running(kind, answer)
    facts = read(kind, answer)
    with _clear(kind):
        ends_by = facts.get("ends_by")
        return Done(
            _id(facts.get("external_id", ""), may_be_empty=kind != "cloud.ensure"),
            None if ends_by is None else _instant(ends_by),
            tuple(_shown(one) for one in facts.get("left", [])[:MAX_LEFT]),
        )


def access(answer: Answer) -> Access | Running:
    """What has become of an order of an access."""
    if answer.status == 202:
        return _running(ACCESS, answer)
    facts = read(ACCESS, answer)
    with _clear(ACCESS):
        text, expires = facts["text"], facts.get("expires")
        if not isinstance(text, str) or not text:
            raise ValueError("text")
        text.encode()  # half a character can't be shown
        return Access(How(facts["how"]), text, None if expires is None else _instant(expires))


def _running(kind: str, answer: Answer) -> Running:
    """Its type is part of the operation's name: it says what the answer to `operation` means."""
    with _clear(kind):
        name = _id(_object(answer.body).get("operation", ""), may_be_empty=True)
    return Running(f"{kind}:{name}", answer.retry_after or timedelta(seconds=5))


def read(kind: str, answer: Answer) -> dict[str, Any]:
    """The object in a good answer. Raises what the contract says for any other."""
    status = answer.status
    if status in (200, 201, 204):
        with _clear(kind):
            return _object(answer.body)
    # What is said about an access may have its secret in it.
    said = "" if kind == ACCESS else _said(answer)
    if status in LATER or (status >= 500 and status != 501):
        raise Later(f"HTTP {status} {said}".strip(), answer.retry_after)
    if 300 <= status < 400:
        raise NeedsPerson("webhook-redirects")
    if status in SETTINGS:
        raise NeedsPerson(SETTINGS[status], said=said)
    raise Never(f"HTTP {status} {said}".strip())


def preflight(facts: dict[str, Any]) -> Preflight:
    """What the program can do; abilities that we don't know are passed over."""
    with _clear("preflight"):
        token_cache = timedelta(seconds=int(facts.get("token_cache", 0)))
        if not timedelta() <= token_cache <= MAX_TOKEN_CACHE:
            raise ValueError("token_cache")
        return Preflight(
            frozenset(Ability) & frozenset(facts["abilities"]),
            tuple(_shown(one) for one in facts.get("missing", [])),
            token_cache,
        )


def found(row: dict[str, Any]) -> Found:
    """A cloud in an answer."""
    with _clear("cloud.list"):
        members = row.get("members")
        return Found(
            _id(row["external_id"]),
            _shown(row["name"]),
            _id(row.get("our_id") or "", may_be_empty=True),
            row.get("is_suspended", False) is True,
            None if members is None else {_id(one): Role(role) for one, role in members.items()},
        )


def is_empty(answer: Answer) -> bool | None:
    """Whether the cloud is empty: one that is gone is. None if the program does not say it."""
    if answer.status in (400, 404, 405, 501):
        return None
    if answer.status == 410:
        return True
    kind = "cloud.is_empty"
    facts = read(kind, answer)
    with _clear(kind):
        value = facts["is_empty"]
        if value is not None and not isinstance(value, bool):
            raise TypeError("no truth value")
        return value


def usage(row: dict[str, Any]) -> Usage:
    """A line of usage in an answer."""
    with _clear("usage.list"):
        cost = row.get("cost")
        return Usage(
            _id(row["external_id"]),
            _id(row["resource_id"]),
            _shown(row["kind"]),
            _number(row["quantity"]),
            _shown(row["unit"]),
            None if cost is None else _number(cost),
        )


def rows(kind: str, facts: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The rows of a page, and where the next one begins; "" after the last."""
    with _clear(kind):
        if not all(isinstance(row, dict) for row in facts["rows"]):
            raise ValueError("rows")
        return list(facts["rows"]), _id(facts.get("next") or "", may_be_empty=True)


@contextmanager
def _clear(kind: str) -> Iterator[None]:
    """What is missing or of another type in an answer needs a person: it would come again."""
    try:
        yield
    except (*UNCLEAR, AttributeError, ArithmeticError) as error:
        raise NeedsPerson("webhook-answer-unclear", type=kind) from error


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body or b"{}", parse_float=Decimal)
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _id(value: Any, *, may_be_empty: bool = False) -> str:
    """An ID as it came: short, printable, no blank at its ends."""
    if not isinstance(value, str) or not (value or may_be_empty):
        raise TypeError("no ID")
    if len(value) > MAX_TEXT or not value.isprintable() or value != value.strip():
        raise ValueError("no ID")
    return value


def _shown(value: Any) -> str:
    """A text for people: one short line."""
    if not isinstance(value, str):
        raise TypeError("no text")
    return "".join(c if c.isprintable() else " " for c in value[:MAX_TEXT]).strip()


def _instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None or instant.year not in YEARS:
        raise ValueError("no instant")
    return instant.astimezone(UTC)


def _number(value: Any) -> Decimal:
    """A number; as a string it keeps its digits in any program."""
    if isinstance(value, bool):
        raise TypeError("no number")
    number = Decimal(value)
    if not 0 <= number < MAX_NUMBER:
        raise ValueError("no number")
    return number


def _said(answer: Answer) -> str:
    try:
        return _shown(_object(answer.body)["description"])
    except UNCLEAR:
        return ""
