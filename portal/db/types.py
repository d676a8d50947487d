"""Column types: UTC instants, exact money, enums."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, String
from sqlalchemy.types import TypeDecorator

MICRO = Decimal("0.000001")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite has no time zones and stores it naive.

    Binding a naive datetime raises ValueError.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An amount in the installation's currency, stored as an integer in millionths.

    Binding an amount with more than six decimal places raises ValueError.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        exact = value.quantize(MICRO)  # scaleb alone rounds to 28 digits
        if exact != value:
            raise ValueError(f"{value} has more than six decimal places")
        return int(exact.scaleb(6))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-6)


class SortedJson(TypeDecorator[dict[str, Any]]):
    """A flat object as JSON text with sorted keys: the database can compare two of them."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else json.loads(value)


def enum_column(enum: type[StrEnum], name: str) -> Enum:
    """A column type for the enum's values, with a CHECK constraint of this name."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=True,
        length=48,
        name=name,
        values_callable=lambda members: [member.value for member in members],
    )
