"""Benchmark of an import of usage against DuckDB alone, which turns the same CSV into Parquet.

`python -m bench.usage_import [ROWS] [ROUNDS]` (1,000,000 and 5), on SQLite and PostgreSQL. It
prints medians and their ratio to DuckDB, which varies less between runs than the times do; both of
the seconds, and of those of the CPU in this process, which another load changes less; and the
longest wait of another writer.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import flask_migrate
from flask import Flask

from bench.usage_clouds import add_clouds
from bench.usage_files import SOURCES, generate, to_parquet
from portal import db
from portal.domain import usage
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.usage import Mode
from portal.usage_files import UsageReading
from portal.worker import usage_imports, usage_posting
from tests.conftest import KINDS, Databases, make_app
from tests.support.usage import add_source, find

PAUSE = 0.01


def seconds(unit: Callable[[], object]) -> float:
    begin = time.perf_counter()
    unit()
    return time.perf_counter() - begin


class Taken(NamedTuple):
    """Seconds, and those of the CPU in this process."""

    wall: float
    cpu: float


def taken(unit: Callable[[], object]) -> Taken:
    begin = time.process_time()
    wall = seconds(unit)
    return Taken(wall, time.process_time() - begin)


def median(times: list[Taken]) -> Taken:
    return Taken(*map(statistics.median, zip(*times, strict=True)))


def import_file(path: Path, mode: Mode) -> None:
    """Import the file from its hash to the commit, as the command does."""
    with tempfile.TemporaryDirectory() as name:
        files = usage_imports.open_files([path], Path(name))
        source = find("Bench")
        usage.refuse_repetition(source, mode, usage.digest(files), again=False)
        terms = usage_imports.terms_of(source)
        with UsageReading.open(files, terms, Path(name)) as reading:
            staging = db.write(
                lambda: usage.begin(find("Bench"), mode=mode, files=files, by=COMMAND)
            )
            usage_imports.stage(staging, reading)
    usage_posting.publish(staging.delivery_id, by=COMMAND)


def import_again(path: Path) -> None:
    """The same bytes are refused after their hash."""
    try:
        import_file(path, Mode.OVERWRITE)
    except Refused:
        return
    raise AssertionError("imported twice")


@contextmanager
def other_writer(app: Flask, waits: list[float]) -> Iterator[None]:
    """Write meanwhile, and keep how long each transaction took."""
    stop = threading.Event()

    def write() -> None:
        with app.app_context():
            while not stop.wait(PAUSE):
                waits.append(seconds(lambda: db.write(lambda: usage.find_source("Bench"))))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure(kind: str, rows: int, rounds: int, databases: Databases, folder: Path) -> None:
    """Print the measures of a kind of file on each database."""
    path, other = folder / f"{kind}.csv", folder / f"{kind}-2.csv"
    generate(path, kind, rows)
    other.write_bytes(path.read_bytes() + b"\n")
    alone = median(
        [taken(lambda: to_parquet(path, folder / "alone.parquet")) for _ in range(rounds)]
    )
    print(f"{kind}: DuckDB alone {alone.wall:.2f} s, CPU {alone.cpu:.2f} s")
    units: dict[str, Callable[[], object]] = {
        "first import": lambda: import_file(path, Mode.OVERWRITE),
        "the same file again": lambda: import_again(path),
        "the same rows, other SHA": lambda: import_file(other, Mode.OVERWRITE),
        "append": lambda: import_file(path, Mode.APPEND),
    }
    for database in KINDS:
        times: dict[str, list[Taken]] = {name: [] for name in units}
        waits: list[float] = []
        for _round in range(rounds):
            app = make_app(databases.empty(database))
            with app.app_context():
                flask_migrate.upgrade()
                add_source("Bench")
                db.write(add_clouds)
                with other_writer(app, waits):
                    for name, unit in units.items():
                        times[name].append(taken(unit))
                db.session.remove()
                db.extension.engine.dispose()
        for name, mine in times.items():
            it = median(mine)
            ratio, cpu_ratio = it.wall / alone.wall, it.cpu / alone.cpu
            cpu = f"CPU{it.cpu:8.2f} s{cpu_ratio:8.2f}"
            print(f"  {database:11}{name:26}{it.wall:8.2f} s{ratio:8.2f}   {cpu}", flush=True)
        print(f"  {database:11}longest wait of another writer {max(waits):.2f} s")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        databases = Databases(Path(name))
        try:
            for kind in SOURCES:
                measure(kind, rows, rounds, databases, Path(name))
        finally:
            if databases.server is not None:
                databases.server.stop()


if __name__ == "__main__":
    main()
