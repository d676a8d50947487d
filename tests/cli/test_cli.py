"""Operator commands: what they do, what they refuse in which words, and with which exit code."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db, demo
from portal.domain import (
    accounts,
    audit,
    cloud_access,
    identity,
    mail_deliveries,
    memberships,
    values,
)
from portal.domain.access import CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.identity import User
from portal.domain.jobs import OrderKind
from portal.domain.mail_deliveries import MailDelivery
from portal.wording import faults
from tests.conftest import Databases, make_app
from tests.support.memberships import (
    add_memberships,
    memberships_of,
    pretend_connection,
    put_on,
)
from tests.support.settings import change_settings
from tests.support.world import DORA, EDDIE, OLGA, SAM, TINA, World, user

GOOD = ["--name", "Zoë Newcomer", "--password", "long enough 1"]


def call(app: Flask, *arguments: str) -> tuple[int, str]:
    """Exit code and all that was printed; no command may end in a trace."""
    result = app.test_cli_runner().invoke(args=arguments)
    is_meant = result.exception is None or isinstance(result.exception, SystemExit)
    assert is_meant, repr(result.exception)
    db.session.rollback()
    return result.exit_code, result.output


def last_audit(chain: str) -> str:
    found = select(audit.AuditLine.action).where(audit.AuditLine.chain == chain)
    lines = db.session.scalars(found.order_by(audit.AuditLine.seq.desc()))
    return str(lines.first())


# People


def test_user_create_makes_an_account_that_can_sign_in(app: Flask, browser: Any) -> None:
    code, said = call(app, "user", "create", "Zoe@New.example", *GOOD)
    made = user("zoe@new.example")
    own = accounts.first_own_account(made)
    assert own is not None
    assert (code, said) == (0, f"Zoe@new.example can sign in; billing account {own.id}.\n")
    assert (own.kind, own.mode, made.name) == (Kind.DIRECT, Mode.TRIAL, "Zoë Newcomer")
    assert last_audit(audit.INSTALLATION) == "user.create"
    visitor = browser()
    visitor.get("/sign-in")
    page = visitor.submit("Sign in", email="zoe@new.example", password="long enough 1")
    assert "Zo" in page.get_data(as_text=True)


def test_user_create_asks_for_what_is_missing_until_it_is_right(app: Flask) -> None:
    answers = ["a\x07b", "Zoë", "short", "zoe@new.example", "long enough 1", "other"]
    result = app.test_cli_runner().invoke(
        args=["user", "create", "zoe@new.example"],
        input="\n".join([*answers, "long enough 1", "long enough 1", ""]),
    )
    assert result.exit_code == 0, result.output
    reasons = ["U+0007", "at least 10 characters", "your address", "do not match"]
    assert all(reason in result.output for reason in reasons)
    assert user("zoe@new.example").name == "Zoë"
    assert "long enough" not in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["zoe@new.example", "--name", "Z", "--password", "short"], 2, "at least 10 characters"),
        (["zoe@new.example", "--name", "Z", "--password", "x" * 201], 2, "at most 200 characters"),
        (["zoe@new.example", "--name", "Z", "--password", "zoe@new.example"], 2, "your address"),
        (["zoe@new.example", "--name", "", "--password", "long enough 1"], 2, "required"),
        (["zoe@new.example", "--name", "a\nb", "--password", "long enough 1"], 2, "one line"),
        (["zoe@new.example", "--name", "a\x07b", "--password", "long enough 1"], 2, "U+0007"),
        ([OLGA, *GOOD], 1, "has an account already"),
        ([OLGA.upper(), *GOOD], 1, "has an account already"),
        (["zoe", *GOOD], 2, "exactly one @"),
        (["zoe@localhost", *GOOD], 2, "can’t receive mail"),
        (["Zoë <zoe@new.example>", *GOOD], 2, "without a name"),
    ],
)
def test_user_create_refuses_in_a_sentence(
    app: Flask, arguments: list[str], code: int, said: str
) -> None:
    before = db.session.scalar(select(func.count()).select_from(User))
    found, output = call(app, "user", "create", *arguments)
    assert found == code
    assert "Error: " in output
    assert said in output
    assert db.session.scalar(select(func.count()).select_from(User)) == before
    assert audit.find_broken_links() == []


@pytest.mark.both_databases
@pytest.mark.parametrize("settings", [{"SIGN_UP": "invited"}])
def test_user_allow_lets_an_address_sign_up(app: Flask) -> None:
    def mails() -> int:
        address = values.email("zoe@new.example")
        db.write(
            lambda: identity.sign_up(address, name="Z", next_path="/", language="en", invited=False)
        )
        to_zoe = select(MailDelivery).where(MailDelivery.recipient == "zoe@new.example")
        return len(db.session.scalars(to_zoe).all())

    assert mails() == 0
    assert call(app, "user", "allow", "ZOE@new.example") == (0, "ZOE@new.example may sign up.\n")
    assert mails() == 1
    assert call(app, "user", "allow", "zoe@new.example")[0] == 0, "twice is harmless"
    assert last_audit(audit.INSTALLATION) == "user.allow"
    assert call(app, "user", "allow", "zoe")[0] == 2


def test_user_operator_makes_an_operator(app: Flask) -> None:
    assert call(app, "user", "operator", DORA) == (0, f"{DORA} is an operator.\n")
    assert user(DORA).is_operator
    assert last_audit(audit.INSTALLATION) == "user.operator"
    code, said = call(app, "user", "operator", "nobody@new.example")
    assert (code, said) == (
        1,
        "Error: nobody@new.example has no account here; `flask user create` makes one.\n",
    )


# Partners


def test_partner_grant_makes_a_direct_account_a_partners(app: Flask, world: World) -> None:
    code, said = call(app, "partner", "grant", DORA, "--name", "  Dora’s   Clouds ")
    own = db.session.get_one(BillingAccount, world.direct)
    assert (code, said) == (0, f"{own.id} (Dora’s Clouds) has partner status.\n")
    assert (own.kind, own.name) == (Kind.PARTNER, "Dora’s Clouds")
    assert last_audit(own.id) == "partner.grant"


def test_partner_grant_keeps_the_accounts_name_without_another(app: Flask, world: World) -> None:
    name = db.session.get_one(BillingAccount, world.direct).name
    assert call(app, "partner", "grant", DORA)[0] == 0
    assert db.session.get_one(BillingAccount, world.direct).name == name


def test_partner_revoke_makes_it_direct_again(app: Flask, world: World) -> None:
    code, said = call(app, "partner", "revoke", TINA)
    own = db.session.get_one(BillingAccount, world.trial)
    assert (code, said) == (0, f"{own.id} (Trial Partner) has no partner status any more.\n")
    assert own.kind is Kind.DIRECT
    assert last_audit(own.id) == "partner.revoke"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["grant", OLGA], 1, "Only a direct account can become a partner’s."),
        (["grant", DORA, "--name", "a\nb"], 1, "This must be one line."),
        (
            ["grant", "nobody@new.example"],
            1,
            "nobody@new.example has no account here; `flask user create` makes one.",
        ),
        (["grant", "nobody"], 2, "exactly one @"),
        (["revoke", DORA], 1, "This account has no partner status."),
        (["revoke", SAM], 1, "while there are live customers: 1."),
        (["revoke", OLGA], 1, "while there are live customers: 2."),
        (
            ["revoke", "nobody@new.example"],
            1,
            "nobody@new.example has no account here; `flask user create` makes one.",
        ),
        (["revoke", "eddie@north.example"], 1, "This account has no partner status."),
    ],
)
def test_partner_commands_refuse_in_a_sentence(
    app: Flask, world: World, arguments: list[str], code: int, said: str
) -> None:
    def kinds() -> list[tuple[str, Kind]]:
        rows = db.session.execute(select(BillingAccount.id, BillingAccount.kind))
        return sorted((ident, kind) for ident, kind in rows)

    before = kinds()
    found, output = call(app, "partner", *arguments)
    assert found == code
    assert "Error: " in output
    assert said in output
    assert kinds() == before


# The demonstration


@pytest.fixture
def empty(databases: Databases, kind: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application whose database has its tables and nothing in them."""
    monkeypatch.setattr(db.time, "clock", db.time._database_clock)
    url = databases.empty(kind)
    app = make_app(url)
    with app.app_context():
        assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
        yield app
        db.session.remove()
        db.extension.engine.dispose()
    databases.drop(url)


def seed(app: Flask) -> tuple[int, str]:
    return call(app, "seed", "--customers", str(demo.MIN_CUSTOMERS))


def test_a_seed_that_is_cut_short_leaves_nothing_and_the_next_one_fills_the_database_once(
    empty: Flask, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            mail_deliveries, "record_sent", lambda *_held: 1 / 0
        )  # as if killed in the middle
        with pytest.raises(ZeroDivisionError):
            demo.seed(customers=demo.MIN_CUSTOMERS)
    assert db.read(demo.is_empty)
    assert db.session.scalar(select(func.count()).select_from(BillingAccount)) == 0
    if kind == "postgresql":
        return  # filled by the same command in tests/demo/test_demo.py
    label = "The demonstration: a year of three partners"
    assert seed(empty) == (0, f"{label}\nThe demonstration data is in place.\n")
    assert db.session.scalar(select(func.count()).select_from(Customer)) == demo.MIN_CUSTOMERS
    assert audit.find_broken_links() == []
    said = db.read(demo.accounts_table)
    assert all(email in said for email in demo.PEOPLE)
    assert seed(empty) == (0, "The database has users already; nothing is added.\n")
    assert db.session.scalar(select(func.count()).select_from(Customer)) == demo.MIN_CUSTOMERS


def test_seed_tells_of_no_fewer_customers_than_there_are_kinds_of_stories(empty: Flask) -> None:
    code, said = call(empty, "seed", "--customers", str(demo.MIN_CUSTOMERS - 1))
    assert code == 2
    assert f"is not in the range x>={demo.MIN_CUSTOMERS}" in said
    assert db.read(demo.is_empty)


def test_seed_adds_nothing_where_somebody_is(app: Flask) -> None:
    before = db.session.scalar(select(func.count()).select_from(User))
    assert call(app, "seed") == (0, "The database has users already; nothing is added.\n")
    assert db.session.scalar(select(func.count()).select_from(User)) == before
    assert db.read(demo.accounts_table) == ""


def test_seed_is_refused_in_production(empty: Flask) -> None:
    change_settings(empty, portal_env="production")
    code, said = call(empty, "seed")
    assert code == 1
    assert said == "Error: Demonstration data is for local runs; use `make setup`.\n"
    assert db.read(demo.is_empty)


@pytest.mark.both_databases
def test_cloud_explain_says_what_somebody_may_do_and_by_which_row(app: Flask, world: World) -> None:
    row = db.session.query(CloudAccess).filter_by(cloud_id=world.ninas_cloud, user_id=None).one()
    ident = row.id
    code, said = call(app, "cloud", "explain", world.ninas_cloud, EDDIE.upper())
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == "See the cloud, its folders and who pays for it: yes"
    through = (
        "    resource-manager.clouds.owner, through the account of North, since 2026-03-02 09:00"
    )
    assert lines[1].startswith(through)
    assert lines[1].endswith(f"UTC, row {ident}")
    assert lines[2].startswith("    billing.accounts.editor, on the account that pays, since")
    assert "Rename the cloud: yes" in lines
    assert lines[-2:] == [
        "The cloud: Active",
        "In the cloud: nothing is carried out elsewhere; roles hold in the portal alone",
    ]


def test_cloud_explain_says_what_is_carried_out_in_the_cloud(app: Flask, world: World) -> None:
    def in_the_cloud(email: str) -> list[str]:
        said = call(app, "cloud", "explain", world.doras_cloud, email)[1].splitlines()
        return said[next(at for at, line in enumerate(said) if line.startswith("The cloud: ")) :]

    db.write(lambda: put_on(pretend_connection(), world.doras_cloud))
    assert in_the_cloud(SAM) == ["The cloud: Active", "In the cloud: no access taken yet"]
    db.write(lambda: add_memberships(SAM, world.doras_cloud))
    role = "    editor, since 2026-03-02 10:00:00 UTC"
    assert in_the_cloud(SAM) == ["The cloud: Active", "In the cloud: Up to date", role]

    db.write(lambda: setattr(db.lock(Cloud, world.doras_cloud), "is_suspended_there", True))
    refused = "In the cloud: Refused while the cloud is suspended"
    assert in_the_cloud(SAM) == ["The cloud: Being resumed", refused, role]
    (membership,) = memberships_of(SAM)
    db.write(lambda: memberships.record_fault(OrderKind.GRANT, membership.id, "lxd-no-viewers"))
    failed = ["In the cloud: Failed", f"    {faults.LXD['lxd-no-viewers']}", role]
    assert in_the_cloud(SAM)[1:] == failed
    db.write(lambda: memberships.settle(membership.id))
    assert in_the_cloud(SAM)[1:] == ["In the cloud: Being revoked, still works", role]
    db.write(lambda: memberships.record_revoked(membership.id, None))
    ends = "    open sign-ins end by 2026-03-02 10:05:00 UTC"
    assert in_the_cloud(SAM)[1:] == ["In the cloud: Revoked", ends]


def test_cloud_explain_says_from_when_on(app: Flask, world: World) -> None:
    def grant() -> None:
        found = db.lock(Cloud, world.doras_cloud)
        by, to = identity.as_actor(user(DORA)), values.email(SAM)
        cloud_access.grant(found, by=by, role=CloudRole.EDITOR, to=to)

    db.write(grant)
    _code, said = call(app, "cloud", "explain", world.doras_cloud, SAM)
    assert "See the cloud, its folders and who pays for it: yes\n" in said
    assert "Rename the cloud: from 2026-03-02 10:00:20 UTC\n    editor, their own, since" in said
    assert "effective 2026-03-02 10:00:20 UTC, row acc" in said
    assert "See who has access, give and revoke it: no\n" in said


def test_cloud_explain_says_the_same_of_a_stranger_and_of_nobody(app: Flask, world: World) -> None:
    stranger = call(app, "cloud", "explain", world.doras_cloud, SAM)
    assert stranger == call(app, "cloud", "explain", world.doras_cloud, "who@nowhere.example")
    assert stranger[0] == 0
    abilities = stranger[1].splitlines()[:-2]
    assert {line.rpartition(": ")[2] for line in abilities} == {"no"}


def test_cloud_explain_refuses_in_a_sentence(app: Flask, world: World) -> None:
    unknown = "b1g" + "0" * 17
    assert call(app, "cloud", "explain", unknown, SAM) == (
        1,
        f"Error: There is no cloud {unknown}.\n",
    )
    code, said = call(app, "cloud", "explain", world.doras_cloud, "sam")
    assert (code, "exactly one @" in said) == (2, True)
