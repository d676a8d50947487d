"""Two at once about one cloud, on PostgreSQL: I3 and I6, each with its control."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, accounts, audit, cloud_access, customers, links
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from tests.domain.test_races import Run, Unit, race, without_locks
from tests.support.clouds import (
    accept_carls_invitation,
    assign_cloud_role,
    create_cloud,
    grant,
    link_preview,
    own_account_id,
    payer_ids,
    switch_to_paid,
)
from tests.support.world import CARL, EDDIE, NINA, OLGA, Clock, World, actor, signed_in, user

__all__ = ["race"]

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
GUARDED = pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])


def linked(cloud_id: str, to: str, by: str) -> Unit:
    """Somebody has looked at the effect and presses *Link*, as the page sends it."""
    who, shown = actor(by), link_preview(cloud_id, to, by).digest

    def unit() -> object:
        found = db.session.get_one(Cloud, cloud_id)
        return links.link(
            found, by=who, to=db.session.get_one(BillingAccount, to), preview_digest=shown
        )

    return unit


@pytest.fixture
def shared(app: object, world: World, clock: Clock) -> str:
    """The ID of a cloud of Nina's, on which North's role is in effect."""
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    return shop


@GUARDED
def test_two_people_link_one_cloud_to_two_accounts_and_one_wins(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    shop = create_cloud(NINA)
    assign_cloud_role(CARL, shop)
    switch_to_paid(CARL)
    units = [linked(shop, world.ninas_subaccount, NINA), linked(shop, own_account_id(CARL), CARL)]
    if not is_guarded:
        without_locks(monkeypatch, Cloud, BillingAccount)
    outcomes = race(*units)
    if is_guarded:
        assert outcomes == ["done", "effect-changed"]
    else:  # the chain's constraints still hold, but who loses reads no sentence
        assert outcomes == ["IntegrityError", "done"]
    assert len(payer_ids(shop)) == 2
    assert audit.find_broken_links() == []


@GUARDED
def test_there_is_never_a_link_after_the_revoke(
    world: World, shared: str, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    nina, found = actor(NINA), db.session.get_one(Cloud, shared)
    press = linked(shared, world.ninas_subaccount, EDDIE)

    def revoke() -> None:
        cloud_access.revoke_partner(db.session.get_one(Cloud, shared), by=nina, of=world.north)

    if not is_guarded:
        without_locks(monkeypatch, Cloud, BillingAccount)
    outcomes = race(press, revoke)
    is_linked = payer_ids(shared)[0] == world.ninas_subaccount
    assert found is not None
    if is_guarded and is_linked:
        assert outcomes == ["done", "done"]
        assert linked_before_revoked(world)
    elif is_guarded:
        assert outcomes == ["done", "role-insufficient"]
    else:
        assert outcomes == ["done", "done"]


def linked_before_revoked(world: World) -> bool:
    """By the order of the audit chains' lines, which is that of the commits."""
    lines = db.session.query(audit.AuditLine).filter_by(chain=world.north)
    seqs = {line.action: line.seq for line in lines}
    return seqs["cloud.link"] < seqs.get("cloud_access.revoke_partner", 10**9)


@GUARDED
def test_staff_who_are_removed_link_nothing_afterwards(
    world: World, shared: str, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    olga, eddie = actor(OLGA), user(EDDIE)
    press = linked(shared, world.ninas_subaccount, EDDIE)

    def remove() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        access.revoke(of=eddie, account=north, by=olga)

    if not is_guarded:
        without_locks(monkeypatch, BillingAccount, Cloud)
    assert_never_after(race(press, remove), shared, world.ninas_subaccount, is_guarded)


@GUARDED
@pytest.mark.parametrize("verb", [customers.suspend, customers.end_partnership])
def test_nothing_is_linked_to_a_customer_who_is_suspended_or_gone(  # noqa: PLR0917
    world: World,
    shared: str,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
    is_guarded: bool,
    verb: Callable[..., None],
) -> None:
    olga = signed_in(OLGA)
    press = linked(shared, world.ninas_subaccount, EDDIE)

    def stop() -> None:
        verb(db.session.get_one(Customer, world.ninas_customer), by=olga)

    if not is_guarded:
        without_locks(monkeypatch, BillingAccount, Cloud)
    outcomes = race(press, stop)
    if "clouds-linked" in outcomes:  # the link came first, and so the end did not come
        assert payer_ids(shared)[0] == world.ninas_subaccount
    else:
        assert_never_after(outcomes, shared, world.ninas_subaccount, is_guarded)


@GUARDED
def test_a_paid_cloud_never_comes_to_a_trial_account_though_its_payer_switches_meanwhile(
    world: World, shared: str, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    assign_cloud_role(NINA, world.doras_cloud)
    press = linked(world.doras_cloud, own_account_id(NINA), NINA)

    def switch() -> None:
        accounts.switch_to_paid(db.lock(BillingAccount, world.direct), by=COMMAND)

    if not is_guarded:
        without_locks(monkeypatch, BillingAccount, Cloud)
    assert_never_after(race(press, switch), world.doras_cloud, own_account_id(NINA), is_guarded)


def assert_never_after(outcomes: list[str], cloud_id: str, to: str, is_guarded: bool) -> None:
    """Guarded, the two are one after the other: where the link came second it is refused."""
    is_linked = payer_ids(cloud_id)[0] == to
    if not is_guarded:
        assert (outcomes, is_linked) == (["done", "done"], True)
    else:
        assert outcomes.count("done") == (2 if is_linked else 1)


def test_two_who_each_link_the_others_cloud_do_not_wait_for_each_other(
    world: World, race: Run
) -> None:
    accept_carls_invitation()
    first, second = create_cloud(NINA), create_cloud(CARL)
    assign_cloud_role(CARL, first)
    assign_cloud_role(NINA, second)
    for who in (NINA, CARL):
        switch_to_paid(who)
    db.write(
        lambda: access.assign_account_role(
            AccountRole.ADMIN,
            to=user(NINA).id,
            account=db.lock(BillingAccount, own_account_id(CARL)),
            by=COMMAND,
        )
    )
    units = [
        linked(first, own_account_id(CARL), NINA),
        linked(second, world.carls_subaccount, CARL),
    ]
    assert race(*units) == ["done", "done"]
