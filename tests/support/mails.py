"""Mails as people get them: the worker's files, and the links in them."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

from portal import config, worker


def deliver_mails() -> list[EmailMessage]:
    """All mails so far, oldest first, after the worker has handed over what was due."""
    while worker.deliver_next():
        pass
    folder = config.mailbox_dir(config.current())
    assert folder is not None
    return [_parse(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]


def _parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def mails_to(address: str) -> list[EmailMessage]:
    """The mails to this address, oldest first."""
    return [letter for letter in deliver_mails() if letter["To"] == address]


def plain_text(letter: EmailMessage) -> str:
    """The plain text of a mail."""
    body = letter.get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return content


def link_in(letter: EmailMessage) -> str:
    """The path of the first link that the text names."""
    found = re.search(r"http://localhost(/\S+)", plain_text(letter))
    assert found is not None, plain_text(letter)
    return found[1]
