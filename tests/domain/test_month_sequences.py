"""Any sequence of deliveries, removals, links, lots and closings ends as a plain model says."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain.charges import ChargeSum
from portal.domain.charges.splitting import Row
from portal.domain.ledger import Posting
from portal.domain.ledger.payment import PERSONAL, Day, DayKind, Draws, draw, round_units
from portal.domain.statements import Statement
from portal.domain.usage import Mode
from tests.domain.test_money_sequences import (
    CATEGORIES,
    COSTS,
    Model,
    as_delivered,
    microseconds,
    posted_charges,
    posted_draws,
    terms_of,
    without_nothing,
)
from tests.support.money import problems
from tests.support.months import APRIL, MARCH, MAY, close
from tests.support.usage import deliver
from tests.support.world import Clock, World

CENT = Decimal("0.01")
STEPS = 3
"""Between two closings."""
Months = Counter[tuple[str, date]]
"""In 10⁻¹⁵, by account that pays."""


@dataclass
class MonthModel(Model):
    """As `Model`, with rows of two months, what closings froze, and costs by statement month."""

    open_on: date = date.min
    frozen: dict[str, dict[DayKind, Draws]] = field(default_factory=dict)
    months: Months = field(default_factory=Counter)
    periods: dict[int, tuple[date, Row]] = field(default_factory=dict)
    """The billing period of each row, by its identity: two equal rows may have different ones."""

    def run(self) -> None:
        for month_on in (None, MARCH, APRIL):
            if month_on is not None:
                close(self.clock, month_on)
                self.frozen, self.open_on = self.freeze(APRIL if month_on == MARCH else MAY)
            for _step in range(STEPS):
                self.clock.forward(hours=self.rng.randint(1, 30))
                steps = (self.deliver, self.deliver, self.link, self.remove, self.give)
                self.rng.choice((*steps, self.switch))()
                self.count_months()

    def freeze(self, open_on: date) -> tuple[dict[str, dict[DayKind, Draws]], date]:
        """What a closing freezes of what bears the days."""
        frozen = {
            payer: {key: bears for key, bears in days.items() if key.usage_on < open_on}
            for payer, days in self.draws().items()
        }
        return frozen, open_on

    def deliver(self) -> None:
        rows = [self._row() for _ in range(self.rng.randint(1, 3))]
        mode = self.rng.choice((Mode.OVERWRITE, Mode.APPEND, Mode.APPEND))
        delivered = []
        for cloud, each in rows:
            start = datetime.fromtimestamp(each.start // 10**6, UTC).date()
            period = self.rng.choice((start.replace(day=1), APRIL))  # or invoiced a month later
            self.periods[id(each)] = (period, each)
            delivered.append(as_delivered(cloud, each) | of_period(period))
        key = {"SubAccountId": f"x{self.clock.now}"}  # so that no two files are equal
        others = [{**key, **of_period(period)} for period in (MARCH, APRIL)]
        ident = deliver(*delivered, *others, mode=mode)
        if mode is Mode.OVERWRITE:
            self.deliveries.clear()
        self.deliveries[ident] = rows

    def _row(self) -> tuple[str, Row]:
        start = datetime(2026, self.rng.choice((3, 4)), 1, tzinfo=UTC)
        start += timedelta(hours=self.rng.randint(0, 200))
        end = start + timedelta(hours=self.rng.choice((0, 1, 100, 900)))
        units = int(Decimal(self.rng.choice(COSTS)) * 10**15)
        cloud = self.rng.choice((self.world.doras_cloud, self.world.ninas_cloud))
        category = self.rng.choice(CATEGORIES)
        return cloud, Row(units, microseconds(start), microseconds(end), category)

    def give(self) -> None:
        if self.open_on == date.min:
            super().give()

    def count_months(self) -> None:
        """What a step changed of a closed month belongs to the oldest open one."""
        every, now = self.deliveries, Months()
        for ident, rows in every.items():
            for each in rows:
                self.deliveries = {ident: [each]}
                for (_account, payer, *_kind), units in self.charges().items():
                    now[payer, self.periods[id(each[1])][0]] += units
        self.deliveries = every
        before, self.months = self.months, Months()
        for (payer, month_on), units in before.items():
            if month_on < self.open_on:
                self.months[payer, month_on] = units
                self.months[payer, self.open_on] -= units
        for (payer, month_on), units in now.items():
            self.months[payer, max(month_on, self.open_on)] += units

    def draws(self) -> dict[str, dict[DayKind, Draws]]:
        """What bears the days of each account that pays."""
        sums: Counter[tuple[str, DayKind]] = Counter()
        for payer, days in self.frozen.items():
            sums.update({(payer, key): 0 for key in days})
        for (_account, payer, *kind), units in self.charges().items():
            sums[payer, DayKind(*kind)] += units
        return {payer: self._draws_of(payer, sums) for payer in {it[0] for it in sums}}

    def _draws_of(self, payer: str, sums: Counter[tuple[str, DayKind]]) -> dict[DayKind, Draws]:
        closed = self.frozen.get(payer, {})
        lots = [
            lot
            if lot.last_on >= self.open_on
            else lot._replace(amount=sum(bears.get(lot.id, 0) for bears in closed.values()))
            for lot in db.read(lambda: terms_of(payer))
        ]
        days = {
            key: Day(round_units(units), closed.get(key, {}))
            for (of, key), units in sums.items()
            if of == payer
        }
        return draw(
            days, lots, trial_until=self.trial_until if payer == self.world.direct else None
        )


def of_period(month_on: date) -> dict[str, str]:
    end = APRIL if month_on == MARCH else MAY
    return {"BillingPeriodStart": str(month_on), "BillingPeriodEnd": str(end)}


def debited() -> list[tuple[str, Decimal]]:
    """By account that pays, what each of its statements debits."""
    return [
        (it.account_id, Decimal(dict(it.payments).get(PERSONAL, 0)))
        for it in db.session.scalars(select(Statement).where(Statement.issuer_id == ""))
    ]


def posted_months() -> Months:
    sums: Months = Counter()
    for it in db.session.scalars(
        select(ChargeSum).join(Posting).where(Posting.posted_at.is_not(None))
    ):
        sums[it.payer_id, it.month_on] += it.micros * 10**9 + it.rest
    return sums


@pytest.mark.parametrize("seed", range(3))
def test_what_is_posted_and_closed_is_what_a_plain_model_says(
    app: Flask, world: World, clock: Clock, seed: int
) -> None:
    model = MonthModel(random.Random(seed), world, clock)
    model.run()
    assert db.read(posted_charges) == model.charges()
    assert without_nothing(db.read(posted_draws)) == without_nothing(model.draws())
    found = db.read(posted_months)
    assert {k: v for k, v in found.items() if v} == {k: v for k, v in model.months.items() if v}
    printed = db.read(debited)
    for payer, days in model.frozen.items():
        owed = Decimal(sum(bears.get(PERSONAL, 0) for bears in days.values())).scaleb(-6)
        statements = [amount for of, amount in printed if of == payer]
        assert abs(sum(statements) - owed) < CENT * (len(statements) or 1)
    assert problems() == []
