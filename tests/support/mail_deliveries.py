"""Mail deliveries in tests: queue, claim and mark them, each step in its own unit of work."""

from __future__ import annotations

from collections.abc import Callable

from portal import db
from portal.domain import mail_deliveries
from portal.domain.mail_deliveries import DeliveryState


def queue(about: str = "dn2first", *, once: bool = True) -> str:
    """Queue a mail; the ID of its entry."""
    return db.write(
        lambda: (
            mail_deliveries.add(
                "invitation", about=about, to="c@x.example", language="en", facts={}, once=once
            ).id
        )
    )


def claim() -> tuple[str, str] | None:
    """Claim the next entry; its ID and claim token, None if no entry is due."""

    def unit() -> tuple[str, str] | None:
        mail_deliveries.settle_lost()
        entry = mail_deliveries.claim_next()
        return entry and (entry.id, entry.token or "")

    return db.write(unit)


def claim_entry() -> tuple[str, str]:
    """Claim the next entry, which must exist; its ID and claim token."""
    claimed = claim()
    assert claimed is not None
    return claimed


def mark_transmitting(claimed: tuple[str, str]) -> bool:
    return db.write(lambda: mail_deliveries.mark_transmitting(*claimed))


def record_outcome(
    verb: Callable[[str, str, str], bool], claimed: tuple[str, str], answer: str = "so"
) -> bool:
    return db.write(lambda: verb(*claimed, answer))


def state_and_answer(entry_id: str) -> tuple[DeliveryState, str | None]:
    """The entry's state and the mail server's answer."""
    return db.read(
        lambda: (mail_deliveries.get(entry_id).state, mail_deliveries.get(entry_id).answer)
    )


def state(entry_id: str) -> DeliveryState:
    return state_and_answer(entry_id)[0]
