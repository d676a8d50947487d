"""Mails in tests: deliver them to the mailbox folder, and read their text and links."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import timedelta
from email.message import EmailMessage

from sqlalchemy import ColumnElement, select

from portal import config, db
from portal.domain.jobs import Job, State
from portal.domain.mail_deliveries import MailDelivery
from tests.support.jobs import run_mails

LONG = timedelta(days=5000)


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
    """Deliver the mails to this address that are due; all mails to it, oldest first. Mails to
    others wait meanwhile: those of the cast take longer than most tests."""
    db.write(lambda: _postpone(LONG, MailDelivery.recipient != address))
    try:
        return [mail for mail in deliver_mails() if mail["To"] == address]
    finally:
        db.write(lambda: _postpone(-LONG, MailDelivery.recipient != address))


def _postpone(by: timedelta, which: ColumnElement[bool]) -> None:
    is_waiting = Job.state == State.WAITING, Job.subject_id == MailDelivery.id, which
    for job in db.session.scalars(select(Job).where(*is_waiting)):
        job.run_at += by


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
