"""Two verifications at once, on PostgreSQL: one cloud has the ID at its connection."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import text

from portal import db
from portal.domain import claims
from portal.domain.claims import Claim
from tests.domain.test_lock_order import faults
from tests.domain.test_races import Run, race
from tests.support.claims import clouds_with, map_person, register
from tests.support.connections import use_manual
from tests.support.memberships import pretend_connection
from tests.support.work import appoint_operator
from tests.support.world import DORA, SAM, World, actor

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

__all__ = ["race"]


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_of_two_claims_to_one_cloud_one_is_verified(
    world: World, race: Run, is_guarded: bool
) -> None:
    connection_id, by = use_manual(), appoint_operator()
    ids = [register(connection_id, "rack 7", by=email) for email in (DORA, SAM)]
    if not is_guarded:
        drop = "ALTER TABLE clouds DROP CONSTRAINT uq_clouds_connection_id_external_id"
        db.write(lambda: db.session.execute(text(drop)))

    outcomes = race(
        *(partial(lambda i: claims.verify(db.session.get_one(Claim, i), by=by), i) for i in ids)
    )

    assert outcomes == (["done", "external-id-taken"] if is_guarded else ["done", "done"])
    assert len(clouds_with("rack 7")) == (1 if is_guarded else 2)


def test_verbs_of_claims_lock_in_the_one_order(app: object, world: World) -> None:
    connection_id, by = db.write(pretend_connection), appoint_operator()
    map_person(DORA, connection_id, "dora@idp")
    first, second = (register(connection_id, external_id) for external_id in ("1", "2"))
    third = register(connection_id, "3", by=SAM)
    for unit in (
        lambda: claims.verify(db.session.get_one(Claim, third), by=by),
        lambda: claims.record_check(first, is_owner=True),
        lambda: claims.withdraw(db.session.get_one(Claim, second), by=actor(DORA)),
    ):
        assert faults(unit) == []
