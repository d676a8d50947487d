"""Outbox entries in tests: queue, claim and mark them, each step in its own unit of work."""

from __future__ import annotations

from collections.abc import Callable

from portal import db
from portal.domain import outbox
from portal.domain.outbox import Delivery


def queue(about: str = "dn2first", *, once: bool = True) -> str:
    """Queue a mail; the ID of its entry."""
    return db.write(
        lambda: (
            outbox.add(
                "invitation", about=about, to="c@x.example", language="en", facts={}, once=once
            ).id
        )
    )


def claim() -> tuple[str, str] | None:
    """Claim the next entry; its ID and claim token, None if no entry is due."""

    def unit() -> tuple[str, str] | None:
        outbox.park_abandoned()
        entry = outbox.claim_next()
        return entry and (entry.id, entry.claim or "")

    return db.write(unit)


def claim_entry() -> tuple[str, str]:
    """Claim the next entry, which must exist; its ID and claim token."""
    claimed = claim()
    assert claimed is not None
    return claimed


def mark_transmitting(claimed: tuple[str, str]) -> bool:
    return db.write(lambda: outbox.mark_transmitting(*claimed))


def record_outcome(
    verb: Callable[[str, str, str], bool], claimed: tuple[str, str], answer: str = "so"
) -> bool:
    return db.write(lambda: verb(*claimed, answer))


def state_and_answer(entry_id: str) -> tuple[Delivery, str | None]:
    """The entry's state and the mail server's answer."""
    return db.read(lambda: (outbox.get(entry_id).state, outbox.get(entry_id).answer))


def state(entry_id: str) -> Delivery:
    return state_and_answer(entry_id)[0]
