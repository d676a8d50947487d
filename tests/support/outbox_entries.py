"""What tests of the outbox share: queueing, claiming and marking, each in its own unit of work."""

from __future__ import annotations

from collections.abc import Callable

from portal import db
from portal.domain import outbox
from portal.domain.outbox import Delivery


def queue(about: str = "dn2first", *, once: bool = True) -> str:
    """A new entry's ID."""
    return db.write(
        lambda: (
            outbox.add(
                "invitation", about=about, to="c@x.example", language="en", facts={}, once=once
            ).id
        )
    )


def claim() -> tuple[str, str] | None:
    """ID and token of what a worker took."""

    def unit() -> tuple[str, str] | None:
        outbox.park_abandoned()
        entry = outbox.claim_next()
        return entry and (entry.id, entry.claim or "")

    return db.write(unit)


def claim_entry() -> tuple[str, str]:
    """The same, where there must be one."""
    found = claim()
    assert found is not None
    return found


def mark_transmitting(held: tuple[str, str]) -> bool:
    return db.write(lambda: outbox.mark_transmitting(*held))


def record_outcome(
    verb: Callable[[str, str, str], bool], held: tuple[str, str], words: str = "so"
) -> bool:
    return db.write(lambda: verb(*held, words))


def state_and_answer(ident: str) -> tuple[Delivery, str | None]:
    """State and answer, as the customer's page reads them."""
    return db.read(lambda: (outbox.get(ident).state, outbox.get(ident).answer))


def state(ident: str) -> Delivery:
    return state_and_answer(ident)[0]
