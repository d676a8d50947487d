"""Hand over the message of a delivery to the relay, at most once.

The transmission is split at the final dot. A relay accepts no message without it (RFC 5321,
4.1.1.4), so a failure before the dot proves that nothing was sent. `mark_transmitting` is called
just before the dot; if it returns False, the connection is dropped. `Mail.send()` of Flask-Mail
writes body and dot in one call and accepts any certificate, so only `smtplib` is used here.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from flask_mail import Message

from portal import config
from portal.domain.mail_deliveries import REPLY_WAIT, MailDelivery
from portal.mail.connection import Connection
from portal.mail.message import message_bytes, render

TRANSMISSION_WAIT = timedelta(seconds=60)
"""For all steps before the final dot together."""
REPEATABLE_REPLY_WAIT = timedelta(seconds=60)
"""For the reply to the final dot of a mail that may repeat; REPLY_WAIT for one that may not."""
QUIT_WAIT = timedelta(seconds=5)


class Reply(NamedTuple):
    """The relay's reply code (RFC 5321, 4.2), None without a relay, and its words with the code."""

    code: int | None
    text: str


class HandoverFailed(Exception):
    """The message was not handed over, or perhaps not; `str()` has the relay's words.

    `code` is its reply code, None without a reply. `is_relay_down` tells what every mail would meet
    (no connection, TLS, AUTH, MAIL, 421, silence, malformed replies) from what this one met: 4xx or
    5xx to its recipient or message.
    """

    def __init__(
        self, text: str = "", *, code: int | None = None, is_relay_down: bool = False
    ) -> None:
        super().__init__(text)
        self.code = code
        self.is_relay_down = is_relay_down


class NotHandedOver(HandoverFailed):
    """Nothing was sent, so that a later attempt can't send the mail twice."""


class RefusedByRelay(HandoverFailed):
    """The relay refused the mail permanently."""


class MalformedRecipient(RefusedByRelay):
    """The address has a line break, which would begin another SMTP command."""


class OutcomeUnknown(HandoverFailed):
    """The final dot was sent, but there was no valid reply: the mail may have been accepted."""


class ClaimLost(HandoverFailed):
    """The claim on the entry has ended; the connection was dropped before the final dot."""


def hand_over(entry: MailDelivery, mark_transmitting: Callable[[], bool]) -> Reply:
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
        raise NotHandedOver("MAIL_SERVER is not set", is_relay_down=True)
    try:
        smtp = _connect()
    except (OSError, ValueError) as error:  # ValueError: an AUTH challenge that is not base64
        code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
        raise NotHandedOver(_error_text(error), code=code, is_relay_down=True) from error
    try:
        _transmit(smtp, message, mark_transmitting)
        return _finish(smtp, REPLY_WAIT if entry.is_once else REPEATABLE_REPLY_WAIT)
    finally:
        smtp.close()


def _write_to_mailbox(
    message: Message, entry: MailDelivery, folder: Path, mark_transmitting: Callable[[], bool]
) -> Reply:
    """In the order of a transmission: write the file, mark the entry, then rename the file so that
    it counts as a mail."""
    partial = folder / f"{entry.token}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(message_bytes(message))
    except OSError as error:
        raise NotHandedOver(_error_text(error), is_relay_down=True) from error
    if not mark_transmitting():
        partial.unlink()
        raise ClaimLost
    partial.rename(folder / f"{entry.id}.eml")
    return Reply(None, "kept as a file: no mail server is configured")


def _connect() -> Connection:
    settings = config.current()
    smtp = Connection(
        settings.mail_server,
        settings.mail_port,
        seconds=TRANSMISSION_WAIT.total_seconds(),
        implicit_tls=_tls_context() if settings.mail_security == "tls" else None,
    )
    try:
        if settings.mail_security == "starttls":
            smtp.starttls(context=_tls_context())
        if settings.mail_username:
            smtp.login(settings.mail_username, settings.mail_password)
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if config.current().mail_ca_file:
        context.load_verify_locations(config.current().mail_ca_file)
    return context


def _transmit(smtp: Connection, message: Message, mark_transmitting: Callable[[], bool]) -> None:
    """All but the final dot. Raises NotHandedOver, RefusedByRelay, ClaimLost."""
    try:
        _expect(2, smtp.mail(config.current().mail_default_sender), is_relay_down=True)
        _expect(2, smtp.rcpt(str(message.recipients[0])))
        _expect(3, smtp.docmd("DATA"))
        smtp.send(_dot_stuff(message_bytes(message)))
        if not mark_transmitting():
            raise ClaimLost
        smtp.expect_silence()
    except smtplib.SMTPResponseException as error:  # out of turn: no reply is valid there
        _expect(0, (error.smtp_code, error.smtp_error))
    except OSError as error:
        raise NotHandedOver(_error_text(error), is_relay_down=True) from error


def _finish(smtp: Connection, wait: timedelta) -> Reply:
    """The final dot and its reply. Raises NotHandedOver, RefusedByRelay, OutcomeUnknown."""
    try:
        smtp.set_deadline(wait.total_seconds())
        smtp.send_final_dot()
        reply = smtp.getreply()
    except OSError as error:
        raise OutcomeUnknown(_error_text(error), is_relay_down=True) from error
    text = _reply_text(reply)
    if reply[0] // 100 == 3:
        raise OutcomeUnknown(text, code=reply[0], is_relay_down=True)
    contradiction = _quit(smtp)
    if contradiction is not None and contradiction // 100 != reply[0] // 100:
        raise OutcomeUnknown(f"{text}, then {contradiction}", is_relay_down=True)
    _expect(2, reply)
    return Reply(reply[0], text)


def _quit(smtp: Connection) -> int | None:
    """Send QUIT. Returns None, or the code of a reply that is not one to QUIT (RFC 5321, 4.1.1.10):
    then the reply before was sent out of turn, and this is the one to the final dot."""
    try:
        smtp.set_deadline(QUIT_WAIT.total_seconds())
        code = smtp.docmd("QUIT")[0]
    except smtplib.SMTPResponseException as error:
        code = error.smtp_code
    except OSError:
        return None
    return None if code in (221, 421) else code


def _expect(
    first_digit: int, reply: tuple[int, bytes | str], *, is_relay_down: bool = False
) -> None:
    """Check the first digit of the reply code (RFC 5321, 4.2.1). Raises RefusedByRelay for 5, and
    NotHandedOver for any other digit but the expected one."""
    code = reply[0]
    if code // 100 == first_digit:
        return
    is_relay_down = is_relay_down or code // 100 not in (4, 5) or code == 421
    failure = RefusedByRelay if code // 100 == 5 else NotHandedOver
    raise failure(_reply_text(reply), code=code, is_relay_down=is_relay_down)


def _dot_stuff(message: bytes) -> bytes:
    """The message with CR LF line ends, and a second dot where a line begins with one (RFC 5321,
    4.5.2)."""
    lines = message.splitlines()
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)


def _reply_text(reply: tuple[int, bytes | str]) -> str:
    code, words = reply
    if isinstance(words, bytes):
        words = words.decode("utf-8", "replace")
    return _sanitize(f"{code} {words}")


def _error_text(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply_text((error.smtp_code, error.smtp_error))
    if isinstance(error, UnicodeError):  # its words quote the password
        return type(error).__name__
    return _sanitize(f"{type(error).__name__}: {error}")


def _sanitize(text: str) -> str:
    """The text in printable characters, at most 500. PostgreSQL stores no NUL."""
    return "".join(c if c.isprintable() else " " for c in text)[:500]
