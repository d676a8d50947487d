"""Who did what: a line for each change, chained by hashes, without a word about persons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC

import pytest
from sqlalchemy import text

from portal import db
from portal.domain import accounts, audit, customers, identity, values, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditHead, AuditLine
from portal.domain.customers import Customer, Draft
from portal.domain.invitations import Invitation
from tests.support.verbs import VERBS
from tests.support.verbs.verb import Verb
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NAMES,
    OLGA,
    TINA,
    World,
    actor,
    all_rows,
    draft,
    register,
    user,
)

WHO_MAY = {
    "access.manage": OLGA,
    "access.manage_owners": OLGA,
    "customer.edit": EDDIE,
    "customer.remove": OLGA,
    "customer.resume": EDDIE,
    "customer.suspend": EDDIE,
    "partner.edit_profile": OLGA,
    "price.set_rate": OLGA,
    "price.publish": OLGA,
    "price.withdraw": OLGA,
    "budget.set": OLGA,
    "budget.set_for_customer": EDDIE,
    "budget.choose_steps": OLGA,
    "statement.release": OLGA,
    "note.add": EDDIE,
    "note.delete": EDDIE,
    "partnership.end": OLGA,
    "partnership.give_notice": OLGA,
    "partnership.withdraw_notice": OLGA,
    "account.switch_to_paid": TINA,
    "cloud.close": DORA,
    "cloud.create": OLGA,
    "cloud.get_access": DORA,
    "cloud.link": OLGA,
    "cloud.manage_access": DORA,
    "cloud.relink": DORA,
    "cloud.rename": DORA,
    "customer.add": OLGA,
    "folder.create": DORA,
    "folder.rename": DORA,
    "invitation.accept": CARL,
    "invitation.decline": CARL,
    "invitation.send_again": EDDIE,
}
"""Somebody of the cast who may do what the verb's sample does."""

CHANGES = [v for v in VERBS if v.action not in ("account.see", "account.see_money")]
PERSON = Draft(
    name="Zebulon Quill",
    invitation_email="zebulon@quill.example",
    country="GB",
    tin="GB980780684",
    longname="Quill Holdings",
    phone="+442079460958",
    email="office@quill.example",
    legal_address="1 Inkwell Lane",
    post_address="PO Box 77",
    post_code="EC1A 1BB",
    description="met at the fair",
    reference="Q-4711",
)


def lines() -> list[AuditLine]:
    return db.session.query(AuditLine).order_by(AuditLine.chain, AuditLine.seq).all()


def new_lines(unit: Callable[[], object]) -> list[AuditLine]:
    """The lines that a unit of work adds."""
    before = {(line.chain, line.seq) for line in lines()}
    db.write(unit)
    assert audit.find_broken_links() == []
    return [line for line in lines() if (line.chain, line.seq) not in before]


def written_by(unit: Callable[[], object]) -> str:
    """The log as it would be after a unit of work, which is undone."""
    log = ""

    def tried() -> None:
        nonlocal log
        unit()
        log = " ".join(map(repr, db.session.execute(AuditLine.__table__.select()))).casefold()
        raise Undone

    with pytest.raises(Undone):
        db.write(tried)
    return log


class Undone(Exception):
    """Ends a trial, so that nothing of it stays."""


def run(verb: Verb, world: World) -> object:
    return verb.call(world, actor(WHO_MAY[verb.action]))


def raw(*statements: str) -> None:
    """Raw SQL, with the guards of the log out of the way."""

    def unit() -> None:
        on = " ON audit_lines" if db.session.get_bind().dialect.name == "postgresql" else ""
        for trigger in ("audit_lines_fixed", "audit_lines_stay"):
            db.session.execute(text(f"DROP TRIGGER IF EXISTS {trigger}{on}"))
        for statement in statements:
            db.session.execute(text(statement))

    db.write(unit)


@pytest.mark.parametrize("verb", CHANGES, ids=lambda verb: verb.action)
def test_every_change_leaves_its_line(app: object, world: World, verb: Verb) -> None:
    found = new_lines(lambda: run(verb, world))
    # Sorted: lines of two chains have no order between them.
    assert sorted(line.action for line in found) == sorted(verb.audit_actions or (verb.action,))
    line = found[-1]
    assert line.actor == user(WHO_MAY[verb.action]).id
    head = db.session.get_one(AuditHead, line.chain)
    assert (head.seq, head.hash) == (line.seq, line.hash)


@pytest.mark.parametrize("verb", CHANGES, ids=lambda verb: verb.action)
def test_a_change_without_its_line_does_not_happen(
    app: object, world: World, kind: str, verb: Verb
) -> None:
    effect = (
        "BEGIN SELECT RAISE(ABORT, 'no line'); END"
        if kind == "sqlite"
        else "EXECUTE FUNCTION refuse('no line')"
    )
    raw(f"CREATE TRIGGER fault BEFORE INSERT ON audit_lines FOR EACH ROW {effect}")
    before = all_rows()
    with pytest.raises(Exception, match="no line"):
        db.write(lambda: run(verb, world))
    assert all_rows() == before


def test_a_newcomer_leaves_a_line_about_the_user_and_one_about_the_account(app: object) -> None:
    added = new_lines(lambda: register("new@comer.example", "New Comer"))
    who = user("new@comer.example").id
    own = accounts.first_own_account(user("new@comer.example"))
    assert own is not None
    assert {(line.chain, line.action, line.thing) for line in added} == {
        (audit.INSTALLATION, "user.create", who),
        (own.id, "account.create", own.id),
    }


def _grant(world: World) -> None:
    own = db.lock(BillingAccount, world.direct)
    accounts.grant_partner_status(own, name="Zebulon Quill", by=COMMAND)


def _revoke(world: World) -> None:
    own = db.lock(BillingAccount, world.trial)
    workflows.revoke_partner_status(own, by=COMMAND)


def _allow(world: World) -> None:
    identity.allow_email(values.email("zebulon@quill.example"), by=COMMAND)


def _make_operator(world: World) -> None:
    identity.make_operator(user(DORA), by=COMMAND)


@pytest.mark.parametrize(
    ("unit", "action"),
    [
        (_grant, "partner.grant"),
        (_revoke, "partner.revoke"),
        (_allow, "user.allow"),
        (_make_operator, "user.operator"),
    ],
)
def test_operators_commands_leave_their_line(
    app: object, world: World, unit: Callable[[World], None], action: str
) -> None:
    [line] = new_lines(lambda: unit(world))
    assert (line.action, line.actor) == (action, "command")


def test_what_is_done_to_a_customer_stands_in_its_history_newest_first(
    app: object, world: World
) -> None:
    found = db.session.get_one(Customer, world.ninas_customer)
    assert [(line.action, line.email) for line in customers.history_of(found)] == [
        ("note.add", EDDIE),
        ("invitation.accept", "nina@second.example"),
        ("customer.add", OLGA),
    ]


def test_a_customers_changes_stand_in_its_partners_chain(app: object, world: World) -> None:
    about = [line for line in lines() if line.customer_id]
    chains = {line.chain for line in about}
    assert chains == {world.north, world.south}
    assert {line.customer_id for line in about if line.chain == world.south} == {
        world.souths_customer
    }


def test_the_log_holds_no_word_about_persons(app: object, world: World) -> None:
    def unit() -> None:
        register(PERSON.invitation_email, PERSON.name)
        zebulon = actor(PERSON.invitation_email)
        partner = db.lock(BillingAccount, world.north)
        added = customers.add(partner, by=actor(EDDIE), draft=PERSON)
        asked = db.session.get_one(Invitation, added.subaccount_id)
        customers.accept(asked, by=zebulon)
        _grant(world)
        _allow(world)
        _make_operator(world)

    log = written_by(unit)
    log += " ".join(written_by(lambda verb=verb: run(verb, world)) for verb in CHANGES)
    assert "customer.add" in log
    personal = {getattr(PERSON, f.name) for f in fields(Draft)} - {"", True, "GB"}
    personal |= {
        *NAMES,
        *NAMES.values(),
        "New Client",
        "Carl & Sons",
        "Nina GmbH",
        "sample",
        "renamed",
    }
    assert [value for value in personal if value.casefold() in log] == []
    assert "@" not in log


@pytest.mark.both_databases
def test_the_cast_has_a_chain_for_each_account_and_one_for_the_installation(
    app: object, world: World
) -> None:
    chains = {line.chain for line in lines()}
    heads = {head.chain for head in db.session.query(AuditHead)}
    assert chains == heads
    assert {world.north, world.south, world.direct, audit.INSTALLATION} <= chains
    assert world.carls_subaccount not in chains
    assert audit.find_broken_links() == []


def test_anyone_with_the_rows_can_verify_a_chain(app: object, world: World) -> None:
    previous = "0" * 64
    for number, line in enumerate([each for each in lines() if each.chain == world.north], 1):
        content = [previous, world.north, number, line.at.astimezone(UTC).isoformat(), line.actor]
        content += [line.action, line.thing, line.customer_id, line.facts]
        written = json.dumps(content, sort_keys=True, separators=(",", ":"))
        assert line.hash == hashlib.sha256(written.encode()).hexdigest()
        assert line.previous == previous
        previous = line.hash


CHANGED = {
    "chain": "(SELECT max(chain) FROM audit_heads WHERE chain <> 'installation')",
    "seq": "1000",
    "at": "'2020-01-01 00:00:00'",
    "actor": "'somebody'",
    "action": "'customer.praise'",
    "thing": "'dn2'",
    "customer_id": "'cst'",
    "facts": """'{"x": 1}'""",
    "previous": f"'{'1' * 64}'",
    "hash": f"'{'1' * 64}'",
}


def test_no_column_of_the_log_is_left_out_here() -> None:
    assert set(CHANGED) == set(AuditLine.__table__.columns.keys())


@pytest.mark.both_databases
@pytest.mark.parametrize("column", CHANGED)
def test_a_changed_line_breaks_the_chain(app: object, world: World, column: str) -> None:
    last = f"(SELECT seq - 1 FROM audit_heads WHERE chain = '{audit.INSTALLATION}')"
    raw(
        f"UPDATE audit_lines SET {column} = {CHANGED[column]}"
        f" WHERE chain = '{audit.INSTALLATION}' AND seq = {last}"
    )
    assert audit.find_broken_links() != []


@pytest.mark.both_databases
@pytest.mark.parametrize("which", ["1", "2", "(SELECT max(seq) FROM audit_lines WHERE chain = :c)"])
def test_a_removed_line_breaks_the_chain(app: object, world: World, which: str) -> None:
    which = which.replace(":c", f"'{world.north}'")
    raw(f"DELETE FROM audit_lines WHERE chain = '{world.north}' AND seq = {which}")
    assert [finding.chain for finding in audit.find_broken_links()] != []


def test_a_chain_emptied_altogether_is_broken(app: object, world: World) -> None:
    raw(f"DELETE FROM audit_lines WHERE chain = '{world.north}'")
    assert [finding.chain for finding in audit.find_broken_links()] == [world.north]


@pytest.mark.both_databases
def test_a_line_put_in_behind_the_last_one_breaks_the_chain(app: object, world: World) -> None:
    raw(
        "INSERT INTO audit_lines (chain, seq, at, actor, action, thing, facts, previous, hash)"
        " SELECT chain, seq + 1, at, actor, action, thing, facts, hash, hash FROM audit_lines"
        f" WHERE chain = '{world.direct}' AND seq = (SELECT max(seq) FROM audit_lines"
        f" WHERE chain = '{world.direct}')"
    )
    assert {finding.chain for finding in audit.find_broken_links()} == {world.direct}


def test_the_chain_verifies_whatever_zone_the_database_speaks_in(
    app: object, world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db.time, "clock", db.time._database_clock)
    if kind == "postgresql":
        name = db.extension.engine.url.database
        raw(f"ALTER DATABASE {name} SET timezone TO 'Asia/Kolkata'")
        db.session.remove()
        db.extension.engine.dispose()
    partner = db.session.get_one(BillingAccount, world.north)
    db.write(lambda: customers.add(partner, by=actor(OLGA), draft=draft()))
    assert audit.find_broken_links() == []
