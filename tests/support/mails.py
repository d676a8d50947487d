"""Mails in tests: deliver them to the mailbox folder, and read their text and links."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

from portal import config
from tests.support.jobs import run_mails


def deliver_mails() -> list[EmailMessage]:
    """Deliver the mails that are due; all mails so far, oldest first."""
    run_mails()
    folder = config.mailbox_dir(config.current())
    assert folder is not None
    return [_parse(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]


def _parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def mails_to(address: str) -> list[EmailMessage]:
    """Deliver the mails that are due; all mails to this address, oldest first."""
    return [mail for mail in deliver_mails() if mail["To"] == address]


def plain_text(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return content


def link_in(mail: EmailMessage) -> str:
    """The path of the first link in the plain text."""
    match = re.search(r"http://localhost(/\S+)", plain_text(mail))
    assert match is not None, plain_text(mail)
    return match[1]
