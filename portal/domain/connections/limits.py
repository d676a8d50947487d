"""Limits of clouds, where their connection carries them out."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain.connections import checks
from portal.domain.connections.record import Connection
from portal.domain.errors import Code, Refused

LIMITS = ("cpu", "memory", "disk", "instances")
"""Memory and disk are in GiB."""
check_limit = checks.number(1, 1_000_000)


def parse_limits(connection: Connection, typed: Mapping[str, str]) -> dict[str, int]:
    """The limits as numbers, by their names; an empty one is none.

    Raises Refused("limits-not-offered"), Invalid.
    """
    if not connection.has_limits or set(typed) - set(LIMITS):
        raise Refused(Code.LIMITS_NOT_OFFERED)
    return {name: int(check_limit(text)) for name, text in typed.items() if text.strip()}
