"""Charging by DuckDB gives the prices that the rules of the domain say, to the last digit."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from portal.domain.ledger import UNITS_OF_MICRO
from portal.domain.prices import MICROS_OF_ONE, Group, Sums, differences
from portal.usage_files import Charging, attribute

MONTHS = [date(2026, month, 1) for month in range(1, 5)]
OPEN_ON, DAY = MONTHS[2], date(2026, 1, 31)
SERVICES = [f'Service, "{number}"\nmore' for number in range(40)] + [""]
Months = dict[date, Any]


def group(service: str) -> Group:
    return Group("dn2partner", "dn2sub", "b1gcloud", service, "Usage", DAY)


def posted_rows(posted: dict[str, Months]) -> Iterator[tuple[Any, ...]]:
    for service, months in posted.items():
        for month_on, sums in months.items():
            amounts = *divmod(sums.units, UNITS_OF_MICRO), *divmod(sums.price, MICROS_OF_ONE)
            yield (*group(service), month_on, *amounts, sums.missing)


def work_out(
    added: dict[str, Months], posted: dict[str, Months], factors: dict[str, int]
) -> dict[tuple[str, str], tuple[int, ...]]:
    """The changes by service and month."""
    with attribute([], []) as attribution:
        for service, months in added.items():
            for month_on, units in months.items():
                row = [0, service, "Usage", "", month_on, DAY, 0, units]
                attribution.connection.execute(
                    """INSERT INTO attributed (span, service, category, unit, period_on, day, nanos,
                    units) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                    row,
                )
        bearers = [("b1gcloud", "dn2sub", "dn2partner", False)]
        charging = Charging(attribution, "pst", bearers, OPEN_ON)
        charging.add_posted(posted_rows(posted))
        charging.price(
            [
                ("dn2partner", "dn2sub", service, date.min, date.max, factor)
                for service, factor in factors.items()
            ]
        )
        found = {}
        for row in (row for batch in charging.prices() for row in batch):
            micros, rest, whole, millionths, missing = row[9:]
            assert 0 <= rest < UNITS_OF_MICRO
            assert 0 <= millionths < MICROS_OF_ONE
            units, price = micros * UNITS_OF_MICRO + rest, whole * MICROS_OF_ONE + millionths
            found[row[5], row[8]] = (units, price, missing)
        return found


def test_prices_of_days_that_months_share_are_those_of_the_rules() -> None:
    chance = random.Random(5)
    amounts = (0, 1, -1, 5 * 10**14, 10**15 + 1)

    def units() -> int:
        return chance.choice(amounts) or chance.randint(-(10**25), 10**25)

    def some(value: Any) -> Months:
        return {month_on: value() for month_on in chance.sample(MONTHS, chance.randint(1, 4))}

    added = {service: some(units) for service in SERVICES}
    posted = {
        service: some(
            lambda: Sums(units(), chance.randint(-(10**18), 10**18), chance.randint(0, 1))
        )
        for service in chance.sample(SERVICES, 30)
    } | {"another": {MONTHS[3]: Sums(1, 1, 0)}}
    rated = chance.sample(SERVICES, 30)
    factors = {service: chance.choice((0, 1, 10**6, 10**10)) for service in rated}
    wanted = {}
    for service, months in added.items():
        open_months = Counter[date]()
        for month_on, more in months.items():
            open_months[max(month_on, OPEN_ON)] += more
        before, factor = posted.get(service, {}), factors.get(service)
        for month_on, sums in differences(before, open_months, factor, open_on=OPEN_ON):
            wanted[service, month_on.isoformat()] = tuple(sums)
    assert work_out(added, posted, factors) == wanted
