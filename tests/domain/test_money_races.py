"""Two at once about money, on PostgreSQL, each with its control."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from portal import db
from portal.domain import charges, ledger, links, locks, statements, usage
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.usage import Delivery, UsageSource, publishing
from portal.worker import usage_posting
from tests.domain.test_link_races import GUARDED
from tests.domain.test_races import Run, race
from tests.support.jobs import run_usage
from tests.support.money import borne, charges_of, problems, row
from tests.support.months import MARCH
from tests.support.prices import prices_of, set_rate
from tests.support.usage import deliver, publish, stage
from tests.support.world import Clock, World

__all__ = ["race"]

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
D = Decimal
Unit = Callable[[], object]


def publish_unit(delivery_id: str) -> Unit:
    return lambda: usage.publish(db.session.get_one(Delivery, delivery_id), by=COMMAND)


def read_delivery(delivery: Delivery) -> tuple[UsageSource, Delivery]:
    """As `lock_delivery`, without any lock."""
    return delivery.source, delivery


def publish_again(outcomes: list[str], *delivery_ids: str) -> None:
    """Publish what lost, as the worker does."""
    assert outcomes in (["done", "done"], ["Outdated", "done"])
    for delivery_id in delivery_ids if "Outdated" in outcomes else ():
        publish(delivery_id)


@GUARDED
def test_a_row_that_is_published_while_its_cloud_is_linked_away_is_split(
    world: World, race: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    deliver(row("1", "unknown"), source="First")  # fixes the currency, which is a write
    rows = [row("7", world.doras_cloud, "02T09", "31T09"), row("1", "unknown")]
    staged = stage(*rows)
    clock.forward(days=1)

    def link() -> None:
        accounts = [(BillingAccount, getattr(world, of)) for of in ("direct", "south")]
        locks.lock(*accounts, (Cloud, world.doras_cloud))
        cloud = db.session.get_one(Cloud, world.doras_cloud)
        links.move(cloud, by=COMMAND, to=db.session.get_one(BillingAccount, world.south))

    if not is_guarded:
        monkeypatch.setattr(charges, "lock_payers", lambda _posting: None)
    outcomes = race(publish_unit(staged), link)
    publish_again(outcomes, staged)
    found = [problem.split(":")[0] for problem in problems()]
    if is_guarded:
        assert found == []
        assert set(charges_of("account_id")) == {(world.direct,), (world.south,)}
    else:
        assert set(found) == {"charges-differ-from-links"}


@GUARDED
def test_of_two_snapshots_of_one_period_the_last_alone_is_charged(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    first, second = (
        stage(row("1", world.doras_cloud)),
        stage(row("1", world.doras_cloud), row("1", "x")),
    )
    deliver(row("1", "unknown"), source="First")
    if not is_guarded:
        monkeypatch.setattr(publishing, "lock_delivery", read_delivery)
        monkeypatch.setattr(charges, "lock_payers", lambda _posting: None)
    outcomes = race(publish_unit(first), publish_unit(second))
    if is_guarded:
        assert outcomes == ["Outdated", "done"]
    assert charges_of("cloud_id") == {(world.doras_cloud,): D(1) if is_guarded else D(2)}


@GUARDED
def test_a_lot_that_is_given_while_usage_is_published_pays_for_it(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    deliver(row("1", "unknown"), source="First")
    staged = stage(row("4001", world.ninas_cloud))

    def give() -> None:
        account = db.session.get_one(BillingAccount, world.north)
        days = dict.fromkeys(("first_on", "last_on"), date(2026, 3, 2))
        ledger.give_lot(account, amount=D(9), reason="Sorry", by=COMMAND, **days)

    if not is_guarded:
        monkeypatch.setattr(charges, "lock_payers", lambda _posting: None)
    publish_again(race(publish_unit(staged), give), staged)
    found = [problem.split(":")[0] for problem in problems()]
    if is_guarded:
        assert found == []
        assert borne(world.north) == {("02", "lot"): D(4001)}
    else:
        assert found == ["debited-before-lot-is-spent"]


@GUARDED
def test_usage_that_is_published_while_a_rate_is_applied_is_priced_once(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    deliver(row("10", world.ninas_cloud))
    set_rate(world.north, "100")
    staged = stage(row("12", world.ninas_cloud))
    usage_posting.prepare_repricing(world.north, by=COMMAND)
    if not is_guarded:
        monkeypatch.setattr(charges, "lock_payers", lambda _posting: None)
    race(publish_unit(staged), lambda: charges.apply_rates(world.north))
    run_usage()
    publish(staged)
    found = {problem.split(":")[0] for problem in problems()}
    assert found == (set() if is_guarded else {"prices-differ-from-rates"})
    assert prices_of()[()][0] == (24 if is_guarded else 44)


@GUARDED
def test_what_is_removed_while_its_month_is_closed_is_on_this_statement_or_the_next(
    world: World, race: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    delivery_id = deliver(row("4003", world.ninas_cloud))
    usage_posting.prepare_removal(delivery_id, by=COMMAND)
    clock.forward(days=31)

    def close() -> None:
        statements.close(MARCH, by=COMMAND)
        while books := statements.next_books():
            statements.lock_books(books)
            if rows := statements.undrafted(books):
                statements.add_drafts(books, rows)
            statements.close_books(statements.plan_books(books))

    def remove() -> None:
        usage.remove(db.session.get_one(Delivery, delivery_id), by=COMMAND)

    if not is_guarded:
        monkeypatch.setattr(charges, "lock_payers", lambda _posting: None)
    race(close, remove)
    usage_posting.remove(delivery_id, by=COMMAND)
    found = {problem.split(":")[0] for problem in problems()}
    if is_guarded:
        assert found == set()
        assert sum(charges_of("month_on").values()) == 0
    else:
        assert "statements-differ-from-sums" in found
