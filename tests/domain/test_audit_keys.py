"""The keyed audit log: who can write to the database, but has no key, is found out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, update

from portal import db
from portal.config import add_audit_key, read_audit_keys
from portal.domain import accounts, audit, customers, workflows
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditHead, AuditLine, Finding
from portal.domain.customers import Customer
from tests.domain.test_audit import raw
from tests.support.world import EDDIE, World, actor, register, user

Rows = list[dict[str, object]]
COLUMNS = AuditLine.__table__.columns.keys()


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Hashes do not depend on the database, but see the first test."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def key_file(app: Flask, world: World, tmp_path: Path) -> Iterator[Path]:
    """The log has a few plain lines, then keyed ones."""
    file = tmp_path / "keys"
    add_audit_key(str(file))
    use(file)
    change(world)
    yield file
    audit.configure(dict)


def use(file: Path) -> None:
    """Configure the keys of the file, and let all chains continue with the newest."""
    audit.configure(lambda: read_audit_keys(str(file)))
    while db.write(lambda: workflows.key_audit_log(by=COMMAND)):
        pass


def change(world: World, count: int = 3) -> None:
    """Make changes that add lines to North's chain."""

    def unit() -> None:
        customer = db.lock(Customer, world.carls_customer)
        for number in range(count):
            customers.add_note(customer, by=actor(EDDIE), text=f"note {number}")

    db.write(unit)


def rows_of(chain: str) -> Rows:
    query = AuditLine.__table__.select().where(AuditLine.chain == chain).order_by(AuditLine.seq)
    return [dict(row._mapping) for row in db.session.execute(query)]


def rewrite(chain: str, rows: Rows) -> None:
    """Replace the chain as an attacker does: lines numbered and plainly hashed again, but for those
    that keep their place; then the head."""
    raw()
    end = (0, audit.GENESIS)
    for row in rows:
        if (row["seq"], row["previous"]) != (end[0] + 1, end[1]):
            row |= {"seq": end[0] + 1, "previous": end[1]}
            row["hash"] = plain_hash(row)
        end = (int(str(row["seq"])), str(row["hash"]))

    def unit() -> None:
        db.session.execute(delete(AuditLine).where(AuditLine.chain == chain))
        if rows:
            db.session.execute(AuditLine.__table__.insert(), rows)
        head = {"seq": end[0], "hash": end[1]}
        db.session.execute(update(AuditHead).where(AuditHead.chain == chain).values(head))

    db.write(unit)


def plain_hash(row: dict[str, object]) -> str:
    at = row["at"].astimezone(UTC).isoformat()  # type: ignore[attr-defined]
    content = [row["previous"], row["chain"], row["seq"], at]
    content += [row[name] for name in ("actor", "action", "thing", "customer_id", "facts")]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def findings() -> list[Finding]:
    return db.read(audit.find_broken_links)


def keyed_from(rows: Rows) -> int:
    """The index of the line `audit.keyed`."""
    return [row["action"] for row in rows].index("audit.keyed")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
def test_a_key_is_recorded_in_every_chain_and_used_from_there_on(
    key_file: Path, world: World
) -> None:
    key_id = audit.newest_id()
    for chain in db.session.scalars(db.session.query(AuditHead.chain).statement).all():
        rows = rows_of(chain)
        start = keyed_from(rows)
        assert all(":" not in str(row["hash"]) for row in rows[:start])
        assert all(str(row["hash"]).startswith(f"{key_id}:") for row in rows[start:])
        assert rows[start]["facts"] == {"key": key_id}
    result = db.read(audit.verify)
    assert (result.findings, result.unchecked, result.is_keyed) == ([], [], True)
    assert db.write(lambda: workflows.key_audit_log(by=COMMAND)) == 0, "it is keyed already"


def _remove_one(rows: Rows) -> None:
    del rows[-3]


def _remove_old(rows: Rows) -> None:
    del rows[1]


def _change_old(rows: Rows) -> None:
    rows[1]["actor"], rows[1]["seq"] = "somebody", 0


def _back_to_plain(rows: Rows) -> None:
    del rows[keyed_from(rows) :]


def _all_plain(rows: Rows) -> None:
    for row in rows:
        row["seq"] = 0


def _add_plain(rows: Rows) -> None:
    rows.append(rows[-1] | {"seq": 0})


def _change_keyed(rows: Rows) -> None:
    rows[-1]["actor"] = "somebody"


def _plain_version(rows: Rows) -> None:
    rows[-1]["hash"] = str(rows[-1]["hash"]).partition(":")[2]


def _unknown_key(rows: Rows) -> None:
    rows[-2]["hash"] = "gone:" + str(rows[-2]["hash"]).partition(":")[2]
    rows[-1]["previous"] = rows[-2]["hash"]


ATTACKS = (
    *(_remove_one, _remove_old, _change_old, _back_to_plain, _all_plain, _add_plain),
    *(_change_keyed, _plain_version, _unknown_key),
)


def test_what_an_attacker_without_the_key_writes_is_found(key_file: Path, world: World) -> None:
    before = rows_of(world.north)
    for attack in ATTACKS:
        rows = [dict(row) for row in before]
        attack(rows)
        rewrite(world.north, rows)
        assert {finding.chain for finding in findings()} == {world.north}, attack.__name__
        change(world, count=1)
        use(key_file)
        found = {finding.chain for finding in findings()}
        assert found == {world.north}, f"{attack.__name__}, hidden by what came later"
    rewrite(world.north, [dict(row) for row in before])
    assert findings() == []


def test_of_a_plain_chain_that_was_written_again_nothing_is_found(app: Flask, world: World) -> None:
    """The control: this is what the key is for."""
    rows = rows_of(world.north)
    _remove_old(rows)
    rewrite(world.north, rows)
    assert findings() == []


def test_without_the_key_nothing_is_added_to_a_keyed_chain(key_file: Path, world: World) -> None:
    before = rows_of(world.north)
    audit.configure(dict)
    with pytest.raises(audit.KeyMissing):
        change(world)
    assert rows_of(world.north) == before
    assert {finding.seq for finding in findings()} >= {len(before)}


def test_an_old_key_verifies_and_a_lost_one_says_which_lines_cannot_be_checked(
    key_file: Path, world: World
) -> None:
    first, start = audit.newest_id(), keyed_from(rows_of(world.north)) + 1
    add_audit_key(str(key_file))
    use(key_file)
    change(world)
    rows = rows_of(world.north)
    assert str(rows[-1]["hash"]).startswith(f"{audit.newest_id()}:")
    assert audit.newest_id() != first
    assert db.read(audit.verify).unchecked == []
    key_file.write_text(key_file.read_text().partition("\n")[2])  # the first key is lost
    result = db.read(audit.verify)
    assert result.findings == []
    (run,) = [run for run in result.unchecked if run.chain == world.north]
    assert (run.first, run.last, run.key_id) == (start, len(rows) - 4, first)


def test_a_key_added_while_the_portal_runs_is_read_when_it_is_needed(
    key_file: Path, world: World
) -> None:
    running = read_audit_keys(str(key_file))
    add_audit_key(str(key_file))
    use(key_file)
    audit.configure(lambda: running)
    running = read_audit_keys(str(key_file))
    change(world)
    assert findings() == []


def test_an_anchor_finds_a_chain_that_was_cut_off_or_dropped(key_file: Path, world: World) -> None:
    anchor = ["not JSON", '{"event": "web.started"}', *db.read(lambda: list(audit.to_anchor()))]
    heads = list(audit.parse_anchor(anchor))
    change(world)
    assert len(heads) == db.session.query(AuditHead).filter(AuditHead.seq > 0).count()
    assert db.read(lambda: list(audit.find_lost(heads))) == []
    rewrite(world.north, rows_of(world.north)[:-4])
    raw(f"DELETE FROM audit_lines WHERE chain = '{world.south}'")
    raw(f"DELETE FROM audit_heads WHERE chain = '{world.south}'")
    assert findings() == []
    lost = db.read(lambda: list(audit.find_lost(heads)))
    assert {head.chain for head in lost} == {world.north, world.south}
    with pytest.raises(ValueError, match="line 2"):
        list(audit.parse_anchor(["", '{"event": "audit.heads", "heads": [["installation"']))


def test_a_new_chain_is_keyed_from_its_first_line(key_file: Path) -> None:
    db.write(lambda: register("new@comer.example", "New Comer"))
    own = accounts.first_own_account(user("new@comer.example"))
    assert own is not None
    assert [row["action"] for row in rows_of(own.id)] == ["account.create"]
    assert findings() == []
    summary = db.read(audit.summary)
    assert summary.chains == summary.keyed > 1
