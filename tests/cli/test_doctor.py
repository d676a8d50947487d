"""`flask doctor`: a line for each check, the problems, and an exit status."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import text

from portal import db
from portal.domain import doctor
from tests.support.world import World

pytestmark = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def write(statement: str) -> None:
    db.write(lambda: db.session.execute(text(statement)))


def test_a_healthy_database_has_a_line_for_each_check_and_the_status_0(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["doctor"])
    *lines, blank, last = result.output.splitlines()
    assert (result.exit_code, blank, last) == (0, "", "The database is healthy.")
    assert [line.split() for line in lines] == [
        [check.name, check.invariant, "none"] for check in doctor.CHECKS
    ]


def test_problems_are_listed_up_to_a_limit_and_the_status_is_1(app: Flask, world: World) -> None:
    write(
        "INSERT INTO clouds (id, name, name_key, created_at, connection_id,"
        " is_suspended_there, left_running, fault_facts, limits)"
        " WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 31)"
        " SELECT 'b1g' || i, 'x', 'x', '2026-03-01 00:00:00.000000', 'conbuiltin0000000000',"
        " false, '[]', '{}', '{}' FROM n"
    )
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert ["cloud-without-open-link", "I3", "22"] in [line.split() for line in lines]
    start = lines.index("cloud-without-open-link (I3)")
    assert lines[start + 1] == "  b1g10: The cloud is linked to no account."
    assert lines[start + 21] == "  and 2 more; --json lists all"
    assert lines[-1] == "The database is unhealthy."


def test_json_lists_all_problems(app: Flask, world: World) -> None:
    write("UPDATE billing_accounts SET name_key = '' WHERE kind <> 'direct'")
    result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    report = json.loads(result.output)
    assert (result.exit_code, report["healthy"]) == (1, False)
    [broken] = [check for check in report["checks"] if check["total"]]
    assert (broken["check"], broken["invariant"]) == ("search-key-differs", "copies")
    assert broken["total"] == len(broken["problems"])
    assert {problem["thing"] for problem in broken["problems"]} >= {world.north, world.south}


def test_a_database_that_is_not_at_the_head_is_the_first_and_only_problem(app: Flask) -> None:
    write("UPDATE alembic_version SET version_num = '0001'")
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    first, *rest = result.output.splitlines()
    assert first.split() == ["migrations-not-at-head", "schema", "1"]
    assert f"{len(doctor.CHECKS) - 1} more checks need the newest schema." in rest


def test_a_check_that_cannot_read_a_row_is_a_problem_and_the_others_run(
    app: Flask, world: World
) -> None:
    write("DROP TRIGGER audit_lines_fixed")
    write("UPDATE audit_lines SET facts = 'no JSON' WHERE seq = 1")
    results = {result.check: result for result in doctor.run()}
    assert {name for name, result in results.items() if result.total} == {
        "guard-missing",
        "audit-chain-broken",
    }
    assert results["audit-chain-broken"].problems[0].sentence.startswith("The check failed: ")
