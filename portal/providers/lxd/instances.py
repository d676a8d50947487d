"""Instances of a project: stopped when it is suspended, started when it is resumed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from portal.providers.contract import Later, NeedsPerson
from portal.providers.lxd.session import SOON, Operation, Row, Session, segment

GRACE_SECONDS = 20
"""How long instances may take to shut down."""
AT_REST = ("Stopped", "Error")


def _all(session: Session, external_id: str) -> Iterator[Row]:
    """All instances of the project, and no others even if LXD ignores which project is asked."""
    for row in session.rows(f"/instances?project={segment(external_id)}"):
        if row.get("project") == external_id:
            yield row


def running(session: Session, external_id: str) -> list[Row]:
    """Instances that run, begin or cease to, or are frozen."""
    return [row for row in _all(session, external_id) if row["status"] not in AT_REST]


def stop(session: Session, external_id: str) -> None:
    """Shut down what runs, and stop by force what does not obey. Ephemeral instances are made
    persistent before: LXD deletes them when they stop. Raises Later if something still runs."""
    grace = max(int(min(GRACE_SECONDS, session.seconds / 3)), 1)
    for change in ({"action": "stop", "timeout": grace}, {"action": "stop", "force": True}):
        rows = running(session, external_id)
        for row in rows:
            if row["ephemeral"]:
                session.call("PATCH", _path(external_id, row), {"ephemeral": False})
        _wait(session, [_begin(session, external_id, row, change) for row in rows])
    names = [row["name"] for row in running(session, external_id)]
    if names:
        raise Later(f"{', '.join(names)}: still running.", SOON)


def _path(external_id: str, row: Row, part: str = "") -> str:
    return f"/instances/{segment(row['name'])}{part}?project={segment(external_id)}"


def _begin(session: Session, external_id: str, row: Row, change: Row) -> Operation:
    """Begin to change the state of an instance."""
    return session.begin("PUT", _path(external_id, row, "/state"), change, row["name"])


def _wait(session: Session, operations: Collection[Operation]) -> dict[str, str]:
    """Wait for all; return what went wrong by the name of the instance."""
    errors = {operation.subject: session.wait(operation) for operation in operations}
    return {name: error for name, error in errors.items() if error}


def start(session: Session, external_id: str, names: Collection[str]) -> None:
    """Start those of these instances that exist and are at rest. Raises NeedsPerson if one does not
    start."""

    def at_rest() -> list[Row]:
        rows = _all(session, external_id)
        return [row for row in rows if row["name"] in names and row["status"] in AT_REST]

    begin = {"action": "start"}
    errors = _wait(session, [_begin(session, external_id, row, begin) for row in at_rest()])
    for row in at_rest():
        errors.setdefault(row["name"], row["status"])  # LXD has forgotten why
    if errors:
        said = "; ".join(f"{name}: {error}" for name, error in errors.items())
        raise NeedsPerson("lxd-not-started", project=external_id, said=said[:500])
