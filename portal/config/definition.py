"""The definition of a setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """The definition of a setting. `parse` raises ValueError for a value that is not allowed."""

    default: str
    meaning: str
    parse: Callable[[str], Any] = str
    local: str | None = None
    """The default of a local run, if it differs."""
    name: str = ""
