"""A folder in memory for databases: nothing that a test commits is written to a disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
NEEDED = 2**30
"""Bytes that must be free: the databases of the tests need less."""


def find_folder() -> str | None:
    """A writable folder in memory, on Linux, if it has room; for `tempfile`, which knows None."""
    has_room = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > NEEDED
    return str(SHARED_MEMORY) if has_room and os.access(SHARED_MEMORY, os.W_OK) else None
