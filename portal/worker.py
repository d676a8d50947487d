"""Drains the outbox: claims an entry, hands it over, records what became of it; imports files.

No transaction is open while the relay is talked to. Several workers may run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from portal import db, mail
from portal.domain import customers, feedback, idempotency, identity, imports, outbox
from portal.domain.outbox import OutboxEntry

log = logging.getLogger("portal.worker")

IDLE_SECONDS = 1.0
PURGE_EVERY = 600
"""Idle rounds between two clean-ups."""
STEPS_OF_IMPORT = 20
"""Between two mails."""


def run(stop: threading.Event) -> None:
    """Work until `stop` is set; what is being handed over is finished first."""
    rounds = 0
    while not stop.is_set():
        try:
            busy = any([deliver_next(), run_imports()])
            if rounds % PURGE_EVERY == 0:
                purge_expired()
        except Exception:
            log.exception("the worker goes on after a fault")
            busy = False
        rounds += 1
        if not busy:
            stop.wait(IDLE_SECONDS)


def deliver_next() -> bool:
    """Hand over the next due entry; False when there was none."""
    if not db.read(outbox.has_work):
        return False
    entry = db.write(_claim_next)
    if entry is None:
        return False
    token = entry.claim or ""
    record: Callable[[str, str, str], bool]
    try:
        words = mail.hand_over(
            entry, lambda: db.write(lambda: outbox.mark_transmitting(entry.id, token))
        )
        record = outbox.record_sent
    except mail.ClaimLost:
        # By another worker, or by our own lease: then it is still ours to put back.
        record, words = (
            outbox.record_not_handed_over,
            "the relay was too slow: the time for handing over ran out",
        )
    except mail.RefusedByRelay as error:
        record, words = outbox.record_refused, str(error)
    except mail.NotHandedOver as error:
        record, words = outbox.record_not_handed_over, str(error)
    except mail.OutcomeUnknown as error:
        record, words = outbox.record_no_reply, str(error)
    except Exception as error:
        log.exception("outbox %s: a fault of ours", entry.id)
        record, words = outbox.record_no_reply, f"internal fault: {type(error).__name__}"
    is_kept = db.write(lambda: _record_outcome(record, entry.id, token, words))
    log.info(
        "outbox %s (%s): %s: %s",
        entry.id,
        entry.kind,
        record.__name__ if is_kept else "no longer ours",
        words,
    )
    return True


def _record_outcome(record: Callable[..., bool], entry_id: str, token: str, words: str) -> bool:
    """What became of an entry; whoever waits for it hears of it in the same transaction."""
    is_kept = record(entry_id, token, words)
    if is_kept:
        customers.notify_of_delivery(outbox.get(entry_id))
    return is_kept


def _claim_next() -> OutboxEntry | None:
    """The next entry, detached, so that no transaction is open while the relay is talked to."""
    for parked in outbox.park_abandoned():
        customers.notify_of_delivery(outbox.get(parked))
    entry = outbox.claim()
    if entry is not None:
        db.session.expunge(entry)
    return entry


def run_imports() -> bool:
    """Go on with the import that has waited longest; False when there was nothing to do for one."""
    ident = db.read(imports.next_due)
    if ident is None:
        return False
    steps = 0
    try:
        while steps < STEPS_OF_IMPORT and db.write(lambda: imports.run_step(ident)):
            steps += 1
    except Exception:
        db.write(lambda: imports.postpone(ident))
        raise
    return steps > 0


def purge_expired() -> None:
    """Drop what is only kept for a while."""
    db.write(imports.purge_expired)
    db.write(identity.purge_expired)
    db.write(idempotency.purge_expired)
    db.write(feedback.purge_expired)
