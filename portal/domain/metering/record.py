"""The tables of metering: fetches of connections, hourly samples, rates from a day on."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from portal import db

RATED = ("cpu", "memory", "disk")
"""What is sampled and has a rate: by vCPU and hour, GiB and hour, GiB and month."""


class UsageFetch(db.Base):
    """A connection that delivers usage, since when it has to, and why the last try failed."""

    __tablename__ = "usage_fetches"

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    since_at: Mapped[datetime]
    failed_at: Mapped[datetime | None]
    fault: Mapped[str | None]
    fault_facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class UsageSample(db.Base):
    """What a connection gave out in the hour that begins at `hour_at`. `quantities` are decimal
    numbers as text, by external ID and by name in RATED."""

    __tablename__ = "usage_samples"

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    hour_at: Mapped[datetime] = mapped_column(primary_key=True)
    quantities: Mapped[dict[str, Any]]


class UsageRates(db.Base):
    """What samples of a connection cost from a UTC day on, in the installation's currency; decimal
    numbers as text."""

    __tablename__ = "usage_rates"

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    since_on: Mapped[date] = mapped_column(primary_key=True)
    cpu: Mapped[str]
    memory: Mapped[str]
    disk: Mapped[str]

    def rate(self, name: str) -> Decimal:
        """The rate of what is sampled, by its name in RATED."""
        return Decimal(getattr(self, name))
