"""Processes: which one this is, and whether another one of this machine is gone."""

from __future__ import annotations

import os
import platform
import secrets
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process. `id` is random: a container that restarts has its host and its number again."""

    id: str
    host: str
    number: int
    machine: str
    """Where its number is unique: a boot of a kernel and a namespace of numbers, since containers
    have their own. Empty if the system does not say."""


def this() -> Process:
    """This process; a fork has its own."""
    return _process(os.getpid())


@cache
def _process(number: int) -> Process:
    return Process(secrets.token_hex(8), platform.node(), number, _machine())


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def is_gone(number: int, machine: str) -> bool:
    """Whether this process is known to have ended: it is of this machine, and its number is free.
    False may be wrong: another process may have got the number."""
    if not machine or machine != this().machine:
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:  # another user's
        pass
    return False
