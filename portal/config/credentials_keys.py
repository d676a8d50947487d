"""The file of the keys that seal credentials: a Fernet key a line, the newest last, mode 0600."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet


def read_credentials_keys(file: str) -> list[bytes]:
    """The keys, the newest last; none without a file, or if it is gone: then each connection asks
    for its credentials again. Raises ValueError for a file that can't be used."""
    path = Path(file)
    if not file or not path.exists():
        return []
    try:
        mode, lines = path.stat().st_mode, path.read_bytes().splitlines()
        for line in lines:
            Fernet(line)
    except (OSError, ValueError):
        raise ValueError("must be a readable file of `flask connection rekey`") from None
    if mode & 0o077:
        raise ValueError("can be read by others: its mode must be 0600")
    return lines


def add_credentials_key(file: str) -> None:
    """Add a new key to the file, which is created if there is none. Raises ValueError for a file
    that can't be used, and OSError."""
    has_open_line = bool(read_credentials_keys(file)) and not Path(file).read_text().endswith("\n")
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(b"\n" * has_open_line + Fernet.generate_key() + b"\n")
