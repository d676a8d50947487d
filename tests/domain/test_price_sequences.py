"""Any sequence of rates, deliveries, removals and links ends with the prices of a plain model."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from flask import Flask

from portal import db
from tests.domain.test_money_rules import split_by_fractions
from tests.domain.test_money_sequences import Model, chain_of, microseconds
from tests.support.jobs import run_usage
from tests.support.money import problems
from tests.support.prices import prices_of, set_rate
from tests.support.world import Clock, World

STEPS = 9
PERCENTS = ("0", "-100", "33.3333", "-12.5", "1000000")
MICRO = Decimal("0.000001")


@dataclass
class PriceModel(Model):
    """As `Model`, with the rates of the partners in the order in which they were set."""

    rates: list[tuple[str, str, int, Decimal]] = field(default_factory=list)

    def run(self) -> None:
        for _step in range(STEPS):
            self.clock.forward(hours=self.rng.randint(1, 30))
            self.rng.choice((self.deliver, self.deliver, self.rate, self.rate, self.link))()
            if self.rng.random() < 0.5:
                run_usage()  # else what comes next finds rates that are not applied
        if self.deliveries:
            self.remove()
        run_usage()

    def rate(self) -> None:
        customer = self.rng.choice(("", "", self.world.ninas_subaccount))
        service = self.rng.choice(("", "", "Compute"))
        day, percent = self.rng.randint(1, 9), self.rng.choice(PERCENTS)
        set_rate(self.world.north, percent, day, of=customer, service=service)
        self.rates.append((customer, service, day, Decimal(percent)))

    def prices(self) -> dict[tuple[str, ...], tuple[Decimal, int]]:
        """By cloud, category and usage day, with the number of those that are missing."""
        costs: Counter[tuple[str, str, date]] = Counter()
        clouds = (self.world.doras_cloud, self.world.ninas_cloud)
        chains = db.read(lambda: {cloud: chain_of(cloud) for cloud in clouds})
        for cloud, row in (each for rows in self.deliveries.values() for each in rows):
            since = [microseconds(moment) for moment, _account in chains[cloud]]
            for share in split_by_fractions(row, since):
                if chains[cloud][share.link][1] == self.world.ninas_subaccount:
                    day = datetime.fromtimestamp(share.start // 10**6, UTC).date()
                    costs[cloud, row.category, day] += share.units
        found = {}
        for (cloud, category, day), units in costs.items():
            if units:
                percent = self._percent(day)
                price = Decimal(0) if percent is None else _price(units, percent)
                if price or percent is None:
                    found[cloud, category, day.isoformat()] = (price, int(percent is None))
        return found

    def _percent(self, day: date) -> Decimal | None:
        """The rate of Nina's service Compute on the day."""
        nina = self.world.ninas_subaccount
        for kind in ((nina, "Compute"), (nina, ""), ("", "Compute"), ("", "")):
            rates = [
                (first, number, percent)
                for number, (*key, first, percent) in enumerate(self.rates)
                if tuple(key) == kind and first <= day.day
            ]
            if rates:
                return max(rates)[2]
        return None


def _price(units: int, percent: Decimal) -> Decimal:
    cost = Decimal(f"{units}E-15")
    return (cost * (100 + percent) / 100).quantize(MICRO, ROUND_HALF_UP)


@pytest.mark.both_databases
@pytest.mark.parametrize("seed", range(2))
def test_prices_are_what_a_plain_model_says(
    app: Flask, world: World, clock: Clock, seed: int
) -> None:
    model = PriceModel(random.Random(seed), world, clock)
    model.run()
    assert model.rates
    assert prices_of("cloud_id", "category", "usage_on") == model.prices()
    assert problems() == []
