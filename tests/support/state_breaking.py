"""Breaking a state by raw SQL, for tests of the doctor, in a transaction that is rolled back.

Triggers and foreign keys are off, and the constraints are dropped that would refuse the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text

from portal import db
from portal.domain import audit
from portal.domain.actions import Action
from portal.domain.actors import COMMAND
from portal.domain.doctor import schema
from portal.domain.doctor.constraints import unique_keys

Params = dict[str, str]
Step = str | Callable[[Params], object]


@dataclass(frozen=True)
class Case:
    """The steps that break a state, and the things that `check` finds. `without` are constraints
    that are dropped before, each with its table; `also` are other checks with what they find."""

    check: str
    steps: tuple[Step, ...]
    things: tuple[str, ...]
    without: tuple[tuple[str, str], ...] = ()
    also: tuple[tuple[str, str], ...] = ()


def record(action: Action, chain: str, thing: str, customer: str = "") -> Step:
    """A step that records a change as its verb would."""

    def step(params: Params) -> None:
        audit.record(
            action,
            by=COMMAND,
            chain=params[chain],
            thing=params[thing],
            customer=params.get(customer),
        )
        _key, append = db.session.info["deferred"].pop()
        append()

    return step


def copy(table: str, where: str, **changes: str) -> Step:
    """A step that copies a row; `changes` are SQL expressions."""

    def step(params: Params) -> None:
        names = [column.name for column in db.Base.metadata.tables[table].columns]
        values = [changes.get(name, name) for name in names]
        run(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)}"
            f" FROM {table} WHERE {where}",
            params,
        )

    return step


def run(statement: str, params: Params) -> None:
    db.session.execute(text(statement), params)


def allow(case: Case, *, is_sqlite: bool) -> None:
    """Switch off what would refuse the case, until the transaction is rolled back."""
    if is_sqlite:
        run("PRAGMA defer_foreign_keys = ON", {})
        for trigger in schema.TRIGGERS:
            run(f"DROP TRIGGER {trigger}", {})
        for table in dict(case.without):
            rebuild(table, {name for _table, name in case.without})
    else:
        run("SET LOCAL session_replication_role = replica", {})  # no triggers, no foreign keys
        for table, name in case.without:
            run(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}", {})
            run(f"DROP INDEX IF EXISTS {name}", {})


def rebuild(name: str, without: set[str]) -> None:
    """SQLite drops no constraints: copy the table without any, and add its other unique keys."""
    run(f"CREATE TABLE bare AS SELECT * FROM {name}", {})
    run(f"DROP TABLE {name}", {})
    run(f"ALTER TABLE bare RENAME TO {name}", {})
    table, dialect = db.Base.metadata.tables[name], db.session.get_bind().dialect
    for number, (key, columns, where) in enumerate(unique_keys(table, dialect)):
        if key not in without:
            names = ", ".join(column.name for column in columns)
            condition = "" if where is None else f"WHERE {where}"
            run(f"CREATE UNIQUE INDEX {name}{number} ON {name} ({names}) {condition}", {})


def break_state(case: Case, params: Params) -> None:
    for step in case.steps:
        if isinstance(step, str):
            run(step, params)
        else:
            step(params)
