"""The file of the audit log's keys: a line `ID:KEY` for each, the newest last, with mode 0600."""

from __future__ import annotations

import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

LINE = re.compile("([a-z0-9-]{1,32}):([A-Za-z0-9_-]{32,})")


def read_audit_keys(file: str) -> dict[str, bytes]:
    """The keys by their ID, the newest last; none without a file. Raises ValueError."""
    if not file:
        return {}
    path = Path(file)
    try:
        mode, lines = path.stat().st_mode, path.read_text("ascii").splitlines()
    except (OSError, UnicodeError):
        raise ValueError("must be a readable file of `flask audit new-key`") from None
    if mode & 0o077:
        raise ValueError("can be read by others: its mode must be 0600")
    keys = {match[1]: match[2].encode() for line in lines if (match := LINE.fullmatch(line))}
    if not keys or len(keys) < len(lines):
        raise ValueError("must have an ID and a key in each line, each ID once")
    return keys


def add_audit_key(file: str) -> str:
    """Add a new key to the file, which is created if there is none; return the key's ID. Raises
    ValueError for a file that can't be used, and OSError."""
    path = Path(file)
    has_open_line = False
    if path.exists():
        read_audit_keys(file)
        has_open_line = not path.read_text().endswith("\n")
    key_id = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"
    line = f"{key_id}:{secrets.token_urlsafe(32)}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write("\n" * has_open_line + line)
    return key_id
