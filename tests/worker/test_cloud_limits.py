"""Limits of clouds: operators set them, the connection carries them out."""

from __future__ import annotations

import pytest
from flask import Flask

from portal import db
from portal.domain import clouds, connections
from portal.domain.clouds import ProgressState, Task
from portal.domain.connections import Findings
from portal.domain.errors import Forbidden, Refused
from portal.domain.values import Invalid
from portal.providers.contract import Later, NeedsPerson
from tests.support.clouds import create_cloud
from tests.support.pretended_cloud import (
    PretendedCloud,
    cloud_now,
    progress,
    run_orders,
    use_pretended,
)
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, SAM, World, signed_in


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    clear_mails()
    pretended = use_pretended(monkeypatch)
    find_limits("limits")
    return pretended


def find_limits(*abilities: str) -> None:
    """Let the default connection have found that it has these abilities."""
    connection_id = db.read(connections.default).id
    db.write(lambda: connections.record_test(connection_id, Findings(abilities)))


def limit(cloud_id: str, **limits: str) -> None:
    by, cloud = appoint_operator(), cloud_now(cloud_id)
    db.write(lambda: clouds.limit(cloud, limits=limits, by=by))


def test_limits_are_carried_out_changed_and_taken_off(there: PretendedCloud) -> None:
    shop = create_cloud(DORA, name="shop")
    run_orders()
    limit(shop, cpu="4", memory="8", disk="")
    assert progress(shop).state is ProgressState.LIMITING
    run_orders()
    cloud = there.clouds[f"ext-{shop}"]
    assert (cloud["limits"], progress(shop).state) == ({"cpu": 4, "memory": 8}, "ready")
    limit(shop, memory="16")
    run_orders()
    assert cloud["limits"] == {"cpu": None, "memory": 16}
    calls = list(there.calls)
    limit(shop, memory="16")
    run_orders()
    assert there.calls == calls


def test_limits_that_change_meanwhile_are_ordered_again(there: PretendedCloud) -> None:
    shop = create_cloud(DORA, name="shop")
    run_orders()
    limit(shop, cpu="4")
    there.meanwhile.append(lambda: limit(shop, cpu="2"))
    run_orders()
    assert there.clouds[f"ext-{shop}"]["limits"] == {"cpu": 2}
    assert progress(shop).state is ProgressState.READY


def test_an_answer_that_was_lost_is_asked_for_again_and_a_refusal_is_shown(
    there: PretendedCloud,
) -> None:
    shop = create_cloud(DORA, name="shop")
    run_orders()
    limit(shop, cpu="4")
    there.fail(Later("lost"), is_done=True)
    run_orders()
    assert progress(shop).tasks == (Task.LIMIT,)
    limit(shop, cpu="1")
    there.fail(NeedsPerson("lxd-change-refused", project="p", said="in use"))
    run_orders()
    assert progress(shop).failed_task is Task.LIMIT
    limit(shop, cpu="8")
    run_orders()
    assert progress(shop).state is ProgressState.READY


def test_new_clouds_have_the_limits_of_the_connection(there: PretendedCloud) -> None:
    connection, by = db.read(connections.default), appoint_operator()
    db.write(lambda: connections.limit_new_clouds(connection, limits={"cpu": "2"}, by=by))
    shop = create_cloud(DORA, name="shop")
    run_orders()
    assert there.clouds[f"ext-{shop}"]["limits"] == {"cpu": 2}
    assert progress(shop).state is ProgressState.READY


def test_limits_need_an_operator_a_connection_that_has_them_and_numbers(
    there: PretendedCloud,
) -> None:
    shop = create_cloud(DORA, name="shop")
    run_orders()
    for typed in ("0", "-1", "1.5", "1000001", "four"):
        with pytest.raises(Invalid):
            limit(shop, cpu=typed)
    with pytest.raises(Refused, match="limits-not-offered"):
        limit(shop, cores="4")
    sam, cloud = signed_in(SAM), cloud_now(shop)
    with pytest.raises(Forbidden):
        db.write(lambda: clouds.limit(cloud, limits={"cpu": "4"}, by=sam))
    find_limits()
    with pytest.raises(Refused, match="limits-not-offered"):
        limit(shop, cpu="4")
    assert cloud_now(shop).limits == {}
