"""The base class of all models."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ColumnElement, MetaData, String
from sqlalchemy.orm import DeclarativeBase, registry

from portal.db.types import Money, UtcDateTime


class Base(DeclarativeBase):
    """The base class of all models. A model without a `visible_to` rule is visible to nobody."""

    # In a registry: Flask-SQLAlchemy copies the class, and SQLAlchemy refuses a second type map.
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
        """The condition for rows that `actor` can see. Raises NotImplementedError if the model has
        no rule."""
        raise NotImplementedError(f"{cls.__name__} has no rule about who sees it")
