"""Several workers deliver mails: never two dots, never two claims."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from portal import db
from portal.domain import mail_deliveries
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from tests.support.mail_deliveries import claim, mark_transmitting, queue, record_outcome
from tests.support.relay import clear_mails
from tests.support.world import Clock

pytestmark = pytest.mark.both_databases


@pytest.fixture(autouse=True)
def _quiet(app: Flask) -> None:
    clear_mails()


STEPS = ["claim", "mark", "250", "451", "550", "silence", "die", "short", "lease", "wait"]


@given(steps=st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(STEPS)), max_size=25))
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_two_workers_do_at_most_one_dot_goes_out_that_the_relay_may_have_taken(
    app: Flask, clock: Clock, steps: list[tuple[str, str]]
) -> None:
    """The relay may have taken what each dot ended, unless it said that it has not."""
    about = f"dn2{clock().timestamp()}"
    queue(about)
    holds: dict[str, tuple[str, str]] = {}
    out: set[str] = set()  # tokens whose dot went out and which were not turned away
    spans = {"short": 1.0, "lease": mail_deliveries.LEASE.total_seconds() + 1, "wait": 16 * 60.0}
    answers = {
        "250": mail_deliveries.record_sent,
        "451": mail_deliveries.record_not_handed_over,
        "550": mail_deliveries.record_refused,
    }
    for who, step in steps:
        if step in spans:
            clock.forward(seconds=spans[step])
        elif step == "claim":
            if (held := claim()) is not None:
                holds[who] = held
        elif who not in holds:
            continue
        elif step == "mark" and holds[who][1] not in out and mark_transmitting(holds[who]):
            assert not out, "a second dot"
            out.add(holds[who][1])
        elif step == "die":
            del holds[who]
        elif step == "silence":
            record_outcome(mail_deliveries.record_no_reply, holds.pop(who))
        elif step == "451" or (step in answers and holds[who][1] in out):
            if step != "250":
                out.discard(holds[who][1])
            record_outcome(answers[step], holds.pop(who))
    entry = db.read(
        lambda: db.session.scalars(select(MailDelivery).order_by(MailDelivery.id.desc())).first()
    )
    assert entry is not None
    db.write(lambda: mail_deliveries.cancel("invitation", about=entry.about))


def together(app: Flask, take: Callable[[Callable[[], None]], str | None]) -> list[str | None]:
    """What two workers take when both have looked before either has written."""
    barrier = threading.Barrier(2)

    def meet() -> None:
        barrier.wait(timeout=20)

    def work() -> str | None:
        with app.app_context():
            return db.write(lambda: take(meet))

    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(work), pool.submit(work)]]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_workers_never_claim_the_same_entry(app: Flask) -> None:
    both = {queue("dn2first"), queue("dn2second")}

    def guarded(meet: Callable[[], None]) -> str | None:
        entry = mail_deliveries.claim_next()
        meet()  # is reached by both only because neither waits for the other's row
        return entry and entry.id

    assert set(together(app, guarded)) == both


@pytest.mark.parametrize("kind", ["postgresql"])
def test_control_without_the_row_lock_two_workers_claim_the_same_entry(app: Flask) -> None:
    first = queue("dn2first")
    queue("dn2second")

    def unguarded(meet: Callable[[], None]) -> str | None:
        due = select(MailDelivery).where(MailDelivery.state == DeliveryState.PENDING)
        entry = db.session.scalars(due.order_by(MailDelivery.created_at)).first()
        meet()
        if entry is not None:
            entry.state = DeliveryState.CLAIMED
        return entry and entry.id

    assert together(app, unguarded) == [first, first]
