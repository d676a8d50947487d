"""Any sequence of deliveries, removals, links, lots and a switch ends as a plain model says."""

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
from portal.domain.charges import Charge
from portal.domain.charges.splitting import Row
from portal.domain.clouds import Link
from portal.domain.ledger import Draw, Lot, Posting
from portal.domain.ledger.payment import Day, DayKind, Draws, Terms, draw, round_units
from portal.domain.usage import Mode
from tests.domain.test_charges import give_lot, move, switch_to_paid
from tests.domain.test_money_rules import split_by_fractions
from tests.support.money import MARCH, problems
from tests.support.usage import deliver, remove
from tests.support.world import Clock, World

STEPS = 7
COSTS = ("3999.9999995", "0.000000000000001", "-1.5", "7", "0.3333333333", "-0.0000005")
CATEGORIES = ("Usage", "Usage", "Usage", "Purchase", "Tax", "Credit")
Key = tuple[str, str, date, bool, bool]


@dataclass
class Model:
    """What happened, in plain values: rows in force by delivery, and the end of Dora's trial."""

    rng: random.Random
    world: World
    clock: Clock
    deliveries: dict[str, list[tuple[str, Row]]] = field(default_factory=dict)
    trial_until: date = date.max

    def run(self) -> None:
        for _step in range(STEPS):
            self.clock.forward(hours=self.rng.randint(1, 30))
            steps = (self.deliver, self.deliver, self.deliver, self.link, self.remove, self.give)
            self.rng.choice((*steps, self.switch))()

    def deliver(self) -> None:
        rows = [self._row() for _ in range(self.rng.randint(1, 3))]
        mode = self.rng.choice((Mode.OVERWRITE, Mode.APPEND, Mode.APPEND))
        other = {"SubAccountId": f"x{self.clock.now}", **MARCH}  # so that no two files are equal
        ident = deliver(*(as_delivered(cloud, row) for cloud, row in rows), other, mode=mode)
        if mode is Mode.OVERWRITE:
            self.deliveries.clear()
        self.deliveries[ident] = rows

    def _row(self) -> tuple[str, Row]:
        start = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=self.rng.randint(0, 200))
        end = start + timedelta(hours=self.rng.choice((0, 1, 24, 100)))
        units = int(Decimal(self.rng.choice(COSTS)) * 10**15)
        cloud = self.rng.choice((self.world.doras_cloud, self.world.ninas_cloud))
        category = self.rng.choice(CATEGORIES)
        return cloud, Row(units, microseconds(start), microseconds(end), category)

    def remove(self) -> None:
        if self.deliveries:
            ident = self.rng.choice(sorted(self.deliveries))
            remove(ident)
            del self.deliveries[ident]

    def link(self) -> None:
        payer = db.read(
            lambda: db.session.scalars(
                select(Link.account_id).where(
                    Link.cloud_id == self.world.doras_cloud, Link.until_at.is_(None)
                )
            ).one()
        )
        others = {self.world.direct, self.world.south, self.world.ninas_subaccount} - {payer}
        move(self.world.doras_cloud, self.rng.choice(sorted(others)))

    def give(self) -> None:
        first = self.rng.randint(1, 9)
        account = self.rng.choice((self.world.direct, self.world.south, self.world.north))
        give_lot(account, self.rng.choice(("0.000001", "5")), first, self.rng.randint(first, 9))

    def switch(self) -> None:
        if self.trial_until == date.max:
            switch_to_paid(self.world.direct)
            self.trial_until = self.clock.now.date()

    def charges(self) -> Counter[Key]:
        """By account, payer, day, and whether it is a purchase, and waivable, in 10⁻¹⁵."""
        sums: Counter[Key] = Counter()
        clouds = (self.world.doras_cloud, self.world.ninas_cloud)
        chains = db.read(lambda: {cloud: chain_of(cloud) for cloud in clouds})
        for cloud, row in (each for rows in self.deliveries.values() for each in rows):
            since = [microseconds(moment) for moment, _account in chains[cloud]]
            for share in split_by_fractions(row, since):
                account = chains[cloud][share.link][1]
                is_subaccount = account == self.world.ninas_subaccount
                payer = self.world.north if is_subaccount else account
                day = datetime.fromtimestamp(share.start // 10**6, UTC).date()
                # Dora's account alone is in trial, and its cloud comes back from a paid one.
                is_waivable = account == self.world.direct and share.link == 0
                is_purchase = row.category in ("Purchase", "Tax")
                sums[account, payer, day, is_purchase, is_waivable] += share.units
        return Counter({key: units for key, units in sums.items() if units})

    def draws(self) -> dict[str, dict[DayKind, Draws]]:
        """What bears the days of each account that pays."""
        sums: Counter[tuple[str, DayKind]] = Counter()
        for (_account, payer, *kind), units in self.charges().items():
            sums[payer, DayKind(*kind)] += units
        return {
            payer: draw(
                {key: Day(round_units(units)) for (of, key), units in sums.items() if of == payer},
                db.read(lambda: terms_of(payer)),  # noqa: B023 - runs at once
                trial_until=self.trial_until if payer == self.world.direct else None,
            )
            for payer in {payer for payer, _key in sums}
        }


def microseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def chain_of(cloud: str) -> list[tuple[datetime, str]]:
    query = select(Link.since_at, Link.account_id).where(Link.cloud_id == cloud)
    return [(row[0], row[1]) for row in db.session.execute(query.order_by(Link.since_at))]


def terms_of(account_id: str) -> list[Terms]:
    query = select(Lot).where(Lot.account_id == account_id).order_by(Lot.granted_at, Lot.id)
    lots = db.session.scalars(query)
    return [Terms(lot.id, int(lot.amount * 10**6), lot.first_on, lot.last_on) for lot in lots]


def as_delivered(cloud: str, row: Row) -> dict[str, str]:
    start, end = (datetime.fromtimestamp(us // 10**6, UTC).isoformat() for us in row[1:3])
    cost = format(Decimal(row.units).scaleb(-15), "f")
    times = {"ChargePeriodStart": start, "ChargePeriodEnd": end}
    return {"BilledCost": cost, "SubAccountId": cloud, **times, **MARCH} | {
        "ChargeCategory": row.category
    }


def posted_charges() -> Counter[Key]:
    sums: Counter[Key] = Counter()
    for it in db.session.scalars(
        select(Charge).join(Posting).where(Posting.posted_at.is_not(None))
    ):
        key = (it.account_id, it.payer_id, it.usage_on, it.is_purchase, it.is_waivable)
        sums[key] += it.micros * 10**9 + it.rest
    return Counter({key: units for key, units in sums.items() if units})


def posted_draws() -> dict[str, dict[DayKind, Draws]]:
    sums: Counter[tuple[str, DayKind, str]] = Counter()
    for it in db.session.scalars(select(Draw).join(Posting).where(Posting.posted_at.is_not(None))):
        key = DayKind(it.usage_on, it.is_purchase, it.is_waivable)
        sums[it.account_id, key, it.bearer] += it.micros
    found: dict[str, dict[DayKind, Draws]] = {}
    for (account_id, key, bearer), micros in sums.items():
        if micros:
            found.setdefault(account_id, {}).setdefault(key, {})[bearer] = micros
    return found


def without_nothing(draws: dict[str, dict[DayKind, Draws]]) -> dict[str, dict[DayKind, Draws]]:
    kept = {
        payer: {k: bears for k, bears in days.items() if bears} for payer, days in draws.items()
    }
    return {payer: days for payer, days in kept.items() if days}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_posted_is_what_a_plain_model_says(
    app: Flask, world: World, clock: Clock, seed: int
) -> None:
    model = Model(random.Random(seed), world, clock)
    model.run()
    assert db.read(posted_charges) == model.charges()
    assert db.read(posted_draws) == without_nothing(model.draws())
    assert problems() == []
