"""The engine: a DuckDB connection that reads given files and a folder of its own, nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from portal.usage_files.expressions import text_of

MEMORY = "400MB"
"""The process takes about 150 MB more."""
SPILL = "32GB"
MAX_THREADS = 4


def connect(folder: Path, files: Sequence[Path] = ()) -> duckdb.DuckDBPyConnection:
    """A connection with a database file in `folder`; for one thread. It can open `files` and what
    is in the folder, and its settings can't be changed."""
    connection = duckdb.connect(
        str(folder / "reading.duckdb"),
        config={
            "memory_limit": MEMORY,
            "threads": min(MAX_THREADS, os.cpu_count() or 1),
            "temp_directory": str(folder / "spill"),
            "max_temp_directory_size": SPILL,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    listed = ", ".join(text_of(str(path)) for path in files)
    for statement in (
        "SET TimeZone = 'UTC'",
        f"SET allowed_paths = [{listed}]",
        f"SET allowed_directories = [{text_of(str(folder))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",  # last
    ):
        connection.execute(statement)
    return connection
