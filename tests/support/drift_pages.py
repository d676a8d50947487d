"""A connection of the demo with federated people, on which each kind of difference was found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page

from portal.domain.drift import DriftKind
from tests.support.tour import Tour

CONNECTION = "con" + "drift".ljust(17, "0")
PERSON = "9c1d6f0e4b7a4f0f8a2e"
THEIRS = {
    DriftKind.RENAMED: "Königsberg-archive",
    DriftKind.ROLE: PERSON,
    DriftKind.LOST_ROLE: "mem1jbk9d75ndih0dmoo",
    DriftKind.CHANGED_ROLE: "mem1jbk9d75ndih0dmop",
}


def add(_page: Page, tour: Tour) -> str:
    """Add the connection, unless it is there; the path of its page."""
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        query = "SELECT count(*) FROM connections WHERE id = ?"
        if not connection.execute(query, [CONNECTION]).fetchone()[0]:
            _add(connection)
    return f"/operator/connections/{CONNECTION}"


def _add(connection: sqlite3.Connection) -> None:
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"

    def insert(table: str, **values: Any) -> None:
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
        connection.execute(sql, list(values.values()))

    names = {"id": CONNECTION, "kind": "webhook", "name": "Paris", "name_key": "paris"}
    tested = {"tested_at": at, "test_result": '{"abilities": ["federation", "limits", "suspend"]}'}
    tested |= dict.fromkeys(("settings", "default_limits"), "{}")
    insert("connections", **names, is_default=False, created_at=at, **tested)
    ids = {"connection_id": CONNECTION}
    insert("reconciliations", **ids, run="job1", ended_at=at, fault_facts="{}")
    clouds = connection.execute("SELECT id FROM clouds ORDER BY id LIMIT 8").fetchall()
    for number, (kind, (cloud_id,)) in enumerate(zip(DriftKind, clouds, strict=True)):
        row = {"kind": str(kind), "cloud_id": cloud_id, "theirs": THEIRS.get(kind, "")}
        row["role"] = "viewer" if kind is DriftKind.CHANGED_ROLE else ""
        external_id = f"21f4a6c2b0d94e1c8a70c3b1d5e6f70{number}"
        drift_id = "drf" + str(number).rjust(17, "0")
        insert("drifts", id=drift_id, external_id=external_id, found_at=at, **row, **ids)
    limits = '{"cpu": 4, "disk": 200, "memory": 8}'
    connection.execute(
        "UPDATE clouds SET connection_id = ?, limits = ?, carried_out_limits = '{}' WHERE id = ?",
        [CONNECTION, limits, clouds[-1][0]],
    )
    for name in ("Legacy", "Königlich-Niederländische Binnenschifffahrt"):
        row = {"external_id": f"prj-{name[:2]}", "name": name, "our_id": "", "members": "null"}
        insert("found_clouds", run="job1", is_suspended=False, **row, **ids)
