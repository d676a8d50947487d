"""TLS to PostgreSQL: which connections production refuses."""

from __future__ import annotations

import pytest

from portal import config
from portal.config import database_tls
from tests.test_config import SAFE, faults

PLAIN = "postgresql://u:swordfish@db.example/portal"
SENTENCE = "DATABASE_URL reaches db.example without TLS: add ?sslmode=verify-full (or require)"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq finds nothing in it."""
    for option in database_tls.OPTIONS:
        monkeypatch.delenv(f"PG{option.upper()}", raising=False)


def unencrypted(url: str, plain_hosts: str = "") -> bool:
    settings = SAFE | {"DATABASE_URL": url, "DATABASE_PLAIN_HOSTS": plain_hosts}
    try:
        config.load(settings)
    except config.UnsafeSettings:
        return True
    return False


def test_a_connection_to_another_machine_must_require_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unencrypted(PLAIN)
    for mode in ("disable", "allow", "prefer"):
        assert unencrypted(f"{PLAIN}?sslmode={mode}"), mode
    for mode in ("require", "verify-ca", "verify-full"):
        assert not unencrypted(f"{PLAIN}?sslmode={mode}"), mode
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert not unencrypted(PLAIN)
    assert unencrypted(f"{PLAIN}?sslmode=prefer"), "the URL takes precedence"


def test_a_connection_inside_this_machine_needs_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    for local in ("u@localhost/n", "u@127.0.0.2:5433/n", "u@[::1]/n", "/n", "/n?host=/run/x"):
        assert not unencrypted(f"postgresql://{local}"), local
    assert not unencrypted("sqlite:////srv/portal.db")
    for other in (
        "u@10.0.0.5/n",
        "u@localhost.example/n",
        "/n?host=db.example",
        "/n?host=localhost&host=db.example",
        "u@localhost/n?hostaddr=10.0.0.5",
        "/n?host=localhost,db.example&hostaddr=127.0.0.1,",
        "/n?service=portal",
        "u@localhost/n?service=portal",
    ):
        assert unencrypted(f"postgresql://{other}"), other
    monkeypatch.setenv("PGHOST", "db.example")
    assert unencrypted("postgresql:///n")


def test_named_hosts_need_no_tls() -> None:
    assert not unencrypted("postgresql://u@DB/n", "other, db")
    assert not unencrypted("postgresql://u@[fd00::5]/n", "fd00::5")
    assert unencrypted("postgresql://u@database/n", "db")
    assert unencrypted("postgresql:///n?host=db&host=elsewhere", "db")


def test_production_refuses_what_a_local_run_takes() -> None:
    (fault,) = faults(**SAFE, DATABASE_URL=PLAIN)
    assert fault.startswith(SENTENCE)
    assert "swordfish" not in fault
    config.load({"DATABASE_URL": PLAIN})
