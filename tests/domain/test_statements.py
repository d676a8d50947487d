"""Statements: what accounts and customers owe for a closed month, numbered and fixed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from portal import db
from portal.domain import customers, prices, statements, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer
from portal.domain.statements import State, Statement, making
from portal.domain.statements.rounding import apportion
from portal.domain.usage import Mode
from portal.worker import statement_making
from tests.domain.test_charges import move
from tests.domain.test_months import refusal, spend_grant
from tests.support.money import balance, entries, problems, row
from tests.support.months import (
    APRIL,
    MARCH,
    close,
    lines_of,
    make_statements,
    name_firm,
    payments_of,
    release,
    statement_of,
)
from tests.support.prices import apply_rate, set_rate
from tests.support.usage import deliver
from tests.support.world import NINA, OLGA, Clock, World, actor

D = Decimal


@pytest.fixture(autouse=True)
def proven(app: Flask) -> Iterator[None]:
    """After each test all sums are one, to the last digit."""
    yield
    assert problems() == []


def storage(cost: str, cloud_id: str, start: str = "02T10") -> dict[str, str]:
    return row(cost, cloud_id, start, ServiceName="Storage")


def test_lines_sum_to_the_total_and_the_balance_moves_by_what_is_printed(
    app: Flask, world: World, clock: Clock
) -> None:
    spend_grant(world)
    close_april_of_thirds = [storage("0.333333", world.ninas_cloud, f"1{n}T10") for n in range(2)]
    deliver(row("1.006", world.ninas_cloud), storage("0.335", world.ninas_cloud, "03T10"))
    deliver(*close_april_of_thirds, source="Third")
    close(clock)
    found = statement_of(world.north)
    assert (found.total, found.number, found.full_number) == (D("4002.01"), 1, "1")
    assert lines_of(found) == [
        (world.ninas_cloud, "Compute", D("4001.01")),
        (world.ninas_cloud, "Storage", D("1.00")),
    ]
    assert payments_of(found) == {"lot": D(4000), "personal": D("2.01")}
    assert entries(world.north)[-1] == ("rounding", D("-0.002334"), D("-2.01"))
    assert balance(world.north) == D("-2.01")


def test_each_account_that_pays_gets_the_next_number(
    app: Flask, world: World, clock: Clock
) -> None:
    deliver(row("1", world.ninas_cloud), row("2", world.doras_cloud))
    close(clock)
    deliver(row("3", world.ninas_cloud), row("2", world.doras_cloud), mode=Mode.OVERWRITE)
    close(clock, APRIL)
    numbers = sorted(statement_of(it).number or 0 for it in (world.north, world.direct))
    assert (numbers, statement_of(world.north, APRIL).number) == ([1, 2], 3)
    assert lines_of(statement_of(world.north, APRIL)) == [
        (world.ninas_cloud, "(Compute)", D("2.00"))
    ]


def test_what_is_paid_with_a_later_month_is_carried_to_its_statement(
    app: Flask, world: World, clock: Clock
) -> None:
    spend_grant(world)
    late = {"ChargePeriodStart": "2026-04-01T00:00:00Z", "ChargePeriodEnd": "2026-04-01T01:00:00Z"}
    deliver(row("2", world.ninas_cloud), row("0.125", world.ninas_cloud) | late)
    close(clock)
    march = statement_of(world.north)
    assert (march.total, payments_of(march)) == (
        D("4002.13"),
        {"carried": D("0.13"), "lot": D(4000), "personal": D("2.00")},
    )
    close(clock, APRIL)
    april = statement_of(world.north, APRIL)
    assert (april.total, lines_of(april)) == (D(0), [])
    assert payments_of(april) == {"brought": D("0.13"), "personal": D("0.13")}
    assert balance(world.north) == D("-2.13")


def test_a_customers_statement_is_a_draft_until_the_partner_releases_it(
    app: Flask, world: World, clock: Clock
) -> None:
    set_rate(world.north, "10")
    apply_rate(world.north, "0", 1, service="Storage", of=world.ninas_subaccount)
    deliver(row("1.006", world.ninas_cloud), storage("0.335", world.ninas_cloud, "03T10"))
    close(clock)
    draft = statement_of(world.ninas_subaccount)
    nina = actor(NINA)
    assert (draft.state, draft.number, draft.total) == (State.DRAFT, None, D("1.44"))
    assert db.read(lambda: db.find(Statement, draft.id, nina)) is None
    assert refusal(lambda: statements.release(draft, by=COMMAND)) == "statement-prices-hidden"
    name_firm(world.north)
    released = release(draft)
    assert (released.full_number, released.issuer["name"]) == ("NI-1", "North Integration GmbH")
    assert lines_of(released) == [
        (world.ninas_cloud, "Compute", D("1.11")),
        (world.ninas_cloud, "Storage", D("0.33")),
    ]
    assert db.read(lambda: db.find(Statement, draft.id, nina)) is not None
    told = text("SELECT count(*) FROM notices WHERE kind = 'statement.ready' AND target_id = :id")
    assert db.read(lambda: db.session.scalar(told.bindparams(id=draft.id))) == 1
    assert refusal(lambda: statements.release(draft, by=COMMAND)) == "statement-released"


def test_usage_of_days_before_the_month_is_on_its_statement(
    app: Flask, world: World, clock: Clock
) -> None:
    """Such as in a billing time zone west of UTC, before the first closing."""
    spent = {"BillingPeriodStart": "2026-04-01", "BillingPeriodEnd": "2026-05-01"}
    deliver(row("4002", world.ninas_cloud) | spent)
    close(clock, APRIL)
    april = statement_of(world.north, APRIL)
    assert payments_of(april) == {"lot": D(4000), "personal": D(2)}


def test_a_missing_price_holds_up_its_customer_alone(
    app: Flask, world: World, clock: Clock
) -> None:
    move(world.doras_cloud, world.carls_subaccount)
    apply_rate(world.north, "0", of=world.ninas_subaccount)
    clock.forward(days=1)
    deliver(row("1", world.ninas_cloud, "04T10"), row("2", world.doras_cloud, "04T10"))
    close(clock)
    name_firm(world.north)

    def unit() -> statements.Released:
        north = db.session.get_one(BillingAccount, world.north)
        return statements.release_some(north, month_on=MARCH, by=COMMAND, after="")

    assert db.write(unit).released == 1
    assert statement_of(world.ninas_subaccount).full_number == "NI-1"
    held = statement_of(world.carls_subaccount)
    assert refusal(lambda: statements.release(held, by=COMMAND)) == "statement-prices-missing"
    assert release(held, leave_out=True).full_number == "NI-2"


def test_prices_that_a_customer_does_not_see_hold_up_its_statement(
    app: Flask, world: World, clock: Clock
) -> None:
    apply_rate(world.north, "0")
    deliver(row("1", world.ninas_cloud))
    close(clock)
    name_firm(world.north)

    def unit() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        prices.withdraw(north, by=COMMAND, subaccount_id=world.ninas_subaccount)

    db.write(unit)
    draft = statement_of(world.ninas_subaccount)
    assert refusal(lambda: statements.release(draft, by=COMMAND)) == "statement-prices-hidden"


def test_the_month_in_which_a_partnership_ends_gets_a_last_statement(
    app: Flask, world: World, clock: Clock
) -> None:
    end_partnership(world)
    close(clock)
    draft = statement_of(world.ninas_subaccount)
    assert (draft.is_last, draft.total) == (True, D(0))
    name_firm(world.north)
    release(draft)
    assert db.read(lambda: db.find(Statement, draft.id, actor(NINA))) is not None


def end_partnership(world: World) -> None:
    """Nina's clouds leave, and her partnership ends."""
    move(world.ninas_cloud, world.south)
    customer = db.read(lambda: db.session.get_one(Customer, world.ninas_customer))
    db.write(lambda: customers.end_partnership(customer, by=COMMAND))


def test_a_customer_is_erased_from_statements_only_when_they_need_not_be_kept(
    app: Flask, world: World, clock: Clock
) -> None:
    apply_rate(world.north, "0")
    deliver(row("1", world.ninas_cloud))
    end_partnership(world)
    close(clock)
    name_firm(world.north)
    released = release(statement_of(world.ninas_subaccount))
    assert released.recipient["name"]

    def erase(**options: bool) -> None:
        customer = db.session.get_one(Customer, world.ninas_customer)
        workflows.erase_customer(customer, by=COMMAND, **options)

    assert refusal(erase) == "statements-kept"
    db.write(lambda: erase(with_statements=True))
    assert statement_of(world.ninas_subaccount).recipient == {}
    names = text("SELECT DISTINCT customer FROM statement_lines")
    assert db.read(lambda: list(db.session.scalars(names))) == [""]


def test_a_released_statement_is_fixed(app: Flask, world: World, clock: Clock) -> None:
    deliver(row("1", world.ninas_cloud))
    close(clock)
    for forbidden in (
        "UPDATE statements SET total = 0 WHERE number = 1",
        'UPDATE statements SET recipient = \'{"name": "x"}\' WHERE number = 1',
        "DELETE FROM statements",
        "UPDATE statement_lines SET amount = 0",
        "UPDATE statement_lines SET customer = 'x'",
        "DELETE FROM statement_lines",
        "INSERT INTO statement_lines SELECT statement_id, 9, account_id, customer, cloud_id, cloud,"
        " service, is_correction, amount, micros, rest FROM statement_lines",
    ):
        with pytest.raises(DBAPIError):
            db.write(lambda: db.session.execute(text(forbidden)))  # noqa: B023


def test_parts_are_rounded_by_largest_remainder(kind: str) -> None:
    third = 10**15 // 3
    assert apportion([third] * 3, D("1.00"), 2) == [D("0.34"), D("0.33"), D("0.33")]
    assert apportion([-third, 2 * third], D("0.33"), 2) == [D("-0.33"), D("0.66")]
    assert apportion([10**15, 0], D("1.00"), 2) == [D("1.00"), D("0.00")]
    assert apportion([5 * 10**14], D(1), 0) == [D(1)]


@pytest.mark.both_databases
def test_a_worker_that_died_while_it_added_lines_goes_on_after_the_last_one(
    app: Flask, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "LINES_BATCH", 2)
    monkeypatch.setattr(statements, "LINES_BATCH", 2)
    services = [f"Service {number}" for number in range(7)]
    deliver(*(row("1.115", world.ninas_cloud, ServiceName=name) for name in services))
    clock.forward(days=31)
    db.write(lambda: statements.close(MARCH, by=COMMAND))
    while (books := db.read(statements.next_books)) and books.account_id != world.north:
        statement_making.advance()
    assert books is not None
    assert statement_making.advance()  # drafts
    plan = db.read(lambda: statements.plan_books(books))
    assert [db.write(lambda: statements.add_some_lines(plan)) for _ in range(2)] == [True, True]
    half = statement_of(world.north)
    assert half.state is State.DRAFT
    assert db.read(lambda: db.find(Statement, half.id, actor(OLGA))) is None
    make_statements()
    assert [line[1] for line in lines_of(statement_of(world.north))] == services
    assert statement_of(world.north).total == D("7.81")
    db.write(lambda: statements.close_books(plan))  # another worker has done it
    assert len(lines_of(statement_of(world.north))) == 7
