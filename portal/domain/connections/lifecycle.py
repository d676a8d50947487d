"""Connections: add, change, test, make default, close."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, circuit_breakers, identity, jobs, locks
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.connections.credentials import seal, unseal
from portal.domain.connections.kinds import KINDS, KindSpec
from portal.domain.connections.limits import parse_limits
from portal.domain.connections.record import Connection, Findings
from portal.domain.errors import Code, Refused
from portal.domain.jobs import OrderKind
from portal.domain.values import search_key


def add(kind: str, *, name: str, values: Mapping[str, str], by: Actor) -> Connection:
    """An operator adds a connection; `values` are its settings and credentials by name.

    Raises ReauthenticationRequired, Forbidden, Refused("connection-name-taken",
    "credentials-key-missing"), Invalid as the checks of the kind's fields and "required", KeyError
    for a kind that this version does not have.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.CONNECTION_ADD)
    _lock_all()
    is_taken = select(Connection.id).where(Connection.name_key == search_key(name))
    if db.session.scalar(is_taken) is not None:
        raise Refused(Code.CONNECTION_NAME_TAKEN, field="name")
    spec, connection_id = KINDS[kind], db.new_id("con")
    settings, secrets = _split(spec, values)
    connection = Connection(
        id=connection_id,
        kind=kind,
        name=name,
        name_key=search_key(name),
        is_default=False,
        settings=settings,
        credentials=seal(connection_id, secrets) if secrets else None,
        created_at=db.now(),
        test_result={},
    )
    db.session.add(connection)
    db.session.flush()
    _record(Action.CONNECTION_ADD, connection, by=by, kind=kind)
    return connection


def change(connection: Connection, *, values: Mapping[str, str], by: Actor) -> None:
    """An operator changes the settings that are in `values`, and enters all credentials again:
    those that are sealed are never sent to another address. It counts as not tested; what it can
    stays as it was known. Raises as `add`."""
    connection = _lock(connection, Action.CONNECTION_CHANGE, by=by)
    settings, secrets = _split(KINDS[connection.kind], {**connection.settings, **values})
    connection.settings = settings
    connection.credentials = seal(connection.id, secrets) if secrets else None
    connection.tested_at, connection.test_result = None, _known(connection.test_result)
    db.session.flush()
    _record(Action.CONNECTION_CHANGE, connection, by=by)


def make_default(connection: Connection, *, by: Actor) -> None:
    """An operator lets new clouds be created on this connection, which worked when it was tested;
    clouds stay where they are.

    Raises ReauthenticationRequired, Forbidden, Refused("connection-closed", "connection-untested",
    "connection-test-failed").
    """
    connection = _lock(connection, Action.CONNECTION_DEFAULT, by=by)
    if connection.closed_at is not None:
        raise Refused(Code.CONNECTION_CLOSED)
    if connection.is_default:
        return
    _require_good_test(connection)
    default().is_default = False
    db.session.flush()  # first: only one can be the default
    connection.is_default = True
    db.session.flush()
    _record(Action.CONNECTION_DEFAULT, connection, by=by)


def _require_good_test(connection: Connection) -> None:
    """Raise Refused unless the connection worked, or has nobody to ask."""
    if connection.spec is not None and not connection.spec.asks:
        return
    if connection.tested_at is None:
        raise Refused(Code.CONNECTION_UNTESTED)
    if fault := connection.test_result.get("fault"):
        facts = connection.test_result.get("facts")
        raise Refused(Code.CONNECTION_TEST_FAILED, fault=fault, facts=facts)


def close(connection: Connection, *, by: Actor) -> None:
    """An operator closes a connection for new clouds; its clouds go on.

    Raises ReauthenticationRequired, Forbidden, Refused("connection-default").
    """
    connection = _lock(connection, Action.CONNECTION_CLOSE, by=by)
    if connection.is_default:
        raise Refused(Code.CONNECTION_DEFAULT)
    if connection.closed_at is not None:
        return
    connection.closed_at = db.now()
    db.session.flush()
    _record(Action.CONNECTION_CLOSE, connection, by=by)


def limit_new_clouds(connection: Connection, *, limits: Mapping[str, str], by: Actor) -> None:
    """An operator says which limits new clouds of a connection have; clouds that exist keep theirs.

    Raises ReauthenticationRequired, Forbidden, Refused("limits-not-offered"), Invalid.
    """
    connection = _lock(connection, Action.CONNECTION_LIMIT, by=by)
    connection.default_limits = parse_limits(connection, limits)
    db.session.flush()
    _record(Action.CONNECTION_LIMIT, connection, by=by)


def queue_test(connection: Connection, *, by: Actor) -> None:
    """An operator has a connection tested by the worker, which asks it even if it did not answer
    before.

    Raises ReauthenticationRequired, Forbidden, Refused("connection-untestable",
    "credentials-unreadable").
    """
    connection = _lock(connection, Action.CONNECTION_TEST, by=by)
    if connection.spec is None or not connection.spec.asks:
        raise Refused(Code.CONNECTION_UNTESTABLE)
    if unseal(connection) is None:
        raise Refused(Code.CREDENTIALS_UNREADABLE)
    jobs.add_order(OrderKind.TEST, connection.id, connection_id=connection.id)
    circuit_breakers.allow_probe(jobs.cloud_lane(connection.id))
    _record(Action.CONNECTION_TEST, connection, by=by)


def record_test(connection_id: str, result: Findings) -> None:
    """Keep what the worker's test found. A test that failed found nothing: what the connection can
    stays as it was known."""
    connection = db.lock(Connection, connection_id)
    if result.fault:
        result = result._replace(**_known(connection.test_result))
    connection.tested_at, connection.test_result = db.now(), result._asdict()
    db.session.flush()


def _known(test_result: Mapping[str, Any]) -> dict[str, Any]:
    names = ("abilities", "missing", "token_cache_seconds")
    return {name: test_result[name] for name in names if name in test_result}


def default() -> Connection:
    """The connection for new clouds."""
    return db.session.scalars(select(Connection).where(Connection.is_default)).one()


def _split(spec: KindSpec, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The settings and the credentials that the kind has. Raises Invalid."""
    known = {field.name: field.parse(values.get(field.name, "")) for field in spec.fields}
    secrets = {name: value for name, value in known.items() if name in spec.secret_names}
    return {name: value for name, value in known.items() if name not in secrets}, secrets


def _lock(connection: Connection, action: Action, *, by: Actor) -> Connection:
    """Check that the actor may, and return the connection as it is now."""
    identity.require_recent(by)
    access.require_operator(by, action)
    _lock_all()
    return db.lock(Connection, connection.id)


def _lock_all() -> None:
    """Lock all connections, which are few: only one is the default, and each name is unique."""
    db.session.execute(locks.select_for_update(Connection.id)).all()


def _record(action: Action, connection: Connection, *, by: Actor, **facts: str) -> None:
    audit.record(action, by=by, chain=audit.INSTALLATION, thing=connection.id, **facts)
