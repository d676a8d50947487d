"""A person's access to a real cloud: given, changed, taken away, with the example of webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db, worker
from portal.domain import connections, jobs, people, work, workflows
from portal.domain.access import CloudRole
from portal.domain.actions import Action
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud
from portal.domain.connections import Findings
from portal.domain.identity import BlockReason
from portal.domain.jobs import Job, Kind, OrderKind, State
from portal.domain.memberships import Progress
from portal.providers.contract import Access, Done, How, Later, NeedsPerson, Running
from portal.providers.webhook import Webhook
from portal.worker import access_orders, orders, providers
from tests.providers import webhook_example
from tests.providers.webhook_example import WebhookSystem
from tests.support import memberships as support
from tests.support.cloud_access import change, give, revoke
from tests.support.connections import PRETENDED, use_key, use_kind
from tests.support.jobs import run_upkeep
from tests.support.memberships import (
    access,
    carry_out,
    connect,
    get_access,
    memberships_of,
    order_access,
    run_orders,
    show,
    withdraw,
)
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, SAM, Clock, World, user

EDITOR, VIEWER, MEMBER = CloudRole.EDITOR, CloudRole.VIEWER, CloudRole.MEMBER


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(scope="module")
def system() -> Iterator[WebhookSystem]:
    with webhook_example.started() as system:
        yield system


@pytest.fixture
def shop(
    app: Flask,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: WebhookSystem,
) -> Iterator[str]:
    """Dora's cloud at the example; Sam is editor on it."""
    clear_mails()
    use_key(tmp_path / "keys")
    carry_out(system, connect(monkeypatch, system), world.doras_cloud)
    give(world.doras_cloud, EDITOR, to=SAM)
    yield world.doras_cloud
    connections.configure_keys(list)


def waiting() -> list[str]:
    return support.orders(State.WAITING)


def test_a_role_without_an_access_orders_nothing(shop: str) -> None:
    change(shop, VIEWER, of=SAM)
    revoke(shop, of=SAM)
    assert (waiting(), memberships_of(SAM)) == ([], [])


def test_after_a_revoke_the_secret_is_refused_and_stays_so_when_the_role_is_given_again(
    shop: str, system: WebhookSystem
) -> None:
    old = get_access(SAM, shop)
    revoke(shop, of=SAM)
    assert memberships_of(SAM)[0].progress is Progress.ENDING
    assert system.signs_in(old)

    run_orders()
    revoked = memberships_of(SAM)[0]
    assert revoked.progress is Progress.ENDED
    assert revoked.revoked_at is not None
    assert revoked.ends_by is not None
    assert revoked.ends_by >= revoked.revoked_at + timedelta(seconds=300)
    assert not system.signs_in(old)

    give(shop, EDITOR, to=SAM)
    new = get_access(SAM, shop)
    assert system.signs_in(new)
    assert not system.signs_in(old)
    assert len({row.id for row in memberships_of(SAM)}) == 2


def test_after_a_test_that_failed_access_is_offered_and_the_end_of_tokens_is_known(
    shop: str, system: WebhookSystem
) -> None:
    connection_id = db.read(lambda: db.session.get_one(Cloud, shop).connection_id)
    fault = Findings(fault="timed out", is_down=True)
    db.write(lambda: connections.record_test(connection_id, fault))
    get_access(SAM, shop)
    revoke(shop, of=SAM)
    run_orders()
    (row,) = memberships_of(SAM)
    assert row.revoked_at is not None
    assert row.ends_by is not None
    assert row.ends_by - row.revoked_at >= timedelta(seconds=300)


def test_revoke_and_stop_reaches_the_cloud(
    shop: str, system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Stopping(Webhook):
        def revoke(self, *args: Any, stop: bool = False) -> Done | Running:
            asked.append(stop)
            return super().revoke(*args, stop=stop)

    connected = system.connect()
    stopping = Stopping(connected.url, connected.secret, connected.http)
    use_kind(monkeypatch, lambda _settings, _credentials: stopping, can_stop=True)
    for stop in (False, True):
        get_access(SAM, shop)
        revoke(shop, of=SAM, stop=stop)
        run_orders()
        give(shop, EDITOR, to=SAM)
    assert asked == [False, True]


def test_a_revoke_overtakes_a_waiting_grant_and_access(shop: str, system: WebhookSystem) -> None:
    access_id = order_access(SAM, shop)
    revoke(shop, of=SAM)
    assert waiting() == [OrderKind.REVOKE]
    run_orders()
    assert access(access_id).progress is Progress.ENDED
    assert support.orders(State.CANCELLED) == [OrderKind.GRANT]


def test_a_role_that_waits_for_a_revoke_waits_for_an_operator_after_a_restore(
    shop: str, system: WebhookSystem
) -> None:
    get_access(SAM, shop)
    revoke(shop, of=SAM)
    give(shop, EDITOR, to=SAM)
    order_access(SAM, shop)

    db.write(workflows.finish_restore, while_restoring=True)
    run_orders()
    assert [row.role for row in memberships_of(SAM)] == [None, None]
    assert support.orders(State.PARKED) == [OrderKind.GRANT]

    by = appoint_operator()
    (parked,) = db.read(
        lambda: list(db.session.scalars(select(Job).filter_by(kind="clouds", state="parked")))
    )
    db.write(lambda: work.run_again(db.session.get_one(Job, parked.id), by=by))
    run_orders()
    assert [row.role for row in memberships_of(SAM)] == [None, EDITOR]


def test_a_revoke_while_an_order_is_under_way_comes_after_it(
    shop: str, system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    access_id, seen = order_access(SAM, shop), list[Access]()
    assert worker.run_next(Kind.CLOUDS), "the role is given"
    step = access_orders.STEPS[OrderKind.ACCESS]

    def make_and_revoke(job: Job) -> object:
        made = step.call(job)
        seen.append(made)
        revoke(shop, of=SAM)
        return made

    monkeypatch.setitem(orders.STEPS, OrderKind.ACCESS, step._replace(call=make_and_revoke))
    assert worker.run_next(Kind.CLOUDS)
    assert system.signs_in(seen[0])
    run_orders()
    assert not system.signs_in(seen[0])
    assert access(access_id).progress is Progress.ENDED


def test_an_order_that_was_killed_before_its_record_is_repeated(
    shop: str, system: WebhookSystem, clock: Clock
) -> None:
    access_id = order_access(SAM, shop)
    for _kind in ("grant", "access"):
        job = db.write(lambda: jobs.claim_next(Kind.CLOUDS))
        assert job is not None
        orders.carry_out(job)  # and its outcome is lost
        clock.forward(minutes=6)
        db.write(lambda: jobs.settle_lost(Kind.CLOUDS))
        clock.forward(minutes=1)
        assert worker.run_next(Kind.CLOUDS)
    assert system.signs_in(Access(How.TEXT, show(SAM, access_id).text))


def test_a_role_lost_after_a_killed_grant_is_revoked(
    shop: str, system: WebhookSystem, clock: Clock
) -> None:
    order_access(SAM, shop)
    job = db.write(lambda: jobs.claim_next(Kind.CLOUDS))
    assert job is not None
    orders.carry_out(job)
    revoke(shop, of=SAM)
    clock.forward(minutes=6)
    run_orders()
    clock.forward(minutes=1)
    run_orders()
    assert memberships_of(SAM)[0].progress is Progress.ENDED
    assert (waiting(), support.orders(State.DONE)) == ([], [OrderKind.GRANT, OrderKind.REVOKE])


def test_what_a_late_worker_gives_after_a_revoke_is_revoked_again(
    shop: str, system: WebhookSystem, clock: Clock
) -> None:
    order_access(SAM, shop)
    assert worker.run_next(Kind.CLOUDS), "the role is given"
    job = db.write(lambda: jobs.claim_next(Kind.CLOUDS))
    assert job is not None
    made = access_orders.make_access(job)
    revoke(shop, of=SAM)
    clock.forward(minutes=6)
    run_orders()
    assert memberships_of(SAM)[0].progress is Progress.ENDED
    assert isinstance(made, Access)
    db.write(lambda: access_orders.record_made(job, made))
    assert (memberships_of(SAM)[0].progress, waiting()[-1:]) == (
        Progress.ENDING,
        [OrderKind.REVOKE],
    )
    run_orders()
    assert memberships_of(SAM)[0].progress is Progress.ENDED
    assert not system.signs_in(made)


def test_a_changed_role_is_carried_out_and_keeps_the_secret(
    shop: str, system: WebhookSystem
) -> None:
    secret = get_access(SAM, shop)
    change(shop, VIEWER, of=SAM)
    assert memberships_of(SAM)[0].progress is Progress.WAITING
    run_orders()
    assert (memberships_of(SAM)[0].role, system.signs_in(secret)) == (VIEWER, True)


def test_a_raised_role_is_ordered_when_it_takes_effect(
    shop: str, system: WebhookSystem, clock: Clock
) -> None:
    change(shop, VIEWER, of=SAM)
    get_access(SAM, shop)
    change(shop, EDITOR, of=SAM)
    assert waiting() == []
    clock.forward(hours=1)
    run_upkeep("settle-memberships")
    run_orders()
    assert memberships_of(SAM)[0].role is EDITOR


def test_revoked_while_suspended_the_secret_stays_refused_after_resume(
    shop: str, system: WebhookSystem
) -> None:
    secret, external_id = get_access(SAM, shop), f"project-{shop}"
    system.connect().suspend("job-suspend", external_id)
    revoke(shop, of=SAM)
    run_orders()
    system.connect().resume("job-resume", external_id)
    assert not system.signs_in(secret)


def test_a_person_who_becomes_a_mere_member_is_revoked(shop: str, system: WebhookSystem) -> None:
    secret = get_access(SAM, shop)
    change(shop, MEMBER, of=SAM)
    run_orders()
    assert not system.signs_in(secret)


def test_a_blocked_person_is_revoked_and_gets_the_role_but_no_secret_back(
    shop: str, system: WebhookSystem
) -> None:
    secret = get_access(SAM, shop)
    db.write(lambda: people.block(user(SAM), by=COMMAND, reason=BlockReason.LEFT))
    run_orders()
    assert not system.signs_in(secret)

    db.write(lambda: people.unblock(user(SAM), by=COMMAND))
    assert waiting() == [OrderKind.GRANT]
    run_orders()
    assert not system.signs_in(secret)
    assert system.signs_in(get_access(SAM, shop))
    assert not system.signs_in(secret)


def test_a_disabled_person_is_revoked(shop: str, system: WebhookSystem) -> None:
    secret = get_access(SAM, shop)
    db.write(lambda: workflows.disable_user(user(SAM), by=COMMAND, heir=user(DORA)))
    run_orders()
    assert not system.signs_in(secret)


def test_revoked_while_the_connection_is_down_nobody_gets_in_afterwards(
    shop: str, system: WebhookSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = get_access(SAM, shop)
    revoke(shop, of=SAM)
    give(shop, EDITOR, to=SAM)
    step = access_orders.STEPS[OrderKind.REVOKE]

    def refuse(_job: Job) -> None:
        raise Later("no answer")

    monkeypatch.setitem(orders.STEPS, OrderKind.REVOKE, step._replace(call=refuse))
    access_id = order_access(SAM, shop)
    run_orders()
    assert access(access_id).progress is Progress.WAITING, "the old access is revoked first"
    monkeypatch.setitem(orders.STEPS, OrderKind.REVOKE, step)
    clock.forward(minutes=10)
    run_orders()
    assert not system.signs_in(secret)
    assert system.signs_in(Access(How.TEXT, show(SAM, access_id).text))


def test_an_order_that_needs_a_person_is_shown_as_failed_until_it_is_carried_out(
    shop: str, system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = access_orders.STEPS[OrderKind.GRANT]

    def refuse(_job: Job) -> None:
        raise NeedsPerson("name-taken")

    monkeypatch.setitem(orders.STEPS, OrderKind.GRANT, step._replace(call=refuse))
    access_id = order_access(SAM, shop)
    run_orders()
    assert memberships_of(SAM)[0].progress is Progress.FAILED
    assert access(access_id).progress is Progress.FAILED
    monkeypatch.setitem(orders.STEPS, OrderKind.GRANT, step)
    order_access(SAM, shop)
    run_orders()
    assert memberships_of(SAM)[0].progress is Progress.IN_USE
    assert access(access_id).progress is Progress.READY


def test_the_audit_log_has_what_was_agreed_and_what_was_carried_out(
    shop: str, system: WebhookSystem
) -> None:
    start = db.read(lambda: db.session.scalar(select(func.count()).select_from(AuditLine)))
    withdraw(SAM, order_access(SAM, shop))
    get_access(SAM, shop)
    revoke(shop, of=SAM)
    run_orders()
    query = select(AuditLine.action).order_by(AuditLine.at, AuditLine.chain, AuditLine.seq)
    lines = db.read(lambda: list(db.session.scalars(query)))[start:]
    assert [line for line in lines if not line.startswith("user.")] == [
        Action.CLOUD_GET_ACCESS,
        Action.CLOUD_WITHDRAW_ACCESS,
        Action.CLOUD_GET_ACCESS,
        Action.MEMBERSHIP_END_ACCESS,
        Action.MEMBERSHIP_GRANT,
        Action.MEMBERSHIP_MAKE_ACCESS,
        Action.CLOUD_SHOW_ACCESS,
        Action.CLOUD_ACCESS_REVOKE,
        Action.MEMBERSHIP_REVOKE,
    ]


class Slow:
    """A connection to the example that gives roles in the background."""

    def __init__(self, system: WebhookSystem) -> None:
        self.cloud, self.asked = system.connect(), list[str]()

    def __getattr__(self, name: str) -> object:
        return getattr(self.cloud, name)

    def grant(self, *order: Any) -> Running:
        self.cloud.grant(*order)
        return Running(f"grant {order[0]}", timedelta(seconds=3))

    def operation(self, order: str, operation: str) -> Done:
        self.asked.append(operation)
        assert operation == f"grant {order}"
        return Done()


def test_an_order_that_goes_on_at_the_cloud_is_asked_about(
    shop: str, system: WebhookSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(system)
    monkeypatch.setitem(providers.PROVIDERS, PRETENDED, lambda _settings, _secrets: slow)
    access_id = order_access(SAM, shop)
    run_orders()
    assert (slow.asked, memberships_of(SAM)[0].progress) == ([], Progress.WAITING)
    clock.forward(seconds=4)
    run_orders()
    assert len(slow.asked) == 1
    assert system.signs_in(Access(How.TEXT, show(SAM, access_id).text))
