"""The worker: delivers outbox entries, runs imports, and purges expired data.

No transaction is open during a delivery. Several workers may run at the same time.
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
"""Rounds between two purges."""
IMPORT_STEPS = 20
"""Steps of an import between two deliveries."""


def run(stop: threading.Event) -> None:
    """Work until `stop` is set. A delivery that has begun is finished."""
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
    """Deliver the next due entry, and record its outcome. False if there was none."""
    if not db.read(outbox.has_work):
        return False
    entry = db.write(_claim_next)
    if entry is None:
        return False
    token = entry.claim or ""
    record: Callable[[str, str, str], bool]
    try:
        detail = mail.hand_over(
            entry, lambda: db.write(lambda: outbox.mark_transmitting(entry.id, token))
        )
        record = outbox.record_sent
    except mail.ClaimLost:
        # Another worker has it, or our lease ran out and we can still put it back.
        record, detail = (
            outbox.record_not_handed_over,
            "the relay was too slow: the time for handing over ran out",
        )
    except mail.RefusedByRelay as error:
        record, detail = outbox.record_refused, str(error)
    except mail.NotHandedOver as error:
        record, detail = outbox.record_not_handed_over, str(error)
    except mail.OutcomeUnknown as error:
        record, detail = outbox.record_no_reply, str(error)
    except Exception as error:
        log.exception("outbox %s: a fault of ours", entry.id)
        record, detail = outbox.record_no_reply, f"internal fault: {type(error).__name__}"
    is_recorded = db.write(lambda: _record_outcome(record, entry.id, token, detail))
    log.info(
        "outbox %s (%s): %s: %s",
        entry.id,
        entry.kind,
        record.__name__ if is_recorded else "no longer ours",
        detail,
    )
    return True


def _record_outcome(record: Callable[..., bool], entry_id: str, token: str, detail: str) -> bool:
    """Record the outcome of a delivery, and notify of it. False if the claim was lost."""
    is_recorded = record(entry_id, token, detail)
    if is_recorded:
        customers.notify_of_delivery(outbox.get(entry_id))
    return is_recorded


def _claim_next() -> OutboxEntry | None:
    """Claim the next due entry, detached from the session so that it needs no transaction."""
    for entry_id in outbox.park_abandoned():
        customers.notify_of_delivery(outbox.get(entry_id))
    entry = outbox.claim_next()
    if entry is not None:
        db.session.expunge(entry)
    return entry


def run_imports() -> bool:
    """Run the next steps of the import that has waited longest. False if there was none to run."""
    import_id = db.read(imports.next_due)
    if import_id is None:
        return False
    steps = 0
    try:
        while steps < IMPORT_STEPS and db.write(lambda: imports.run_step(import_id)):
            steps += 1
    except Exception:
        db.write(lambda: imports.postpone(import_id))
        raise
    return steps > 0


def purge_expired() -> None:
    """Delete all data past its retention."""
    db.write(imports.purge_expired)
    db.write(identity.purge_expired)
    db.write(idempotency.purge_expired)
    db.write(feedback.purge_expired)
