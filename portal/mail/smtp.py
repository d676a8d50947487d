"""Hand over the message of an outbox entry to the relay, at most once.

The transmission is split at the final dot. A relay accepts no message without it (RFC 5321,
4.1.1.4), so a failure before the dot proves that nothing was sent. `mark_transmitting` is called
just before the dot; if it returns False, the connection is dropped. `Mail.send()` of Flask-Mail
writes body and dot in one call and accepts any certificate, so only `smtplib` is used here.
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
from portal.domain.mail_deliveries import REPLY_WAIT, MailDelivery
from portal.mail.message import message_bytes, render

CONNECT_TIMEOUT = 30
"""Seconds for each step before the final dot."""


class NotHandedOver(Exception):
    """Nothing was sent, so that a later attempt can't send the mail twice."""


class RefusedByRelay(Exception):
    """The relay refused the mail permanently."""


class MalformedRecipient(RefusedByRelay):
    """The address has a line break, which would begin another SMTP command."""


class OutcomeUnknown(Exception):
    """The final dot was sent, but there was no valid reply: the mail may have been accepted."""


class ClaimLost(Exception):
    """The claim on the entry has ended; the connection was dropped before the final dot."""


def hand_over(entry: MailDelivery, mark_transmitting: Callable[[], bool]) -> str:
    """Hand over the entry's message to the relay, or write it to the mailbox if there is no relay.

    Returns the relay's reply. Raises NotHandedOver, RefusedByRelay, OutcomeUnknown, ClaimLost.
    """
    if "\r" in entry.recipient or "\n" in entry.recipient:
        raise MalformedRecipient("the address contains a line break")
    message = render(entry)
    folder = config.mailbox_dir(config.current())
    if folder is not None:
        return _write_to_mailbox(message, entry, folder, mark_transmitting)
    if not config.current().mail_server:
        raise NotHandedOver("MAIL_SERVER is not set")
    try:
        smtp = _connect()
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
        raise NotHandedOver(_error_text(error)) from error
    try:
        return _transmit(smtp, message, mark_transmitting)
    finally:
        smtp.close()


def _write_to_mailbox(
    message: Message, entry: MailDelivery, folder: Path, mark_transmitting: Callable[[], bool]
) -> str:
    """In the order of a transmission: write the file, mark the entry, then rename the file so that
    it counts as a mail."""
    partial = folder / f"{entry.token}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(message_bytes(message))
    except OSError as error:
        raise NotHandedOver(_error_text(error)) from error
    if not mark_transmitting():
        partial.unlink()
        raise ClaimLost
    partial.rename(folder / f"{entry.id}.eml")
    return "kept as a file: no mail server is configured"


def _connect() -> smtplib.SMTP:
    settings = config.current()
    host, port = settings.mail_server, settings.mail_port
    tls_context = ssl.create_default_context()
    if settings.mail_ca_file:
        tls_context.load_verify_locations(settings.mail_ca_file)
    if settings.mail_security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, timeout=CONNECT_TIMEOUT, context=tls_context
        )
    else:
        smtp = smtplib.SMTP(host, port, timeout=CONNECT_TIMEOUT)
    try:
        if settings.mail_security == "starttls":
            smtp.starttls(context=tls_context)
        if settings.mail_username:
            smtp.login(settings.mail_username, settings.mail_password)
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _transmit(smtp: smtplib.SMTP, message: Message, mark_transmitting: Callable[[], bool]) -> str:
    sender = config.current().mail_default_sender
    try:
        _expect(2, smtp.mail(sender))
        _expect(2, smtp.rcpt(str(message.recipients[0])))
        _expect(3, smtp.docmd("DATA"))
        smtp.send(_dot_stuff(message_bytes(message)))
        if not mark_transmitting():
            raise ClaimLost
        if _has_early_reply(smtp):
            _expect(0, smtp.getreply())  # raises, since no reply is valid here
    except (OSError, smtplib.SMTPException) as error:
        raise NotHandedOver(_error_text(error)) from error
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(REPLY_WAIT.total_seconds())
        smtp.send(b".\r\n")
        reply = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise OutcomeUnknown(_error_text(error)) from error
    if reply[0] // 100 not in (2, 4, 5):
        raise OutcomeUnknown(_reply_text(reply))
    _expect(2, reply)
    _quit(smtp)
    return _reply_text(reply)


def _has_early_reply(smtp: smtplib.SMTP) -> bool:
    """Whether the relay replied before the final dot, or closed the connection."""
    return smtp.sock is not None and bool(select.select([smtp.sock], [], [], 0)[0])


def _quit(smtp: smtplib.SMTP) -> None:
    """Send QUIT and ignore failures: the mail is already accepted."""
    with suppress(OSError, smtplib.SMTPException):
        if smtp.sock is not None:
            smtp.sock.settimeout(5)
        smtp.quit()


def _expect(first_digit: int, reply: tuple[int, bytes]) -> None:
    """Check the first digit of the reply code (RFC 5321, 4.2.1). Raises RefusedByRelay for 5, and
    NotHandedOver for any other digit but the expected one."""
    if reply[0] // 100 != first_digit:
        raise (RefusedByRelay if reply[0] // 100 == 5 else NotHandedOver)(_reply_text(reply))


def _dot_stuff(message: bytes) -> bytes:
    """The message with CR LF line ends, and a second dot where a line begins with one (RFC 5321,
    4.5.2)."""
    lines = message.splitlines()
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)


def _reply_text(reply: tuple[int, bytes]) -> str:
    code = f"{reply[0]} " if reply[0] > 0 else ""
    return _sanitize(code + reply[1].decode("utf-8", "replace"))


def _error_text(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        return _sanitize(f"{error.smtp_code} {text}")
    return _sanitize(f"{type(error).__name__}: {error}")


def _sanitize(text: str) -> str:
    """The text in printable characters, at most 500. PostgreSQL stores no NUL."""
    return "".join(c if c.isprintable() else " " for c in text)[:500]
