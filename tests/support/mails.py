"""Mails as people get them: the worker's files, and the links in them."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

from portal import config, worker


def arrived() -> list[EmailMessage]:
    """All mails so far, oldest first, after the worker has handed over what was due."""
    while worker.deliver_next():
        pass
    folder = config.mailbox_dir(config.current())
    assert folder is not None
    return [_read(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]


def _read(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def letters_to(address: str) -> list[EmailMessage]:
    """The mails to this address, oldest first."""
    return [letter for letter in arrived() if letter["To"] == address]


def text_of(letter: EmailMessage) -> str:
    """The plain text of a mail."""
    body = letter.get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return content


def link_in(letter: EmailMessage) -> str:
    """The path of the first link that the text names."""
    found = re.search(r"http://localhost(/\S+)", text_of(letter))
    assert found is not None, text_of(letter)
    return found[1]
