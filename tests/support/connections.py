"""Connections in tests: a pretended kind of cloud, whose credentials are sealed with a real key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portal import config, db
from portal.domain import connections
from portal.domain.connections import KINDS, Connection, Field, Kind, KindSpec
from portal.worker import providers
from tests.support.work import appoint_operator

PRETENDED = "pretended"
VALUES = {"url": "https://cloud.example", "password": "hunter2 hunter2"}


def use_key(file: Path) -> None:
    """Seal with a new key in the file, which is kept."""
    config.add_credentials_key(str(file))
    connections.configure_keys(lambda: config.read_credentials_keys(str(file)))


def use_kind(patch: pytest.MonkeyPatch, make: Any = None, *, can_stop: bool = False) -> None:
    """Have the pretended kind, with the provider that `make` makes."""
    fields = (Field("url"), Field("password", is_secret=True))
    patch.setitem(KINDS, PRETENDED, KindSpec(fields, asks=True, can_stop=can_stop))
    if make is not None:
        patch.setitem(providers.PROVIDERS, PRETENDED, make)


def add_connection(name: str = "Frankfurt", kind: str = PRETENDED) -> Connection:
    """An operator adds a connection."""
    by = appoint_operator()
    values = VALUES if kind == PRETENDED else {}
    return db.write(lambda: connections.add(kind, name=name, values=values, by=by))


def stored(connection_id: str) -> Connection:
    """The connection as it is now."""
    return db.read(lambda: db.session.get_one(Connection, connection_id))


def use_manual(name: str = "By hand") -> str:
    """Let new clouds be created by hand; the ID of that connection."""
    connection, by = add_connection(name, Kind.MANUAL), appoint_operator()
    db.write(lambda: connections.make_default(connection, by=by))
    return connection.id
