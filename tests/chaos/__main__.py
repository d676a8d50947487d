"""Run chaos: `python -m tests.chaos [sqlite|postgresql …] [--seed N] [--control]`.

Each round has one kind of fault beside kills of random workers. The exit status is 1 if a write or
a mail was lost, or a mail that is sent at most once was sent twice.
"""

from __future__ import annotations

import argparse
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from portal import db
from tests.chaos import results
from tests.chaos.load import Load, sign_in
from tests.chaos.relay import set_fault
from tests.chaos.results import Row
from tests.chaos.site import Site
from tests.chaos.worker import CONTROL
from tests.support.processes import ROOT, run_flask

KILLS = 7
"""Of each round, at least."""
PAUSE = 8
"""Seconds, longer than each short lease and than the wait for SQLite's write lock."""
RECOVERY = 120
"""Seconds after which a round has failed to recover."""


class Fault(NamedTuple):
    """A fault of the relay, and what else happens in the round."""

    name: str
    relay: str | None = None
    disturb: Callable[[Site], None] | None = None
    kills_web: bool = False


def pause_workers(site: Site) -> None:
    site.random.choice(site.workers).pause(PAUSE)


def take_relay_down(site: Site) -> None:
    with site.relay.refusing():
        time.sleep(PAUSE)


UNANSWERED = (Fault("relay hangs after the dot", "hang"), Fault("relay cuts after the dot", "cut"))
FAULTS = (
    Fault("workers killed"),
    Fault("workers stopped past the lease (SIGSTOP)", disturb=pause_workers),
    *UNANSWERED,
    Fault("relay cuts in the body", "cut-body"),
    Fault("relay answers 4xx", "4xx"),
    Fault("relay answers 5xx", "5xx"),
    Fault("relay greylists", "greylisting"),
    Fault("relay is slow", "slow"),
    Fault("relay is down", disturb=take_relay_down),
    Fault("database", disturb=lambda site: site.break_database(PAUSE)),
    Fault("web server killed", kills_web=True),
)
DATABASE_FAULTS = {
    "sqlite": "SQLite's write lock held for 8 s",
    "postgresql": "PostgreSQL stopped for 4 s, then crashed for 4 s",
}


def run_round(site: Site, fault: Fault, load: Load) -> Row:
    """Run one round; return its row without the comparison."""
    before = site.kills
    set_fault(site.relay, fault.relay)
    disturbance = threading.Thread(target=fault.disturb or (lambda _site: None), args=(site,))
    disturbance.start()
    while load.is_running or site.kills - before < KILLS:
        time.sleep(site.random.uniform(0.3, 1.5))
        if site.kills - before >= 2 * KILLS:
            continue
        if fault.kills_web and site.web.is_ready:
            site.kill(site.web)
        else:
            site.kill_worker()
    disturbance.join()
    set_fault(site.relay, None)
    began = time.monotonic()
    while not (is_settled := _is_settled(load)) and time.monotonic() - began < RECOVERY:
        time.sleep(0.2)
    seconds = time.monotonic() - began if is_settled else None
    name = DATABASE_FAULTS[site.kind] if fault.name == "database" else fault.name
    return Row(name, site.kills - before, seconds)


def _is_settled(load: Load) -> bool:
    try:
        return results.is_settled(load)
    except db.Unavailable:
        return False


def run(kind: str, seed: int, *, is_control: bool) -> bool:
    """Run all rounds on this kind of database, and print the table. Whether the targets are met."""
    faults, options = (UNANSWERED, [CONTROL]) if is_control else (FAULTS, [])
    print(f"\n## {kind}, seed {seed}\n\n{results.HEADER}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-chaos-")))
        site = Site(kind, folder, seed, options)
        stack.enter_context(site.app.app_context())
        stack.callback(site.close)
        stack.enter_context(site.run())
        rows = _run_rounds(site, faults)
        is_healthy = run_doctor(site)
    for row in (*rows, _total(rows)):
        print(row)
    for row in rows:
        for problem in sorted(row.lost_writes | row.twice | row.lost_mails)[:20]:
            print(f"{row.fault}: {problem}")
    print(f"\ndoctor: {'healthy' if is_healthy else 'unhealthy'}")
    if is_control:
        return any(row.twice for row in rows)
    return is_healthy and all(row.is_good and row.seconds is not None for row in rows)


def _run_rounds(site: Site, faults: Sequence[Fault]) -> list[Row]:
    visitors = sign_in(site)
    rounds, known = [], set(results.deliveries())
    for number, fault in enumerate(faults):
        load = Load(site, visitors, number)
        row = run_round(site, fault, load)
        ids = set(results.deliveries()) - known
        rounds.append((row, load, ids))
        known |= ids
        print(f"{row.fault}: {row.kills} kills", file=sys.stderr)
    # Only now: a mail of an early round could be sent again in a late one.
    accepted = Counter(ident.strip("<>").partition("@")[0] for ident in site.relay.accepted)
    mails = results.deliveries()
    for row, load, ids in rounds:
        row.lost_writes = results.lost_writes(load)
        results.compare(row, [mails[ident] for ident in ids], accepted)
    return [row for row, _load, _ids in rounds]


def _total(rows: list[Row]) -> Row:
    total = Row("**all**", sum(row.kills for row in rows), None)
    total.seconds = max((row.seconds or RECOVERY) for row in rows)
    for row in rows:
        total.mails += row.mails
        total.lost_writes |= row.lost_writes
        total.twice |= row.twice
        total.lost_mails |= row.lost_mails
        total.unknown += row.unknown
        total.unknown_accepted += row.unknown_accepted
        total.repeated += row.repeated
    return total


def run_doctor(site: Site) -> bool:
    """Whether the doctor finds nothing."""
    with run_flask("doctor", site.url, **site.settings) as program:
        output, _ = program.communicate(timeout=120)
    if program.returncode:
        print(output)
    return program.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument(CONTROL, action="store_true", help="mails must be found that go twice")
    options = parser.parse_args()
    commit = ["git", "describe", "--always", "--dirty"]
    version = subprocess.run(commit, cwd=ROOT, capture_output=True, text=True, check=False)
    memory = psutil.virtual_memory().total / 2**30
    print(
        f"commit {version.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d},"
        f" {psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    )
    results_by_kind = [
        run(kind, options.seed, is_control=options.control) for kind in options.kinds
    ]
    sys.exit(not all(results_by_kind))


if __name__ == "__main__":
    main()
