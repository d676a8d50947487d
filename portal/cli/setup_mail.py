"""The test mail of set-up: handed over at once and never retried; what a failure means."""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import UTC, datetime

from portal import mail
from portal.domain import jobs
from portal.domain.mail_deliveries import MailDelivery
from portal.domain.values import EmailAddress
from portal.i18n import languages

MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "the relay's name can't be found"),
    (ConnectionRefusedError, "the relay refuses connections at this port"),
    (ssl.SSLCertVerificationError, "the relay's certificate is not trusted, or for another name"),
    (ssl.SSLError, "TLS fails: port and security may not belong together"),
    (TimeoutError, "the relay did not answer in time"),
    (smtplib.SMTPServerDisconnected, "the relay closed the connection"),
    (smtplib.SMTPNotSupportedError, "the relay does not offer what the settings need"),
)
"""What the causes of a failed hand-over mean; the first that fits counts."""


class TestMailFailed(Exception):
    """The test mail was not handed over, or perhaps not; `str()` says why."""

    __test__ = False


def send(address: EmailAddress) -> str:
    """Hand a test mail over to the relay and return its reply. Raises TestMailFailed."""
    delivery = MailDelivery(
        kind="test",
        recipient=address.wire,
        language=languages.SOURCE,
        facts={},
        message_id=jobs.new_token(),
        is_once=False,
        created_at=datetime.now(UTC),
    )
    try:
        return mail.hand_over(delivery, lambda: True).text
    except mail.HandoverFailed as error:
        verdict = "perhaps" if isinstance(error, mail.OutcomeUnknown) else "NOT"
        raise TestMailFailed(
            f"The test mail was {verdict} handed over: {_reason(error)}"
        ) from error


def _reason(error: mail.HandoverFailed) -> str:
    """Return the relay's words; for a fault of the system its meaning, with the original."""
    for kind, meaning in MEANINGS:
        if isinstance(error.__cause__, kind):
            return f"{meaning} ({error})"
    return str(error)
