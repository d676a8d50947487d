"""Sources of usage: add one, find one, list them."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from portal import db
from portal.domain import access, audit
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.usage.record import MAX_NAME_LENGTH, Mode, UsageSource
from portal.domain.values import line, search_key


def add_source(
    name: str, *, by: Actor, mode: Mode | None = None, key_column: str | None = None
) -> UsageSource:
    """An operator adds an issuer of files.

    Raises Forbidden, Refused("usage-source-name-taken"), Invalid.
    """
    access.require_operator(by, Action.USAGE_SOURCE_ADD)
    name = line(name, limit=MAX_NAME_LENGTH)
    source = UsageSource(
        id=db.new_id("src"),
        name=name,
        name_key=search_key(name),
        mode=mode,
        key_column=key_column,
        created_at=db.now(),
    )
    try:
        with db.savepoint():
            db.session.add(source)
            db.session.flush()
    except IntegrityError:
        raise Refused(Code.USAGE_SOURCE_NAME_TAKEN, field="name") from None
    audit.record(Action.USAGE_SOURCE_ADD, by=by, chain=audit.INSTALLATION, thing=source.id)
    return source


def source_of(connection: Connection) -> UsageSource:
    """The source that a connection is, made at its first use. Its name is the connection's, or its
    ID where another source has that name. The caller is the only one that makes it."""
    query = select(UsageSource).where(UsageSource.connection_id == connection.id)
    if (source := db.session.scalar(query)) is not None:
        return source
    name = connection.id if find_source(connection.name) else connection.name
    source = UsageSource(
        id=db.new_id("src"),
        name=name,
        name_key=search_key(name),
        connection_id=connection.id,
        mode=Mode.OVERWRITE,
        created_at=db.now(),
    )
    db.session.add(source)
    db.session.flush()
    return source


def find_source(name: str) -> UsageSource | None:
    """The source with this name or ID."""
    is_it = or_(UsageSource.id == name, UsageSource.name_key == search_key(name))
    return db.session.scalar(select(UsageSource).where(is_it))


def file_sources_for(actor: Actor) -> list[UsageSource]:
    """The issuers of files that the actor sees, by name."""
    is_seen = UsageSource.visible_to(actor), UsageSource.connection_id.is_(None)
    query = select(UsageSource).where(*is_seen).order_by(UsageSource.name_key)
    return list(db.session.scalars(query))
