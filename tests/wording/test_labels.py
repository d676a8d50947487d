"""Every line that the code records has a phrase, every field and role a word; the log verifies."""

from __future__ import annotations

import ast
from dataclasses import fields

import pytest
from flask import Flask
from sqlalchemy import text

from portal import db
from portal.domain import activity
from portal.domain.access import ACCOUNT_TABLE, CLOUD_TABLE, AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.activity import ActivityFilter
from portal.domain.cloud_access import explanation
from portal.domain.customers import Draft
from portal.wording import audit, labels
from tests.support.map import modules
from tests.support.verbs import VERBS
from tests.support.world import OLGA, World, actor

SEEING = ("account.see", "account.see_money")


def recorded() -> set[str]:
    """The actions of all `audit.record(…)` in the code, those handed to a `_record` included."""
    found = set()
    for path in modules():
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and _records(call):
                    action = call.args[0]
                    if isinstance(action, ast.Attribute):
                        found.add(Action[action.attr])
                    else:
                        assert function.name == "_record", f"{path}:{call.lineno}"
    return found


def _records(call: ast.Call) -> bool:
    owner = getattr(getattr(call.func, "value", None), "id", "")
    is_audit = getattr(call.func, "attr", "") == "record" and owner == "audit"
    return is_audit or getattr(call.func, "id", "") == "_record"


def test_every_action_in_the_code_has_a_title_and_a_sentence_and_no_more() -> None:
    assert set(audit.TITLES) == set(audit.SENTENCES) == recorded()


def test_every_role_field_and_action_of_the_table_has_its_words() -> None:
    assert set(labels.ROLES) == set(AccountRole)
    assert set(labels.CLOUD_ROLES) == set(CloudRole)
    assert set(labels.ABILITIES) == {*ACCOUNT_TABLE, *CLOUD_TABLE, explanation.SEE}
    assert {*audit.TITLES, *labels.ABILITIES} == set(Action)
    assert set(labels.FIELDS) == {field.name for field in fields(Draft)} - {"with_cloud"}


@pytest.mark.parametrize(
    "verb",
    [v for v in VERBS if v.action not in (*SEEING, "account.switch_to_paid")],
    ids=lambda verb: verb.name,
)
def test_the_line_of_every_verb_can_be_read(app: Flask, world: World, verb: object) -> None:
    """Its facts are those that the sentence asks for."""
    who = {
        "invitation.accept": "carl@customer.example",
        "invitation.decline": "carl@customer.example",
    }
    on_cloud = dict.fromkeys(CLOUD_TABLE, "dora@direct.example")
    by = actor((who | on_cloud).get(verb.action, OLGA))  # type: ignore[attr-defined]
    db.write(lambda: verb.call(world, by))  # type: ignore[attr-defined]
    chain = world.direct if verb.action in on_cloud else world.north  # type: ignore[attr-defined]
    account = db.session.get_one(BillingAccount, chain)
    with app.test_request_context():
        said = [audit.describe(line) for line in activity.lines_for(account, ActivityFilter())]
    assert all(sentence.endswith(".") and "aje" not in sentence for sentence in said)


def verify(app: Flask) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["audit", "verify"])
    return result.exit_code, result.output


def test_audit_verify_says_that_all_is_well(app: Flask, world: World) -> None:
    status, said = verify(app)
    assert status == 0
    assert said.startswith("The audit log verifies. Plain chains, not keyed: ")


def test_audit_verify_names_the_line_that_was_changed(app: Flask, world: World, kind: str) -> None:
    def forge() -> None:
        on = " ON audit_lines" if kind == "postgresql" else ""
        db.session.execute(text(f"DROP TRIGGER audit_lines_fixed{on}"))
        db.session.execute(
            text("UPDATE audit_lines SET actor = 'nobody' WHERE chain = :chain AND seq = 2"),
            {"chain": world.north},
        )

    db.write(forge)
    status, said = verify(app)
    assert status == 1
    assert f"The chain {world.north} is broken at line 2." in said
    assert world.south not in said
