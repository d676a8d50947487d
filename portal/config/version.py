"""The version of the code that runs: a fingerprint of its files."""

from __future__ import annotations

import hashlib
from functools import cache

from portal.config.settings import ROOT


@cache
def version() -> str:
    """12 hexadecimal digits, the same in every process that runs the same code."""
    digest = hashlib.sha256()
    for folder in ("portal", "migrations"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
