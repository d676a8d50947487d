"""The pages of clouds at connections: accesses in each state, and what is done by hand."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from portal import config
from portal.demo.people import CARL, EDDIE
from portal.domain import connections, jobs
from tests.support.tour import Tour

EXTERNAL_ID = "9c41f0d2a7b84f3e9d0b6a5c71e2f408"
SETTINGS = '{"console_url": "https://console.example/projects/{id}"}'
NOW, GRACE = timedelta(), timedelta(days=7)
READY = "fault = NULL, external_id = :external_id, carried_out_at = :at"
CREATING = "external_id = NULL, carried_out_at = NULL, agreed_at = :at"
CHANGES = {
    "creating": CREATING,
    "failed": f"{CREATING}, fault = 'no room', fault_facts = '{{}}', fault_mark = :mark",
    "resuming": f"{READY}, is_suspended_there = true",
    "closing": f"{READY}, is_suspended_there = false, closes_at = :later",
    "ready": """closes_at = NULL, limits = '{"cpu": 8, "disk": 200, "memory": 16}',
        carried_out_limits = '{"cpu": 8, "disk": 200, "memory": 16}'""",
}
"""What is set of a cloud, in the order in which the pages show it."""
KEYS = "credentials-keys"
"""The file of the keys that seal the demo's secrets, beside its database."""
CONNECTION = "con" + "pages".ljust(17, "0")
CLOUDS_YAML = """clouds:
  shop-b1g9c41f0d2a7b84f3e9:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://keystone.example:5000/v3
      application_credential_id: 21f4a6c2b0d94e1c8a70c3b1d5e6f708
      application_credential_secret: Zm9yLXRoZS1waWN0dXJlcy1vbmx5
"""
ACCESSES: dict[str, dict[str, Any]] = {
    "1": {"name": "Build server in Königsberg, second floor"},
    "2": {"name": "Laptop", "made_at": True, "how": "clouds.yaml"},
    "3": {"name": "Workstation", "made_at": True, "how": "clouds.yaml", "shown_at": True},
    "4": {"name": "Old laptop", "made_at": True, "shown_at": True, "ending_at": True},
    "5": {"name": "Phone", "fault": "quota"},
    "6": {"name": "Console", "made_at": True, "how": "link", "link": "https://console.example/"},
}
"""By the end of the ID; True is now."""


def add(cloud: str, page: Page, tour: Tour) -> str:
    """Give the cloud at this path a connection and the signed-in person accesses; the path."""
    path = tour.resolve(page, cloud)
    keys = tour.database.parent / KEYS
    connections.configure_keys(partial(config.read_credentials_keys, str(keys)))
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        _add(connection, path.rpartition("/")[2], tour.email)
    connections.configure_keys(list)
    return path


def access(number: str, cloud: str, page: Page, tour: Tour) -> str:
    """The path of an access of that cloud."""
    return f"{tour.resolve(page, cloud)}/accesses/{_id('acs', number)}"


def change(state: str, cloud: str, page: Page, tour: Tour) -> str:
    """Bring the cloud at this path into a state of CHANGES; the path."""
    path = tour.resolve(page, cloud)
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        (name,) = connection.execute(
            "SELECT name FROM clouds WHERE id = ?", [path.rpartition("/")[2]]
        ).fetchone()
        mark = hashlib.sha256(f"create\n{name}".encode()).hexdigest()[:16]
        at, later = (f"{datetime.now(UTC) + wait:%Y-%m-%d %H:%M:%S.%f}" for wait in (NOW, GRACE))
        values = {"at": at, "later": later, "mark": mark, "external_id": EXTERNAL_ID}
        connection.execute(
            f"UPDATE clouds SET {CHANGES[state]} WHERE connection_id = '{CONNECTION}'", values
        )
    return path


def move_to_lxd(cloud: str, page: Page, tour: Tour) -> str:
    """Make the connection of the cloud at this path one of LXD; the path."""
    path = tour.resolve(page, cloud)
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        connection.execute("UPDATE connections SET kind = 'lxd' WHERE id = ?", [CONNECTION])
    return path


def take_down(cloud: str, page: Page, tour: Tour) -> str:
    """Have the cloud at this path be created at a connection that gives no answer; the path."""
    path = change("creating", cloud, page, tour)
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        values = {"key": jobs.cloud_lane(CONNECTION), "failures": 3, "answer": "no answer"}
        _insert(connection, at, "circuit_breakers", since=True, retry_at=True, **values)
    return path


def to_carry_out(_page: Page, tour: Tour) -> str:
    """Put a cloud of the demo on a connection by hand, to be created there; the path of what is to
    be done."""
    by_hand = "con" + "byhand".ljust(17, "0")
    with closing(sqlite3.connect(tour.database, timeout=20)) as connection, connection:
        _add_connection(connection, id=by_hand, kind="manual", name="Racks", name_key="racks")
        (cloud_id,) = connection.execute(
            "SELECT cloud_id FROM links JOIN billing_accounts ON billing_accounts.id = account_id"
            " JOIN clouds ON clouds.id = cloud_id"
            " WHERE until_at IS NULL AND parent_id IS NULL AND clouds.closed_at IS NULL"
            " ORDER BY cloud_id DESC LIMIT 1"
        ).fetchone()
        values = [by_hand, cloud_id]
        connection.execute(
            "UPDATE clouds SET connection_id = ?, carried_out_at = NULL WHERE id = ?", values
        )
    return f"/operator/to-carry-out/{cloud_id}"


def make_keys(folder: Path) -> str:
    """A file with a key; its path."""
    file = str(folder / KEYS)
    config.add_credentials_key(file)
    return file


def _id(prefix: str, number: str) -> str:
    return prefix + number.rjust(17, "0")


def _add_connection(connection: sqlite3.Connection, **values: Any) -> None:
    empty = dict.fromkeys(("settings", "test_result", "default_limits"), "{}")
    values = {"is_default": False, **empty, **values}
    _insert(connection, "2026-01-01 00:00:00.000000", "connections", created_at=True, **values)


def _insert(connection: sqlite3.Connection, at: str, table: str, **values: Any) -> None:
    """Insert a row; True is the time `at`."""
    values = {name: at if value is True else value for name, value in values.items()}
    marks = ", ".join("?" * len(values))
    connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
        list(values.values()),
    )


def _add(connection: sqlite3.Connection, cloud_id: str, email: str) -> None:
    now = datetime.now(UTC)
    at, until, later = (
        f"{now + wait:%Y-%m-%d %H:%M:%S.%f}"
        for wait in (timedelta(), timedelta(days=30), timedelta(minutes=5))
    )

    insert = partial(_insert, connection, at)
    results = '{"abilities": ["access", "suspend"], "token_cache_seconds": 300}'
    names = {"id": CONNECTION, "kind": "pretended", "name": "Frankfurt", "name_key": "frankfurt"}
    _add_connection(connection, **names, test_result=results, settings=SETTINGS)
    connection.execute(
        "UPDATE clouds SET connection_id = ?, external_id = ?, carried_out_at = ?,"
        " changed_there_at = ?, carried_out_name = name WHERE id = ?",
        [CONNECTION, EXTERNAL_ID, at, at, cloud_id],
    )
    carried_out = {"ordered_role": "admin", "role": "admin", "granted_at": True}
    people = {
        email: carried_out,
        CARL: carried_out | {"revoking_at": True},
        EDDIE: {"revoking_at": True, "revoked_at": True, "ends_by": later},
    }
    for number, (person, values) in enumerate(people.items()):
        (user_id,) = connection.execute("SELECT id FROM users WHERE email = ?", [person]).fetchone()
        ids = {"id": _id("mem", str(number)), "cloud_id": cloud_id, "user_id": user_id}
        insert("memberships", **ids, created_at=True, settled_at=True, **values)
    for number, values in ACCESSES.items():
        ids = {"id": _id("acs", number), "membership_id": _id("mem", "0")}
        insert("accesses", **ids, created_at=True, until=until, **values)
    ready = _id("acs", "2")
    insert(
        "access_secrets",
        access_id=ready,
        sealed=connections.seal(ready, {"text": CLOUDS_YAML}),
    )
