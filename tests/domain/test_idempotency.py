"""The same form sent twice acts once: same key, same answer, one effect."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from portal import db
from portal.domain import clouds, customers, idempotency
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from portal.domain.idempotency import IdempotencyKey
from tests.support.world import CARL, DORA, EDDIE, NINA, OLGA, Clock, World, actor, all_rows, draft

pytestmark = pytest.mark.both_databases

KEY = "k" * 22


def add_folder(
    world: World, *, name: str = "shop", key: str = KEY, body: Mapping[str, object] | None = None
) -> str:
    """Dora sends the form *Create folder*; the ID of the folder it made, now or before."""

    def unit() -> str:
        by, parent = actor(DORA), db.lock(Cloud, world.doras_cloud)
        return idempotency.run_once(
            by,
            key,
            {"name": name} if body is None else body,
            lambda: clouds.create_folder(parent, by=by, name=name).id,
        )

    return db.write(unit)


def folders(world: World) -> list[str]:
    return [f.name for f in clouds.folders_of(db.session.get_one(Cloud, world.doras_cloud))]


def test_sending_a_form_twice_acts_once_and_answers_the_same(app: object, world: World) -> None:
    first = add_folder(world)
    before = all_rows()
    assert add_folder(world) == first
    assert all_rows() == before
    assert folders(world) == ["default", "shop"]


def test_adding_twice_with_one_form_key_adds_one_customer(app: object, world: World) -> None:
    def add() -> str:
        by, partner = actor(EDDIE), db.lock(BillingAccount, world.north)
        return idempotency.run_once(
            by, KEY, {"name": "New"}, lambda: customers.add(partner, by=by, draft=draft()).id
        )

    partner = db.session.get_one(BillingAccount, world.north)
    before = customers.counts_for(actor(OLGA), partner).total
    assert db.write(add) == db.write(add)
    assert customers.counts_for(actor(OLGA), partner).total == before + 1


def test_the_order_of_the_fields_makes_no_other_body(app: object, world: World) -> None:
    first = add_folder(world, body={"name": "shop", "note": "ü", "tick": True})
    assert add_folder(world, body={"tick": True, "note": "ü", "name": "shop"}) == first


@pytest.mark.parametrize("body", [{"name": "other"}, {"name": "shop", "more": ""}, {}])
def test_the_same_key_with_another_body_is_refused(
    app: object, world: World, body: dict[str, object]
) -> None:
    add_folder(world)
    before = all_rows()
    with pytest.raises(Refused, match="form-key-reused"):
        add_folder(world, body=body)
    assert all_rows() == before


def test_another_key_acts_again(app: object, world: World) -> None:
    first = add_folder(world)
    assert add_folder(world, name="second", key="other" * 5) != first
    assert folders(world) == ["default", "second", "shop"]


def test_a_key_belongs_to_its_user(app: object, world: World) -> None:
    mine = add_folder(world)

    def ninas() -> str:
        by, parent = actor(NINA), db.lock(Cloud, world.ninas_cloud)
        effect = clouds.create_folder
        return idempotency.run_once(
            by, KEY, {"name": "shop"}, lambda: effect(parent, by=by, name="shop").id
        )

    assert db.write(ninas) != mine


def test_a_form_that_was_refused_may_be_sent_again(app: object, world: World) -> None:
    before = all_rows()
    with pytest.raises(Refused, match="folder-name-taken"):
        add_folder(world, name="default")
    assert all_rows() == before, "the key is stored only with the effect"
    add_folder(world)
    assert folders(world) == ["default", "shop"]


def test_a_key_is_kept_for_a_day_at_least_and_then_forgotten(
    app: object, world: World, clock: Clock
) -> None:
    first = add_folder(world)
    clock.forward(hours=24)
    db.write(idempotency.purge_expired)
    assert add_folder(world) == first
    clock.forward(hours=25)
    db.write(idempotency.purge_expired)
    assert db.session.query(IdempotencyKey).all() == []


def test_whether_a_form_has_acted_is_known_to_its_user_only(app: object, world: World) -> None:
    assert not idempotency.has_run(actor(DORA), KEY)
    add_folder(world)
    assert idempotency.has_run(actor(DORA), KEY)
    assert not idempotency.has_run(actor(NINA), KEY)


def test_a_key_is_no_way_around_the_roles(app: object, world: World) -> None:
    add_folder(world)

    def carls() -> str:
        by, parent = actor(CARL), db.lock(Cloud, world.doras_cloud)
        effect = clouds.create_folder
        return idempotency.run_once(
            by, KEY, {"name": "shop"}, lambda: effect(parent, by=by, name="shop").id
        )

    with pytest.raises(Refused, match="role-missing"):
        db.write(carls)
