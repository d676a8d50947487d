"""Secrets at rest: sealed with the newest key of a file; the ID of their row is sealed with them.

A token that is copied into another row would decrypt there, so the ID is compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select

from portal import db
from portal.domain import audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.connections.record import Connection
from portal.domain.errors import Code, Refused

ReadKeys = Callable[[], Sequence[bytes]]
_read: ReadKeys = list


def configure_keys(read: ReadKeys) -> None:
    """Set where the process reads its keys from, the newest last, at each use."""
    global _read  # noqa: PLW0603 - a process serves one installation
    _read = read


def has_key() -> bool:
    """Whether secrets can be sealed."""
    return _fernet() is not None


def seal(row_id: str, values: Mapping[str, str]) -> str:
    """The values, sealed for the row with this ID. Raises Refused("credentials-key-missing")."""
    fernet = _fernet()
    if fernet is None:
        raise Refused(Code.CREDENTIALS_KEY_MISSING)
    return fernet.encrypt(json.dumps({"row": row_id, "values": dict(values)}).encode()).decode()


def open_sealed(row_id: str, sealed: str) -> dict[str, str] | None:
    """The values that were sealed for the row; None if this process can't decrypt them."""
    fernet = _fernet()
    try:
        body = fernet and json.loads(fernet.decrypt(sealed))
    except InvalidToken:
        return None
    return dict(body["values"]) if body and body["row"] == row_id else None


def unseal(connection: Connection) -> dict[str, str] | None:
    """The connection's credentials; None if this process can't decrypt them: then the connection
    asks for them again."""
    sealed = connection.credentials
    return {} if sealed is None else open_sealed(connection.id, sealed)


def unreadable_connections() -> list[Connection]:
    """The connections whose credentials this process can't decrypt."""
    query = select(Connection).where(Connection.credentials.is_not(None)).order_by(Connection.id)
    return [each for each in db.session.scalars(query) if unseal(each) is None]


class Resealed(NamedTuple):
    """A connection with credentials, and whether they could be decrypted and are sealed again."""

    connection_id: str
    name: str
    is_readable: bool


def reseal_next(after: str, *, by: Actor) -> Resealed | None:
    """Seal the credentials of the first connection with an ID behind `after` with the newest key;
    None if there is none."""
    is_next = Connection.credentials.is_not(None), Connection.id > after
    query = select(Connection.id).where(*is_next).order_by(Connection.id).limit(1)
    connection_id = db.session.scalar(query)
    if connection_id is None:
        return None
    connection = db.lock(Connection, connection_id)
    values = unseal(connection)
    if values is not None:
        connection.credentials = seal(connection.id, values)
        db.session.flush()
        audit.record(Action.CONNECTION_REKEY, by=by, chain=audit.INSTALLATION, thing=connection.id)
    return Resealed(connection.id, connection.name, values is not None)


def _fernet() -> MultiFernet | None:
    """Encrypts with the newest key, decrypts with any; None without a usable file."""
    try:
        keys = _read()
    except ValueError:
        return None
    return MultiFernet([Fernet(key) for key in reversed(keys)]) if keys else None
