"""Two at once about a partnership that ends, on PostgreSQL, each with its control."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

from portal import db
from portal.domain import accounts, audit, customers, doctor, links, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, WORKER, Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from portal.domain.identity import User
from portal.domain.invitations import Invitation
from tests.domain.test_races import Run, Unit, count, race, without_locks
from tests.support.clouds import create_cloud, link_preview, own_account_id, payer_ids
from tests.support.ending import EARLIEST, come_to, give_notice
from tests.support.world import NINA, OLGA, Clock, World, actor, signed_in, user

__all__ = ["race"]

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
GUARDED = pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])


@pytest.fixture
def shop(app: Flask, world: World, clock: Clock) -> str:
    """The ID of a cloud of Nina's in her subaccount."""
    return create_cloud(OLGA, payer=world.ninas_subaccount)


def linking(cloud_id: str, to: str) -> Unit:
    """Nina has looked at the effect and presses *Link*."""
    nina, shown = actor(NINA), link_preview(cloud_id, to, NINA).digest

    def unit() -> object:
        account = db.session.get_one(BillingAccount, to)
        cloud = db.session.get_one(Cloud, cloud_id)
        return links.link(cloud, by=nina, to=account, preview_digest=shown)

    return unit


def noticing(world: World, by: Actor, ends_on: date = EARLIEST) -> Unit:
    def unit() -> None:
        customer = db.session.get_one(Customer, world.ninas_customer)
        customers.give_notice(customer, ends_on=ends_on, by=by)

    return unit


def ending(world: World) -> Unit:
    return lambda: workflows.end_partnership_on_its_day(world.ninas_customer, by=WORKER)


@GUARDED
def test_nothing_is_linked_after_the_notice(
    world: World, clock: Clock, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    own = create_cloud(NINA)
    units = linking(own, world.ninas_subaccount), noticing(world, signed_in(OLGA))
    if not is_guarded:
        without_locks(monkeypatch, BillingAccount)
    outcomes = race(*units)
    is_linked = payer_ids(own)[0] == world.ninas_subaccount
    if not is_guarded:
        assert (outcomes, is_linked) == (["done", "done"], True)
    elif is_linked:
        lines = db.session.query(audit.AuditLine).filter_by(chain=world.north)
        seqs = {line.action: line.seq for line in lines}
        assert seqs["cloud.link"] < seqs["partnership.give_notice"]
    else:
        assert outcomes == ["done", "partnership-ending"]


@GUARDED
def test_notice_is_given_once(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    units = noticing(world, signed_in(OLGA)), noticing(world, COMMAND, date(2026, 5, 1))
    if not is_guarded:
        without_locks(monkeypatch, BillingAccount, Cloud, Customer, Invitation)
    assert race(*units) == (["done", "notice-given"] if is_guarded else ["done", "done"])


@GUARDED
def test_two_workers_end_a_partnership_once(  # noqa: PLR0917
    world: World,
    clock: Clock,
    shop: str,
    race: Run,
    monkeypatch: pytest.MonkeyPatch,
    is_guarded: bool,
) -> None:
    give_notice(world)
    come_to(clock, EARLIEST)
    if not is_guarded:
        without_locks(monkeypatch, User, BillingAccount, Cloud, Customer)
    outcomes = race(ending(world), ending(world))
    assert outcomes == (["done", "done"] if is_guarded else ["IntegrityError", "done"])
    assert payer_ids(shop) == [own_account_id(NINA), world.ninas_subaccount]
    assert count("partnership.end") == 1
    assert [result for result in doctor.run() if result.total] == []


def test_a_cloud_that_its_owner_links_away_on_the_day_moves_once(
    world: World, clock: Clock, shop: str, race: Run
) -> None:
    own = db.write(lambda: accounts.open_paid(user(NINA), by=COMMAND).id)
    give_notice(world)
    come_to(clock, EARLIEST)
    outcomes = race(linking(shop, own), ending(world))
    is_first = payer_ids(shop) == [own, world.ninas_subaccount]
    assert outcomes == (["done", "done"] if is_first else ["done", "effect-changed"])
    assert len(payer_ids(shop)) == 2
    assert db.session.get_one(Customer, world.ninas_customer).status is Status.INACTIVE


def test_a_withdrawal_on_the_day_loses(world: World, clock: Clock, race: Run) -> None:
    olga = signed_in(OLGA)
    give_notice(world)
    come_to(clock, EARLIEST)

    def withdraw() -> None:
        customers.withdraw_notice(db.session.get_one(Customer, world.ninas_customer), by=olga)

    assert race(withdraw, ending(world)) == ["done", "notice-missing"]
    assert db.session.get_one(Customer, world.ninas_customer).status is Status.INACTIVE


def test_a_withdrawal_before_the_day_is_seen_by_the_worker(
    world: World, clock: Clock, race: Run
) -> None:
    olga = signed_in(OLGA)
    give_notice(world)
    come_to(clock, EARLIEST, seconds=1)

    def withdraw() -> None:
        customers.withdraw_notice(db.session.get_one(Customer, world.ninas_customer), by=olga)
        clock.forward(hours=1)  # the day begins before the commit

    assert race(withdraw, ending(world)) == ["done", "done"]
    assert db.session.get_one(Customer, world.ninas_customer).status is Status.ACTIVE
