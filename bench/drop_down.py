"""Benchmark of the drop-down of clouds: a user with ten clouds against one with ten thousand.

Run it with `make bench`. It prints both medians and their ratio, which varies less between runs
than the times do.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import flask_migrate
from flask import Flask

from portal import db
from portal.domain import links
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from tests.conftest import make_app
from tests.support.clouds import insert_clouds, own_account_id
from tests.support.world import DORA, NINA, World, actor, build

ROUNDS = 200
MANY = 10_000


def median_ms(unit: Callable[[], object]) -> float:
    """Return the median time of `ROUNDS` runs of the unit, in milliseconds."""
    times = []
    for _round in range(ROUNDS):
        begin = time.perf_counter()
        db.read(unit)
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def list_unit(by: Actor, to: str, search: str) -> Callable[[], object]:
    """Return a unit that lists the clouds which the actor may link to the account."""

    def unit() -> object:
        target = links.target_for(db.session.get_one(BillingAccount, to), by)
        return links.list_candidates(target, search=search)

    return unit


def measure(world: World) -> None:
    insert_clouds(DORA, world.direct, 8)
    insert_clouds(NINA, own_account_id(NINA), MANY, start=MANY)
    few, many = actor(DORA), actor(NINA)
    print(f"{'':30}{'10 clouds':>12}{f'{MANY:,}':>12}   ratio")
    for caption, search in (("opened", ""), ("searched by a rare name", f"-{MANY + 7}")):
        short = median_ms(list_unit(few, world.ninas_subaccount, search))
        long = median_ms(list_unit(many, world.ninas_subaccount, search))
        print(f"{caption:30}{short:>9.2f} ms{long:>9.2f} ms{long / short:>8.1f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app: Flask = make_app(f"sqlite:///{Path(folder) / 'bench.db'}")
        with app.app_context():
            flask_migrate.upgrade()
            measure(build())


if __name__ == "__main__":
    main()
