"""Times as PostgreSQL's driver reads them; those that Python has no value for are read, too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg.types.datetime import TimestamptzLoader

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


class TimeLoader(TimestamptzLoader):
    """Reads `-infinity` and times before Christ as EARLIEST, `infinity` and times after the year
    9999 as LATEST: an error would stop who reads the row, and all rows beside it."""

    def load(self, data: Any) -> datetime:
        text = bytes(data).decode()
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            if text == "-infinity" or text.endswith(" BC"):
                return EARLIEST
            year = text.partition("-")[0]
            if text == "infinity" or (year.isdigit() and len(year) > 4):
                return LATEST
            return super().load(data)
