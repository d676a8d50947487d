"""Claims: an existing cloud is registered, verified, and then a cloud of its author's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import access, claims, clouds, connections, doctor, team
from portal.domain.accounts import BillingAccount
from portal.domain.audit import AuditLine
from portal.domain.claims import LIFETIME, Claim, ClaimState
from portal.domain.errors import Refused
from portal.providers.contract import NeedsPerson, Role
from tests.support.claims import claim_now, clouds_with, map_person, register
from tests.support.connections import use_manual
from tests.support.jobs import run_upkeep
from tests.support.pretended_cloud import PretendedCloud, cloud_now, run_orders, use_pretended
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator
from tests.support.world import DORA, EDDIE, NINA, OLGA, SAM, VERA, Clock, World, actor, user


@pytest.fixture
def there(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> PretendedCloud:
    """A connection that has two clouds which nobody registered."""
    clear_mails()
    cloud = use_pretended(monkeypatch)
    for external_id in ("prj-1", "prj-2"):
        cloud.add(external_id)
    cloud.members["prj-1"] = {"dora@idp": Role.OWNER, "sam@idp": Role.EDITOR}
    cloud.members["prj-2"] = {"dora@idp": Role.ADMIN}
    return cloud


def place() -> str:
    return db.read(lambda: connections.default().id)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value.code


def verify(claim_id: str) -> None:
    by = appoint_operator()
    db.write(lambda: claims.verify(db.session.get_one(Claim, claim_id), by=by))


def take(verb: Callable[..., object], claim_id: str, email: str) -> None:
    by = actor(email)
    db.write(lambda: verb(db.session.get_one(Claim, claim_id), by=by))


def actions_about(thing: str) -> list[str]:
    query = select(AuditLine.action).where(AuditLine.thing == thing).order_by(AuditLine.seq)
    return list(db.read(lambda: db.session.scalars(query).all()))


def test_an_operator_verifies_and_the_cloud_is_adopted_at_its_connection(
    there: PretendedCloud,
) -> None:
    claim_id = register(place(), "prj-1")
    assert clouds_with("prj-1") == []

    verify(claim_id)

    (cloud,) = clouds_with("prj-1")
    owners = db.read(lambda: access.cloud_owners(cloud.id))
    payer = db.read(lambda: clouds.payer_of(db.session.get_one(clouds.Cloud, cloud.id)).name)
    assert (owners, payer) == ({user(DORA).id}, db.read(lambda: account_of(claim_id).name))
    assert (claim_now(claim_id).state, claim_now(claim_id).cloud_id) == ("verified", cloud.id)
    run_orders()
    assert there.marks["prj-1"] == cloud.id
    assert cloud_now(cloud.id).carried_out_name == "Old racks"
    assert actions_about(claim_id) == ["claim.register", "claim.verify"]
    assert actions_about(cloud.id) == ["cloud.adopt", "cloud.carry_out"]
    assert [result for result in doctor.run() if result.total] == []


def account_of(claim_id: str) -> BillingAccount:
    return db.session.get_one(BillingAccount, claim_now(claim_id).account_id)


@pytest.mark.parametrize(
    ("email", "external_id", "is_theirs"),
    [
        (DORA, "prj-1", True),
        (DORA, "prj-2", False),
        (DORA, "prj-3", False),
        (SAM, "prj-1", False),
    ],
)
def test_the_connection_verifies_for_a_mapped_person_who_owns_the_cloud_there(
    there: PretendedCloud, email: str, external_id: str, is_theirs: bool
) -> None:
    map_person(email, place(), f"{email.partition('@')[0]}@idp")
    claim_id = register(place(), external_id, by=email)
    run_orders()
    assert len(clouds_with(external_id)) == is_theirs
    assert claim_now(claim_id).state == ("verified" if is_theirs else "waiting")
    assert claim_now(claim_id).checked_at is not None


def test_who_is_not_mapped_asks_nobody(there: PretendedCloud) -> None:
    register(place(), "prj-1")
    run_orders()
    assert there.calls == []


def test_an_id_that_is_taken_reads_like_one_that_is_nobodys(there: PretendedCloud) -> None:
    verify(register(place(), "prj-1"))
    there.members["prj-1"] = {"sam@idp": Role.OWNER}
    map_person(SAM, place(), "sam@idp")

    states = []
    for external_id in ("prj-1", "nobody's"):
        claim = claim_now(register(place(), external_id, by=SAM))
        run_orders()
        claim = claim_now(claim.id)
        states.append((claim.state, claim.checked_at is None, claim.reason, claim.cloud_id))

    assert states[0] == states[1] == ("waiting", False, None, None)
    assert len(clouds_with("prj-1")) == 1


def test_an_operator_reads_that_it_is_taken(there: PretendedCloud) -> None:
    first, second = register(place(), "prj-1"), register(place(), "prj-1", by=SAM)
    verify(first)
    assert refused(lambda: verify(second)) == "external-id-taken"
    assert refused(lambda: verify(first)) == "claim-over"


def test_a_cloud_of_another_portal_is_not_marked_as_ours(there: PretendedCloud) -> None:
    claim_id = register(place(), "prj-1")
    verify(claim_id)
    there.fail(NeedsPerson("cloud-of-another", project="prj-1", id="b1gother"))
    run_orders()
    assert cloud_now(clouds_with("prj-1")[0].id).fault == "cloud-of-another"


def test_editors_of_an_account_that_can_pay_register(there: PretendedCloud, world: World) -> None:
    def outcome(email: str, account_id: str) -> str:
        return refused(lambda: register(place(), "x", by=email, account_id=account_id))

    assert outcome(VERA, world.north) == outcome(NINA, world.north) == "role-missing"
    assert register(place(), "x", by=EDDIE, account_id=world.north)
    assert outcome(OLGA, world.carls_subaccount) == "customer-not-confirmed"


def test_the_same_claim_twice_is_one_and_ten_a_day_are_enough(
    there: PretendedCloud, clock: Clock
) -> None:
    first = register(place(), "prj-1")
    assert register(place(), "prj-1") == first
    for number in range(8):
        register(place(), f"guess-{number}")
    take(claims.withdraw, first, DORA)
    assert refused(lambda: register(place(), "one more")) == "claims-many"
    assert register(place(), "prj-1", by=SAM)
    clock.forward(days=1, seconds=1)
    assert register(place(), "one more")


def test_nothing_of_a_built_in_or_closed_connection_is_registered(
    there: PretendedCloud,
) -> None:
    assert refused(lambda: register(connections.BUILTIN_ID, "x")) == "connection-closed"


def test_a_check_again_asks_again_after_a_minute(there: PretendedCloud, clock: Clock) -> None:
    map_person(DORA, place(), "dora@idp")
    claim_id = register(place(), "prj-2")
    run_orders()
    assert refused(lambda: take(claims.check_again, claim_id, DORA)) == "claim-just-checked"
    clock.forward(minutes=2)
    there.members["prj-2"] = {"dora@idp": Role.OWNER}
    take(claims.check_again, claim_id, DORA)
    run_orders()
    assert claim_now(claim_id).state == "verified"


def test_only_the_author_withdraws_and_then_nobody_verifies(there: PretendedCloud) -> None:
    claim_id = register(place(), "prj-1")
    assert refused(lambda: take(claims.withdraw, claim_id, SAM)) == "role-missing"
    take(claims.withdraw, claim_id, DORA)
    assert refused(lambda: verify(claim_id)) == "claim-over"
    assert refused(lambda: take(claims.check_again, claim_id, DORA)) == "claim-over"


def test_an_operator_refuses_with_a_reason(there: PretendedCloud) -> None:
    claim_id, by = register(place(), "prj-1"), appoint_operator()
    db.write(lambda: claims.refuse(db.session.get_one(Claim, claim_id), reason="Not yours", by=by))
    mine = db.read(lambda: claims.claims_of(actor(DORA), ClaimState.REFUSED))
    assert [row.claim.reason for row in mine] == ["Not yours"]
    assert db.read(lambda: claims.open_claims_for(by)) == []


def test_who_may_not_pay_any_more_gets_no_cloud(there: PretendedCloud, world: World) -> None:
    claim_id = register(place(), "prj-1", by=EDDIE, account_id=world.north)

    def leave() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        team.remove(of=user(EDDIE), partner=north, by=actor(OLGA))

    db.write(leave)
    assert refused(lambda: verify(claim_id)) == "claim-author"


def test_after_fourteen_days_it_is_over_and_deleted(there: PretendedCloud, clock: Clock) -> None:
    claim_id = register(place(), "prj-1")
    clock.forward(seconds=LIFETIME.total_seconds())
    assert refused(lambda: verify(claim_id)) == "claim-over"
    run_upkeep("purge-claims")
    assert db.read(lambda: db.session.get(Claim, claim_id)) is None


def test_a_manual_connection_shows_the_operator_what_to_name_there(
    app: Flask, world: World
) -> None:
    connection_id = use_manual()
    verify(register(connection_id, "rack 7"))
    by = appoint_operator()
    rows = db.read(lambda: clouds.to_carry_out(by))
    assert [(row.cloud.external_id, row.tasks) for row in rows] == [("rack 7", ["rename"])]
