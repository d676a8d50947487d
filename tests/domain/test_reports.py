"""Reports: who reads which figure; each reads kept totals by their indexes, never to their end."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from portal import db
from portal.domain import prices, reports
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.errors import Forbidden
from portal.domain.ledger import Lot
from portal.domain.totals import By
from tests.support.clouds import create_cloud
from tests.support.money import row
from tests.support.months import close
from tests.support.usage import deliver
from tests.support.world import ACE, DORA, EDDIE, NINA, OLGA, VERA, Clock, World, actor

APRIL = date(2026, 4, 1)


def read_all(world: World) -> None:
    for account_id, by in ((world.north, By.CUSTOMER), (world.ninas_subaccount, By.CLOUD)):
        account = db.session.get_one(BillingAccount, account_id)
        reports.first_month(account_id)
        reports.overview(account, APRIL)
        reports.series_of(account_id, by, APRIL)
        reports.trends_of(account_id, by, APRIL, ["x", "y"])
        reports.rows_of(account_id, by, APRIL, after=(5, "x"))
        reports.grown(account_id, by, APRIL, Decimal(1))
        reports.stopped(account_id, by, APRIL)
        reports.lines_of(account, APRIL, after=("a", "b", "c", "d", "e"))


@pytest.mark.both_databases
def test_no_report_reads_or_sorts_more_than_it_shows(app: Flask, world: World, kind: str) -> None:
    asked: list[tuple[str, Any]] = []
    engine = db.extension.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    db.read(lambda: read_all(world))
    reports_asked = [it for it in asked if "usage_" in it[0] or "day_sums" in it[0]]
    assert len(reports_asked) == 22
    with engine.connect() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # as where there are many
            connection.exec_driver_sql("SET LOCAL enable_sort = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        for words, given in reports_asked:
            plan = connection.exec_driver_sql(f"{explain} {words}", given).all()
            for bad in ("SCAN ", "Seq Scan", "TEMP B-TREE FOR ORDER", "Sort"):
                assert bad not in str(plan), (words, plan)
            if "usage_sums.key IN" in words:
                assert "ix_usage_sums" not in str(plan), (words, plan)
            if "change < 0" in words:
                assert "ix_usage_sums_stopped" in str(plan)


def test_a_page_goes_on_after_rows_of_one_amount(app: Flask, world: World) -> None:
    names = [f"Service {number}" for number in range(5)]
    deliver(*(row("2", world.doras_cloud, ServiceName=name) for name in names))
    march, after, pages = date(2026, 3, 1), None, []

    def page() -> list[reports.Row]:
        return reports.rows_of(world.direct, By.SERVICE, march, after=after, size=2)

    while len(rows := db.read(page)) > 2:
        pages.append([it.key for it in rows[:2]])
        after = rows[1].micros, rows[1].key
    assert [*pages, [it.key for it in rows]] == [names[4:2:-1], names[2:0:-1], names[:1]]


def test_one_rule_says_who_reads_price_and_cost(app: Flask, world: World) -> None:
    def read(account_id: str) -> dict[str, str]:
        account = db.session.get_one(BillingAccount, account_id)
        found = {}
        for who in (OLGA, ACE, EDDIE, VERA, NINA, DORA):
            try:
                figures = reports.figures_for(actor(who), account)
            except Forbidden:
                continue
            found[who] = " ".join(name for name, is_read in figures._asdict().items() if is_read)
        return found

    staff = {OLGA: "price cost", ACE: "price cost", EDDIE: "price", VERA: "price"}
    assert db.read(lambda: read(world.north)) == staff
    assert db.read(lambda: read(world.direct)) == {DORA: "cost"}
    unpublished = {OLGA: "cost", ACE: "cost", EDDIE: "", VERA: "", NINA: ""}
    assert db.read(lambda: read(world.ninas_subaccount)) == unpublished
    db.write(lambda: prices.publish(db.session.get_one(BillingAccount, world.north), by=COMMAND))
    assert db.read(lambda: read(world.ninas_subaccount)) == staff | {NINA: "price"}


def test_what_a_cloud_cost_last_month_is_for_who_reads_the_cost_of_the_account_charged(
    app: Flask, world: World, clock: Clock
) -> None:
    def costs_for(who: str) -> list[tuple[date, str, Decimal]]:
        costs = db.read(lambda: reports.last_month_of(actor(who), world.ninas_cloud))
        return [tuple(cost) for cost in costs]

    deliver(row("10", world.ninas_cloud))
    assert costs_for(OLGA) == []
    clock.forward(days=31)
    for who in (OLGA, ACE):
        assert costs_for(who) == [(date(2026, 3, 1), "Nina GmbH", 10)]
    for who in (EDDIE, NINA, DORA):
        assert costs_for(who) == []


def test_a_forecast_counts_once_what_does_not_go_on(app: Flask, world: World, clock: Clock) -> None:
    clock.now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    nina, once = world.ninas_cloud, ("Tax", "Purchase", "Credit", "Adjustment")
    deliver(
        *(row("1", nina, "09T10"), row("3", nina, "10T10"), row("50", nina, "25T10")),
        *(row("7", nina, "10T12", ChargeCategory=each) for each in once),
    )

    def forecast(account_id: str, month: date) -> tuple[Decimal, int, Decimal | None]:
        account = db.session.get_one(BillingAccount, account_id)
        overview = reports.overview(account, month)
        return overview.amount, overview.days, overview.forecast

    for account_id in (world.north, world.ninas_subaccount):
        found = db.read(partial(forecast, account_id, date(2026, 3, 1)))
        assert found == (82, 2, 82 + 4 / 2 * 21)
    close(clock)
    clock.forward(days=10)
    deliver(row("10", nina, "09T10"))  # corrects March by -72
    april = {name: value.replace("-03-", "-04-") for name, value in row("20", nina).items()}
    deliver(april | {"BillingPeriodStart": "2026-04-01", "BillingPeriodEnd": "2026-05-01"})
    for account_id in (world.north, world.ninas_subaccount):
        assert db.read(partial(forecast, account_id, APRIL)) == (-52, 2, -52 + 20 / 2 * 28)


def test_a_grant_says_for_which_clouds_it_paid_to_the_last_unit(app: Flask, world: World) -> None:
    second = create_cloud(DORA, payer=world.direct)
    deliver(row("1000.0000005", world.doras_cloud), row("2000", second), row("-9", second, "03T10"))
    deliver(row("2000", world.doras_cloud, "20T10"), row("7", second, "21T10"), source="Late")

    def use() -> tuple[reports.LotUse, Decimal]:
        lot = db.session.scalars(select(Lot).where(Lot.account_id == world.direct)).one()
        return reports.lot_uses(world.direct, [lot])[lot.id], lot.used

    found, used = db.read(use)
    assert used == 4000
    assert sum(amount for _cloud, amount in found.clouds) + found.other == used
    assert [cloud for cloud, _amount in found.clouds] == [world.doras_cloud, second]
    assert found.other == 0


def test_what_a_grant_cannot_pay_has_no_part_in_its_split(app: Flask, world: World) -> None:
    second = create_cloud(DORA, payer=world.direct)
    tax = row("900", second, ChargeCategory="Tax")
    deliver(row("100", world.doras_cloud), row("300", second), tax)

    def use() -> reports.LotUse:
        lot = db.session.scalars(select(Lot).where(Lot.account_id == world.direct)).one()
        return reports.lot_uses(world.direct, [lot])[lot.id]

    assert db.read(use).clouds == [(second, 300), (world.doras_cloud, 100)]
