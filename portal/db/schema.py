"""The class that all tables derive from."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ColumnElement, MetaData, String
from sqlalchemy.orm import DeclarativeBase, registry

from portal.db.types import Money, UtcDateTime


class Base(DeclarativeBase):
    """All tables. A model that does not say who sees it is seen by nobody."""

    # A registry, because Flask-SQLAlchemy copies the class and SQLAlchemy refuses the map twice.
    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            datetime: UtcDateTime(),
            Decimal: Money(),
            str: String(),
            dict[str, Any]: JSON(),
        },
    )

    @classmethod
    def visible_to(cls, actor: Any) -> ColumnElement[bool]:
        """The rows that exist for `actor`. Raises NotImplementedError where no rule is written."""
        raise NotImplementedError(f"{cls.__name__} has no rule about who sees it")
