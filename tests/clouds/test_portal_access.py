"""A person's access to a real Keystone by the portal's own verbs and worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import connections, drift, people
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.drift import Drift, DriftKind
from portal.domain.identity import BlockReason
from portal.domain.memberships import Progress
from portal.providers import contract
from tests.clouds.domains import REFUSED, Domain, sign_in, use_token, wait_for_next_second
from tests.providers.system import create, new_order
from tests.support.cloud_access import give, revoke
from tests.support.connections import add_connection, use_key, use_kind
from tests.support.memberships import (
    ABILITIES,
    access,
    get_access,
    memberships_of,
    order_access,
    put_on,
    run_orders,
    show,
    withdraw,
)
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import SAM, Clock, World, user


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture
def key(app: Flask, tmp_path: Path) -> Iterator[None]:
    """A key to seal with."""
    clear_mails()
    use_key(tmp_path / "keys")
    yield
    connections.configure_keys(list)


@pytest.fixture
def shop(
    key: None, world: World, clock: Clock, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Dora's cloud as a project of the domain; Sam is editor on it."""
    clock.now = datetime.now(UTC)  # as Keystone has it: accesses end by its clock
    use_kind(monkeypatch, lambda _settings, _credentials: domain.connection())
    connection = add_connection()
    findings = connections.Findings(ABILITIES, (), 300)
    cloud = contract.Cloud(world.doras_cloud, f"Shop {new_order()}")
    external_id = create(domain.connection(), cloud)

    def unit() -> None:
        connections.record_test(connection.id, findings)
        put_on(connection.id, world.doras_cloud, external_id=external_id)

    db.write(unit)
    give(world.doras_cloud, CloudRole.EDITOR, to=SAM)
    return world.doras_cloud


def is_refused(secret: contract.Access) -> bool:
    try:
        sign_in(secret)
    except REFUSED:
        return True
    return False


def test_a_revoked_secret_and_token_stay_refused_when_the_role_is_given_again(
    shop: str, domain: Domain
) -> None:
    old = get_access(SAM, shop)
    wait_for_next_second()  # tokens of the second in which the password changed are dead
    session = sign_in(old)
    token = session.get_token()
    assert use_token(session, token) == 200

    revoke(shop, of=SAM)
    run_orders()

    assert memberships_of(SAM)[0].progress is Progress.ENDED
    assert is_refused(old)
    assert domain.users() == []

    give(shop, CloudRole.EDITOR, to=SAM)
    new = get_access(SAM, shop)
    assert not is_refused(new)
    assert is_refused(old)
    assert use_token(session, token) in (401, 404)


def test_a_blocked_person_is_refused_and_after_unblocking_gets_a_new_secret_only(shop: str) -> None:
    old = get_access(SAM, shop)
    db.write(lambda: people.block(user(SAM), by=COMMAND, reason=BlockReason.LEFT))
    run_orders()
    assert is_refused(old)
    db.write(lambda: people.unblock(user(SAM), by=COMMAND))
    new = get_access(SAM, shop)
    assert (is_refused(old), is_refused(new)) == (True, False)


def test_a_role_that_was_changed_by_hand_is_drift_and_is_given_again(
    shop: str, domain: Domain
) -> None:
    get_access(SAM, shop)
    (membership,), by = memberships_of(SAM), appoint_operator()
    member = contract.Member(membership.id)
    project = db.read(lambda: db.session.get_one(Cloud, shop).external_id) or ""

    def reconcile() -> list[Drift]:
        connection = db.read(lambda: db.session.scalars(select(Connection)).all())[-1]
        db.write(lambda: drift.queue_reconcile(connection, by=by))
        run_orders()
        rows = [row.drift for row in db.read(lambda: drift.drift_for(by, connection))]
        return [row for row in rows if row.kind is not DriftKind.RENAMED]  # as `shop` makes it

    assert reconcile() == []
    (person,) = domain.users()
    path = f"/projects/{project}/users/{person['id']}/roles"
    domain.admin.call("PUT", f"{path}/{domain.admin.role('reader')}")
    domain.admin.call("DELETE", f"{path}/{domain.admin.role('member')}")

    (found,) = reconcile()

    assert (found.kind, found.role) == (DriftKind.CHANGED_ROLE, "viewer")
    db.write(lambda: drift.restore(db.session.get_one(Drift, found.id), by=by))
    run_orders()
    assert domain.roles(project, member) == ["member"]
    assert reconcile() == []


def test_one_of_two_accesses_is_withdrawn(shop: str) -> None:
    first, second = (order_access(SAM, shop, name=name) for name in ("Laptop", "CI"))
    run_orders()
    secrets = [
        contract.Access(contract.How.CLOUDS_YAML, show(SAM, access_id).text)
        for access_id in (first, second)
    ]
    assert not any(is_refused(secret) for secret in secrets)
    withdraw(SAM, first)
    run_orders()
    assert access(first).progress is Progress.ENDED
    assert [is_refused(secret) for secret in secrets] == [True, False]
