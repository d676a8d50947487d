"""`flask audit`: keys are made and used, and the chains are compared with what was kept outside."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from portal import config, create_app, db, logs
from portal.domain import audit
from tests.cli.test_cli import call
from tests.domain.test_audit import raw
from tests.support.browser import Browser
from tests.support.jobs import job_of, run_upkeep
from tests.support.work import appoint_operator
from tests.support.world import DORA, World


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


def with_key(app: Flask, file: Path) -> None:
    """Continue with the keys of the file, as after a restart."""
    settings = {"AUDIT_KEY_FILE": str(file), "DATABASE_URL": str(db.extension.engine.url)}
    create_app(settings)


def test_an_installation_gets_a_key_and_another_one(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    assert call(app, "audit", "use-key") == (1, "Error: AUDIT_KEY_FILE is not set.\n")
    code, said = call(app, "audit", "new-key", str(file))
    assert (code, "flask audit use-key" in said) == (0, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with_key(app, file)
    code, said = call(app, "audit", "verify")
    assert (code, "not keyed at line" in said) == (1, True), "the key is not used yet"
    code, said = call(app, "audit", "use-key")
    assert (code, said.startswith("Chains that continue with the key ")) == (0, True)
    assert call(app, "audit", "verify") == (0, "The audit log verifies.\n")
    file.write_text(file.read_text().strip())  # edited by hand
    first = audit.newest_id()
    assert call(app, "audit", "new-key", str(file))[0] == 0
    assert next(iter(config.read_audit_keys(str(file)))) == first
    with_key(app, file)
    assert call(app, "audit", "use-key")[0] == 0
    assert audit.newest_id() not in (None, first)
    assert call(app, "audit", "verify") == (0, "The audit log verifies.\n")
    file.write_text(file.read_text().partition("\n")[2])
    code, said = call(app, "audit", "verify")
    assert (code, f"can't be checked: the key {first} is missing." in said) == (0, True)
    audit.configure(dict)
    code, said = call(app, "user", "allow", "new@client.example")
    assert (code, said.startswith("Error: AUDIT_KEY_FILE does not have the key ")) == (1, True)


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        (None, 0o600, "must be a readable file"),
        ("k1:" + "x" * 32, 0o640, "can be read by others"),
        ("", 0o600, "must have an ID and a key in each line"),
        ("k1:short", 0o600, "must have an ID and a key in each line"),
        (f"k1:{'x' * 32}\nk1:{'y' * 32}\n", 0o600, "each ID once"),
    ],
)
def test_the_start_refuses_a_file_of_keys_that_is_unsafe(
    tmp_path: Path, content: str | None, mode: int, fault: str
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(config.UnsafeSettings, match=f"AUDIT_KEY_FILE .*{fault}"):
        config.load({"AUDIT_KEY_FILE": str(file)})
    if content is not None:
        with pytest.raises(ValueError, match=fault):
            config.add_audit_key(str(file))


def test_heads_from_the_log_and_from_the_page_find_removed_lines(
    app: Flask,
    world: World,
    browser: Callable[..., Browser],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    appoint_operator()
    operator = browser(DORA)
    operator.get("/operator/work")
    assert "Plain chains, not keyed" in operator.text
    (tmp_path / "page").write_bytes(operator.get("/operator/audit-heads").data)
    logs.configure(is_production=True)
    try:
        run_upkeep("audit-heads")
    finally:
        logs.configure(is_production=False)
    (tmp_path / "log").write_text(capsys.readouterr().err)
    assert job_of("upkeep:audit-heads").run_at > db.now()
    for name in ("page", "log"):
        code, said = call(app, "audit", "verify", "--anchor", str(tmp_path / name))
        assert (code, "all 11 heads of the anchor" in said) == (0, True), said
    raw(
        f"DELETE FROM audit_lines WHERE chain = '{world.south}' AND seq > 1",
        "UPDATE audit_heads SET seq = 1, hash = (SELECT hash FROM audit_lines"
        f" WHERE chain = '{world.south}') WHERE chain = '{world.south}'",
    )
    assert call(app, "audit", "verify")[0] == 0, "the chain alone can't say that its end was cut"
    for name in ("page", "log"):
        code, said = call(app, "audit", "verify", "--anchor", str(tmp_path / name))
        assert (code, f"The chain {world.south} does not have line " in said) == (1, True)


def test_an_anchor_without_heads_is_refused(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(json.dumps({"event": "web.started"}) + "\nno JSON\n")
    code, said = call(app, "audit", "verify", "--anchor", str(tmp_path / "log"))
    assert (code, "has no heads of the audit log" in said) == (1, True)
    (tmp_path / "log").write_text('{"event": "audit.heads", "heads": [["inst')
    code, said = call(app, "audit", "verify", "--anchor", str(tmp_path / "log"))
    assert (code, "line 1 is no line of the log with heads" in said) == (1, True)


def test_without_its_key_a_page_says_that_nothing_was_saved(
    app: Flask, browser: Callable[..., Browser], tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    call(app, "audit", "new-key", str(file))
    with_key(app, file)
    assert call(app, "audit", "use-key")[0] == 0
    dora = browser(DORA)
    dora.get("/profile")
    audit.configure(dict)
    answer = dora.submit("Save", name="Dora Other")
    assert answer.status_code == 503
    assert "The key of the portal’s audit log is missing. Nothing was saved." in dora.text


def test_a_chain_without_its_head_does_not_verify(app: Flask, world: World) -> None:
    file = db.extension.engine.url.database
    with closing(sqlite3.connect(str(file))) as outside, outside:  # without foreign keys
        outside.execute("DELETE FROM audit_heads WHERE chain = ?", [world.trial])
    code, said = call(app, "audit", "verify")
    assert (code, f"The chain {world.trial}: " in said) == (
        1,
        True,
    )
