"""The header `Retry-After`: when a server that can't answer now wishes to be asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_WAIT = timedelta(hours=1)


def parse(value: str) -> timedelta | None:
    """The wait that a header asks for, in seconds or until a date (RFC 9110); None without one.

    It is between a second and MAX_WAIT: no server may delay for long what takes access away."""
    value = value.strip()
    try:
        if value.isdecimal():
            wait = timedelta(seconds=min(int(value), 10**6))
        else:
            wait = parsedate_to_datetime(value) - datetime.now(UTC)
    except (TypeError, ValueError):
        return None
    return min(max(wait, timedelta(seconds=1)), MAX_WAIT)
