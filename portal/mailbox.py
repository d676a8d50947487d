"""The mailbox of a local run: mails written to files because no relay is configured."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from flask import Blueprint, abort

from portal import config, web

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
PAGE = 100


class StoredMail(NamedTuple):
    id: str
    subject: str
    to: str
    date: Any
    text: str
    links: list[str]


web.gate(blueprint, web.require_local_request)


@blueprint.get("")
def index() -> Any:
    """List the newest mails."""
    files = sorted(_folder().glob("out*.eml"), reverse=True)[:PAGE]
    return web.page("mailbox/index.html", mails=[_read(file) for file in files])


@blueprint.get("/<id:letter_id>")
def show(letter_id: str) -> Any:
    """Show a mail as text, with its links."""
    file = _folder() / f"{letter_id}.eml"
    if not file.is_file():
        abort(404)
    return web.page("mailbox/show.html", mail=_read(file))


def _folder() -> Path:
    folder = config.mailbox_dir(config.current())
    if folder is None:
        abort(404)
    return folder


def _read(file: Path) -> StoredMail:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - by the policy
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    links = [word for word in text.split() if word.startswith(("http://", "https://"))]
    subject, to = (str(message[name]).strip() for name in ("Subject", "To"))  # may be folded
    return StoredMail(file.stem, subject, to, message["Date"].datetime, text, links)
