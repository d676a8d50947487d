"""Verbs of memberships, and what the worker records of them, lock in the one order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import memberships, people, team, workflows
from portal.domain.access import CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.identity import BlockReason
from portal.domain.memberships import Access
from tests.domain.test_lock_order import Unit, faults
from tests.support.cloud_access import give
from tests.support.memberships import (
    add_memberships,
    memberships_of,
    order_access,
    pretend_connection,
    put_on,
)
from tests.support.world import DORA, EDDIE, OLGA, World, actor, signed_in, user

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def _have_access(world: World) -> str:
    """Dora has two accesses to her cloud, the first made, and Eddie a membership; the first."""
    db.write(lambda: put_on(pretend_connection(), world.doras_cloud, world.ninas_cloud))
    db.write(lambda: add_memberships(EDDIE, world.doras_cloud, world.ninas_cloud))
    first = order_access(DORA, world.doras_cloud)
    order_access(DORA, world.doras_cloud)
    db.write(lambda: memberships.record_made(first, how="text", text="x"))
    return first


def _show_access(world: World) -> Unit:
    access_id, by = _have_access(world), signed_in(DORA)
    return lambda: memberships.show(db.session.get_one(Access, access_id), by=by)


def _withdraw_access(world: World) -> Unit:
    access_id, by = _have_access(world), actor(DORA)
    return lambda: memberships.withdraw(db.session.get_one(Access, access_id), by=by)


def _withdraw_unseen(world: World) -> Unit:
    _have_access(world)
    return memberships.withdraw_unseen


def _block_member(world: World) -> Unit:
    _have_access(world)
    return lambda: people.block(user(EDDIE), by=COMMAND, reason=BlockReason.LEFT)


def _unblock_member(world: World) -> Unit:
    db.write(_block_member(world))
    return lambda: people.unblock(user(EDDIE), by=COMMAND)


def _remove_member(world: World) -> Unit:
    _have_access(world)
    give(world.doras_cloud, CloudRole.EDITOR, to=world.north)
    by = actor(OLGA)
    return lambda: team.remove(
        of=user(EDDIE), partner=db.session.get_one(BillingAccount, world.north), by=by
    )


def _disable_member(world: World) -> Unit:
    _have_access(world)
    return lambda: workflows.disable_user(user(DORA), by=COMMAND, heir=user(EDDIE))


def _map_person(world: World) -> Unit:
    _have_access(world)
    connection = db.session.get_one(Cloud, world.doras_cloud).connection_id
    names = {"provider": "idp", "subject": "dora"}
    return lambda: memberships.map_person(
        user(DORA), db.session.get_one(Connection, connection), by=COMMAND, **names
    )


def _record_granted(world: World) -> Unit:
    _have_access(world)
    row = memberships_of(DORA)[0]
    return lambda: memberships.record_granted(row.id, CloudRole.OWNER)


def _record_revoked(world: World) -> Unit:
    """Dora asks again before the revoke is carried out."""
    db.write(_map_person(world))
    first = memberships_of(DORA)[0]
    return lambda: memberships.record_revoked(first.id, None)


@pytest.mark.parametrize(
    "begin",
    [
        _show_access,
        _withdraw_access,
        _withdraw_unseen,
        _block_member,
        _unblock_member,
        _remove_member,
        _disable_member,
        _map_person,
        _record_granted,
        _record_revoked,
    ],
    ids=lambda begin: begin.__name__,
)
def test_they_lock_in_the_one_order(
    app: object, world: World, begin: Callable[[World], Unit]
) -> None:
    assert faults(begin(world)) == []
