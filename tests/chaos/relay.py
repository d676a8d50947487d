"""The relay of a chaos run: it fails at random, and logs each mail that it has accepted."""

# aiosmtpd calls hooks by names like handle_DATA.
# ruff: noqa: N802

from __future__ import annotations

import asyncio
import logging
import random
import threading

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.smtp import CUT, SILENT, SmtpServer, _Handler

logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of each broken connection

SLOWEST_REPLY = 0.4
"""Seconds; replies to the final dot take a random time, so that kills come before and after it."""
SLOW_PAUSE = 0.004
"""Seconds between two bytes of a reply: a hand-over takes half of its time or more."""
AFTER_DOT = {"hang": SILENT, "cut": CUT, "4xx": "451 try again", "5xx": "550 not wanted"}
"""Faults after the final dot. Half of the mails without a reply were accepted."""


class ChaosRelay(SmtpServer):
    """A relay with one `fault` at a time, None for none; a share of the mails meets it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.fault: str | None = None
        self.accepted: list[str] = []
        """The Message-IDs of accepted mails, with repetitions."""
        self.handler = _ChaosHandler(self)
        self._log_lock = threading.Lock()

    def meets(self, fault: str, share: float = 0.4) -> bool:
        return self.fault == fault and self.random.random() < share

    def store(self, envelope: Envelope) -> None:
        super().store(envelope)
        with self._log_lock:
            self.accepted.append(str(self.messages[-1]["Message-ID"]))


class _ChaosHandler(_Handler):
    server: ChaosRelay

    async def handle_RCPT(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.server.meets("4xx", 0.2):
            return "450 mailbox busy"
        return await super().handle_RCPT(smtp, session, envelope, address, options)

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        relay = self.server
        await asyncio.sleep(relay.random.uniform(0, SLOWEST_REPLY))
        for fault, reply in AFTER_DOT.items():
            if relay.meets(fault):
                if reply in (SILENT, CUT) and relay.random.random() < 0.5:
                    relay.store(envelope)
                return reply
        return await super().handle_DATA(smtp, session, envelope)


def set_fault(relay: ChaosRelay, fault: str | None) -> None:
    relay.is_greylisting = fault == "greylisting"
    relay.pause = SLOW_PAUSE if fault == "slow" else 0.0
    relay.replies = {"body": CUT} if fault == "cut-body" else {}
    relay.fault = fault
