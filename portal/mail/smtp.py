"""Hands the message of an outbox entry to the relay, once.

The hand-over is split at the final dot: without it there is no message (RFC 5321, 4.1.1.4), so up
to there a failure proves that nothing left. `mark` is asked at that point; if it says no, the
connection is dropped. Flask-Mail builds the message; its `send()` writes body and dot in one call
and takes any certificate, so the conversation with the relay is ours.
"""

from __future__ import annotations

import select
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flask_mail import Message

from portal import config
from portal.domain.outbox import REPLY_WAIT, OutboxEntry
from portal.mail.message import message_bytes, render

CONNECT_TIMEOUT = 30
"""Seconds for each step before the final dot."""


class NotHandedOver(Exception):
    """Provably nothing left; trying again later can't send it twice."""


class RefusedByRelay(Exception):
    """The relay said no for good."""


class MalformedRecipient(RefusedByRelay):
    """No SMTP command can name this address; a line break in it would begin another command."""


class OutcomeUnknown(Exception):
    """The final dot was sent and no reply came: nobody can know."""


class ClaimLost(Exception):
    """The entry is no longer ours; the connection was dropped before the final dot."""


def hand_over(entry: OutboxEntry, mark: Callable[[], bool]) -> str:
    """Give the entry's message to the relay, or to the mailbox folder where there is no relay.

    Returns the relay's words. Raises NotHandedOver, RefusedByRelay, OutcomeUnknown, TakenAway.
    """
    if "\r" in entry.recipient or "\n" in entry.recipient:
        raise MalformedRecipient("the address contains a line break")
    message = render(entry)
    folder = config.mailbox_dir(config.current())
    if folder is not None:
        return _keep_as_file(message, entry, folder, mark)
    if not config.current().mail_server:
        raise NotHandedOver("MAIL_SERVER is not set")
    try:
        smtp = _connect()
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
        raise NotHandedOver(_words(error)) from error
    try:
        return _transmit(smtp, message, mark)
    finally:
        smtp.close()


def _keep_as_file(
    message: Message, entry: OutboxEntry, folder: Path, mark: Callable[[], bool]
) -> str:
    """As with a relay: the text, then the mark, then the name that makes it a mail."""
    text = folder / f"{entry.claim}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text.write_bytes(message_bytes(message))
    except OSError as error:
        raise NotHandedOver(_words(error)) from error
    if not mark():
        text.unlink()
        raise ClaimLost
    text.rename(folder / f"{entry.id}.eml")
    return "kept as a file: no mail server is configured"


def _connect() -> smtplib.SMTP:
    settings = config.current()
    host, port = settings.mail_server, settings.mail_port
    trust = ssl.create_default_context()
    if settings.mail_ca_file:
        trust.load_verify_locations(settings.mail_ca_file)
    if settings.mail_security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=CONNECT_TIMEOUT, context=trust)
    else:
        smtp = smtplib.SMTP(host, port, timeout=CONNECT_TIMEOUT)
    try:
        if settings.mail_security == "starttls":
            smtp.starttls(context=trust)
        if settings.mail_username:
            smtp.login(settings.mail_username, settings.mail_password)
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _transmit(smtp: smtplib.SMTP, message: Message, mark: Callable[[], bool]) -> str:
    sender = config.current().mail_default_sender
    try:
        _expect(2, smtp.mail(sender))
        _expect(2, smtp.rcpt(str(message.recipients[0])))
        _expect(3, smtp.docmd("DATA"))
        smtp.send(_quoted(message_bytes(message)))
        if not mark():
            raise ClaimLost
        if _has_spoken(smtp):
            _expect(0, smtp.getreply())  # whatever it says, it took nothing
    except (OSError, smtplib.SMTPException) as error:
        raise NotHandedOver(_words(error)) from error
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(REPLY_WAIT.total_seconds())
        smtp.send(b".\r\n")
        reply = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise OutcomeUnknown(_words(error)) from error
    if reply[0] // 100 not in (2, 4, 5):
        raise OutcomeUnknown(_said(reply))
    _expect(2, reply)
    _say_goodbye(smtp)
    return _said(reply)


def _has_spoken(smtp: smtplib.SMTP) -> bool:
    """Whether the relay said something out of turn, before the final dot, or hung up."""
    return smtp.sock is not None and bool(select.select([smtp.sock], [], [], 0)[0])


def _say_goodbye(smtp: smtplib.SMTP) -> None:
    """The mail is accepted; whatever happens to QUIT changes nothing."""
    with suppress(OSError, smtplib.SMTPException):
        if smtp.sock is not None:
            smtp.sock.settimeout(5)
        smtp.quit()


def _expect(kind: int, reply: tuple[int, bytes]) -> None:
    """The first digit says it all (RFC 5321, 4.2.1): 5 means never, whatever else is not `kind`
    means not now, nothing was taken."""
    if reply[0] // 100 != kind:
        raise (RefusedByRelay if reply[0] // 100 == 5 else NotHandedOver)(_said(reply))


def _quoted(message: bytes) -> bytes:
    """Lines end in CR LF; a line that begins with a dot gets another (RFC 5321, 4.5.2)."""
    lines = message.splitlines()
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)


def _said(reply: tuple[int, bytes]) -> str:
    code = f"{reply[0]} " if reply[0] > 0 else ""
    return _clean(code + reply[1].decode("utf-8", "replace"))


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        error_text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return _clean(f"{error.smtp_code} {error_text}")
    return _clean(f"{type(error).__name__}: {error}")


def _clean(words: str) -> str:
    """A line that can be stored: PostgreSQL takes no NUL, and the outcome must not be lost."""
    return "".join(c if c.isprintable() else " " for c in words)[:500]
