"""Memory of one import of a large file on SQLite.

`python -m bench.usage_memory [ROWS] [KIND]` (11,000,000 and scattered: 5 GB). Files take four times
as much space for a while.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import flask_migrate

from bench.usage_clouds import add_clouds
from bench.usage_import import import_file, seconds
from portal import db
from portal.domain.usage import Mode
from tests.conftest import Databases, make_app
from tests.support.usage import add_source

GENERATE = """import sys; from pathlib import Path; from bench.usage_files import generate
generate(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))"""
"""In a process of its own, whose memory does not count."""


def peak_memory() -> float:
    """The most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    rows = sys.argv[1] if len(sys.argv) > 1 else "11000000"
    kind = sys.argv[2] if len(sys.argv) > 2 else "scattered"
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        path = Path(name) / "usage.csv"
        subprocess.run([sys.executable, "-c", GENERATE, str(path), kind, rows], check=True)
        app = make_app(Databases(Path(name)).empty("sqlite"))
        with app.app_context():
            flask_migrate.upgrade()
            add_source("Bench")
            db.write(add_clouds)
            before = peak_memory()
            taken = seconds(lambda: import_file(path, Mode.OVERWRITE))
        size = path.stat().st_size / 10**9
        peak = f"{peak_memory():.0f} MB at most, {before:.0f} MB before"
        print(f"{kind}, {size:.1f} GB: {taken:.0f} s, {peak}")


if __name__ == "__main__":
    main()
