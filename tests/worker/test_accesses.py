"""Accesses: made, shown once, withdrawn, and what ends them without anybody."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from portal import db, worker
from portal.domain import circuit_breakers, jobs, memberships, workflows
from portal.domain.circuit_breakers import CircuitBreaker
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from portal.domain.jobs import Job, Kind, OrderKind, State
from portal.domain.memberships import Progress
from portal.providers.contract import Access, How
from portal.worker import access_orders
from tests.providers.webhook_example import WebhookSystem
from tests.support import memberships as support
from tests.support.cloud_access import revoke
from tests.support.connections import use_key
from tests.support.jobs import run_upkeep
from tests.support.memberships import (
    access,
    get_access,
    memberships_of,
    order_access,
    run_orders,
    show,
    withdraw,
)
from tests.support.orders import queue_order
from tests.support.world import DORA, SAM, Clock
from tests.worker.test_access_orders import kind, shop, system, waiting

__all__ = ["kind", "shop", "system"]


def test_a_person_gets_an_access_sees_it_once_and_signs_in(
    shop: str, system: WebhookSystem
) -> None:
    access_id = order_access(SAM, shop)
    assert access(access_id).progress is Progress.WAITING
    run_orders()
    assert access(access_id).progress is Progress.READY
    shown = show(SAM, access_id)
    assert system.signs_in(Access(How.TEXT, shown.text))
    assert access(access_id).progress is Progress.IN_USE
    with pytest.raises(Refused, match="access-shown"):
        show(SAM, access_id)


def test_one_access_is_withdrawn_and_the_others_stay(shop: str, system: WebhookSystem) -> None:
    first = order_access(SAM, shop)
    run_orders()
    secret, kept = Access(How.TEXT, show(SAM, first).text), get_access(SAM, shop)
    withdraw(SAM, first)
    assert access(first).progress is Progress.ENDING
    run_orders()
    assert access(first).progress is Progress.ENDED
    assert (system.signs_in(secret), system.signs_in(kept)) == (False, True)


def test_two_accesses_ordered_at_once_are_both_made(shop: str, system: WebhookSystem) -> None:
    both = [order_access(SAM, shop, name=name) for name in ("Laptop", "CI")]
    run_orders()
    texts = {show(SAM, access_id).text for access_id in both}
    assert len(texts) == 2
    assert all(system.signs_in(Access(How.TEXT, text)) for text in texts)


def test_a_secret_that_is_not_seen_within_15_minutes_is_withdrawn(
    shop: str, system: WebhookSystem, clock: Clock
) -> None:
    access_id = order_access(SAM, shop)
    run_orders()
    clock.forward(minutes=16)
    run_upkeep("withdraw-accesses")
    assert waiting() == [OrderKind.WITHDRAW]
    with pytest.raises(Refused, match="access-shown"):
        show(SAM, access_id)
    run_orders()
    assert access(access_id).progress is Progress.ENDED


def test_an_access_whose_time_is_over_is_withdrawn(
    shop: str, system: WebhookSystem, clock: Clock
) -> None:
    secret = get_access(SAM, shop)
    clock.forward(days=31)
    run_upkeep("withdraw-accesses")
    run_orders()
    assert not system.signs_in(secret)


def test_a_secret_that_can_not_be_decrypted_needs_a_person(
    shop: str, system: WebhookSystem, tmp_path: Path
) -> None:
    access_id = order_access(SAM, shop)
    assert worker.run_next(Kind.CLOUDS)
    use_key(tmp_path / "others")
    run_orders()
    assert access(access_id).progress is Progress.FAILED
    assert support.orders(State.PARKED) == [OrderKind.ACCESS]


def test_a_secret_that_may_have_been_made_and_shown_since_a_backup_is_never_made_again(
    shop: str, system: WebhookSystem
) -> None:
    earlier = order_access(SAM, shop)
    run_orders()
    waiting_access = order_access(SAM, shop)
    db.write(workflows.finish_restore, while_restoring=True)
    assert waiting() == [OrderKind.WITHDRAW, OrderKind.WITHDRAW]
    assert support.orders(State.PARKED) == []
    run_orders()
    ended = [access(access_id).progress for access_id in (earlier, waiting_access)]
    assert ended == [Progress.ENDED, Progress.ENDED]


def test_after_a_restore_unseen_secrets_are_withdrawn_and_revokes_run(
    shop: str, system: WebhookSystem
) -> None:
    unseen = order_access(SAM, shop)
    run_orders()
    db.write(memberships.withdraw_unseen)
    order_access(DORA, shop)
    db.write(jobs.park_restored)
    assert (waiting(), support.orders(State.PARKED)) == (
        [OrderKind.WITHDRAW],
        [OrderKind.GRANT],
    )
    run_orders()
    assert access(unseen).progress is Progress.ENDED


@pytest.mark.parametrize(("days", "ends_after"), [(1, 1), (60, 30), (-1, 30)])
def test_an_access_ends_when_the_cloud_ends_it_if_that_is_earlier_and_to_come(
    shop: str, system: WebhookSystem, clock: Clock, days: int, ends_after: int
) -> None:
    access_id, ordered_at = order_access(SAM, shop, days=30), clock.now
    assert worker.run_next(Kind.CLOUDS)
    made = Access(How.TEXT, "s3cret", ordered_at + timedelta(days=days))
    (job,) = db.read(lambda: db.session.query(Job).filter_by(subject_id=access_id).all())
    db.write(lambda: access_orders.record_made(job, made))
    assert round((access(access_id).until - ordered_at) / timedelta(days=1)) == ends_after


def test_an_order_that_asks_nothing_closes_no_circuit_breaker(
    shop: str, system: WebhookSystem, tmp_path: Path
) -> None:
    connection_id = db.read(lambda: db.session.get_one(Cloud, shop).connection_id)
    lane = jobs.cloud_lane(connection_id)

    def is_closed_by_an_order() -> bool:
        db.write(lambda: circuit_breakers.record_failure(lane, "timed out"))
        assert worker.run_next(Kind.CLOUDS)
        return db.read(lambda: db.session.get(CircuitBreaker, lane)) is None

    get_access(SAM, shop)
    revoke(shop, of=SAM)
    assert is_closed_by_an_order()
    queue_order(OrderKind.REVOKE, memberships_of(SAM)[0].id, connection_id=connection_id)
    assert not is_closed_by_an_order()
    order_access(DORA, shop)
    use_key(tmp_path / "others")
    assert not is_closed_by_an_order()
    assert support.orders(State.PARKED) == [OrderKind.GRANT]
