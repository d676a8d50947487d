"""Mail deliveries in tests: queue, claim and mark them, each step in its own unit of work."""

from __future__ import annotations

from collections.abc import Callable

from portal import db
from portal.domain import mail_deliveries
from portal.domain.mail_deliveries import DeliveryState, MailDelivery


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


def settle_invitation(
    subaccount_id: str, verb: Callable[..., bool], *, code: str | None = None
) -> MailDelivery:
    """Hand over the invitation's queued mail with this outcome; its delivery. Call it in a unit of
    work."""
    delivery = mark_invitation(subaccount_id)
    assert verb(delivery.id, delivery.token or "", "550 5.1.1 User unknown", code)
    db.session.refresh(delivery)
    return delivery


def mark_invitation(subaccount_id: str) -> MailDelivery:
    """Hand over the invitation's queued mail up to the final dot. Call it in a unit of work."""
    while (delivery := mail_deliveries.claim_next()) is not None and (
        delivery.kind != "invitation" or delivery.about != subaccount_id
    ):
        continue
    assert delivery is not None
    assert mail_deliveries.mark_transmitting(delivery.id, delivery.token or "")
    return delivery
