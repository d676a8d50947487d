"""The steps of operators with people and partners lock in the one order, as signed-in operators
take them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import accounts, people, values, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from tests.domain.test_lock_order import faults
from tests.support.work import appoint_operator
from tests.support.world import EDDIE, NINA, OLGA, World, user

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def own(world: World) -> BillingAccount:
    return db.session.get_one(BillingAccount, world.direct)


STEPS: dict[str, Callable[[World, Actor], object]] = {
    "disable": lambda _world, by: workflows.disable_user(user(OLGA), by=by, heir=user(EDDIE)),
    "enable": lambda _world, by: workflows.enable_user(user(OLGA), by=by),
    "appoint": lambda _world, by: people.appoint_operator(user(NINA), by=by),
    "allow": lambda _world, by: people.allow(values.email("new@comer.example"), by=by),
    "grant": lambda world, by: accounts.grant_partner_status(own(world), name="New", by=by),
    "revoke": lambda world, by: workflows.revoke_partner_status(own(world), by=by),
}


def test_operators_steps_lock_in_the_one_order(app: object, world: World) -> None:
    by = appoint_operator()
    found = {name: faults(lambda step=step: step(world, by)) for name, step in STEPS.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}
