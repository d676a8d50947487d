"""The table of connections."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Index,
    UniqueConstraint,
    false,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.actors import Actor
from portal.domain.connections.checks import EXTERNAL_ID
from portal.domain.connections.kinds import KINDS, KindSpec
from portal.domain.values import search_key

BUILTIN_ID = "conbuiltin0000000000"
"""The connection of a fresh installation, which the migration creates."""
MAX_NAME_LENGTH = 63


class Findings(NamedTuple):
    """What a test found: codes of what the connection can and what it lacks. With a fault, a code
    and its facts or the cloud's words, they are those of the last test that succeeded."""

    abilities: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    token_cache_seconds: int = 0
    fault: str = ""
    is_down: bool | None = False
    """Whether the cloud gave no answer; None if it was not asked."""
    facts: dict[str, str] | None = None
    """They fill the sentence of the fault."""


class Connection(db.Base):
    """`credentials` are sealed. `tested_at` is None if it was not tested with these settings.
    `test_result` has the fields of Findings; it is empty before the first test."""

    __tablename__ = "connections"
    __table_args__ = (
        UniqueConstraint("name_key"),
        CheckConstraint("NOT is_default OR closed_at IS NULL", name="default_open"),
        Index(
            "uq_connections_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    name_key: Mapped[str]
    is_default: Mapped[bool]
    settings: Mapped[dict[str, Any]]
    credentials: Mapped[str | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    tested_at: Mapped[datetime | None]
    test_result: Mapped[dict[str, Any]]
    default_limits: Mapped[dict[str, Any]] = mapped_column(db.SortedJson, default=dict)
    """Those of new clouds, by their names in LIMITS."""

    @property
    def spec(self) -> KindSpec | None:
        """The spec of its kind; None if this version does not have the kind."""
        return KINDS.get(self.kind)

    @property
    def has_folders(self) -> bool:
        """Whether its clouds are divided into folders."""
        return self.spec is not None and self.spec.has_folders

    @property
    def has_limits(self) -> bool:
        """Whether its clouds can be limited."""
        if self.spec is None or not self.spec.has_limits:
            return False
        return not self.spec.asks or self.has_ability("limits")

    def has_ability(self, code: str) -> bool:
        """Whether a test found that it can do this."""
        return code in self.test_result.get("abilities", ())

    @property
    def can_stop(self) -> bool:
        """Whether a revoke can stop all instances of a cloud, and with them open consoles."""
        return self.spec is not None and self.spec.can_stop

    @property
    def token_cache_minutes(self) -> int:
        """For how long what is signed in goes on after a suspension or a revoke, rounded up."""
        return -(-int(self.test_result.get("token_cache_seconds", 0)) // 60)

    def console_url(self, external_id: str | None) -> str:
        """The address of the cloud in its own console; empty if there is none."""
        template = self.settings.get("console_url", "") if external_id else ""
        return template.replace(EXTERNAL_ID, quote(external_id or "", safe=""))

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Visible to operators only."""
        return true() if actor.is_system or actor.is_operator else false()


def connections_for(actor: Actor) -> list[Connection]:
    """The connections that the actor sees: open ones first, by name."""
    query = select(Connection).where(Connection.visible_to(actor))
    return sorted(db.session.scalars(query), key=_place)


def find(name: str) -> Connection | None:
    """The connection with this name or ID."""
    is_it = or_(Connection.id == name, Connection.name_key == search_key(name))
    return db.session.scalar(select(Connection).where(is_it))


def _place(connection: Connection) -> tuple[bool, bool, str]:
    return connection.closed_at is not None, not connection.is_default, connection.name_key
