"""The mailbox of a local run: mails that became files because no relay is configured."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from flask import Blueprint, abort, request

from portal import config, web

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
SHOWN = 100
PASSED_ON = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


class StoredMail(NamedTuple):
    id: str
    subject: str
    to: str
    date: Any
    text: str
    links: list[str]


def only_this_machine() -> None:
    """Nobody from another machine sees it, nor whom a proxy on this machine lets in."""
    is_passed_on = any(name in request.headers for name in PASSED_ON)
    if is_passed_on or request.remote_addr not in ("127.0.0.1", "::1"):
        abort(404)


web.gate(blueprint, only_this_machine)


@blueprint.get("")
def index() -> Any:
    """The newest mails."""
    files = sorted(_folder().glob("out*.eml"), reverse=True)[:SHOWN]
    return web.page("mailbox/index.html", letters=[_read(file) for file in files])


@blueprint.get("/<id:letter_id>")
def show(letter_id: str) -> Any:
    """One mail, as text, with its links to follow."""
    file = _folder() / f"{letter_id}.eml"
    if not file.is_file():
        abort(404)
    return web.page("mailbox/show.html", letter=_read(file))


def _folder() -> Path:
    folder = config.mailbox_dir(config.current())
    if folder is None:
        abort(404)
    return folder


def _read(file: Path) -> StoredMail:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what that policy makes
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    links = [word for word in text.split() if word.startswith(("http://", "https://"))]
    subject, to = (str(message[name]).strip() for name in ("Subject", "To"))  # may be folded
    return StoredMail(file.stem, subject, to, message["Date"].datetime, text, links)
