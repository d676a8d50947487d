"""The test of a connection: a job that asks the cloud and keeps what it found, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal import db, worker
from portal.domain import circuit_breakers, connections
from portal.domain.jobs import Kind
from portal.providers.contract import Ability, Later, NeedsPerson, Never, Preflight
from portal.wording import connections as wording
from tests.support.connections import VALUES, add_connection, stored, use_key, use_kind
from tests.support.jobs import job_of
from tests.support.relay import clear_mails
from tests.support.work import appoint_operator


class Pretended:
    """A cloud that answers a test as it is told."""

    def __init__(self, answer: Preflight | Exception) -> None:
        self.answer = answer
        self.given: tuple[Any, ...] = ()

    def make(self, *given: Any) -> Any:
        self.given = given
        return self

    def preflight(self) -> Preflight:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _keys(app: Flask, tmp_path: Path) -> Iterator[None]:
    clear_mails()
    use_key(tmp_path / "keys")
    yield
    connections.configure_keys(list)


def check(cloud: Pretended, patch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Test a connection to the cloud; its ID, and what was found, in words."""
    use_kind(patch, cloud.make)
    connection, by = add_connection(), appoint_operator()
    db.write(lambda: connections.queue_test(connection, by=by))
    assert worker.run_next(Kind.CLOUDS)
    return connection.id, wording.findings(stored(connection.id))


def test_a_test_says_what_the_connection_can(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    abilities = frozenset({Ability.SUSPEND, Ability.ACCESS})
    cloud = Pretended(Preflight(abilities, token_cache=timedelta(minutes=10)))
    connection_id, words = check(cloud, monkeypatch)
    assert words == "It works: create, rename and close clouds; give access; suspend."
    assert cloud.given == ({"url": VALUES["url"]}, {"password": VALUES["password"]})
    assert stored(connection_id).test_result["token_cache_seconds"] == 600
    assert job_of(f"cloud:{connection_id}").state == "done"


def test_a_test_names_each_missing_right(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Pretended(Preflight(frozenset({Ability.SUSPEND}), missing=("create users", "tags")))
    assert check(cloud, monkeypatch)[1] == "Missing: create users, tags."


@pytest.mark.parametrize("error", [Never("401 wrong password"), Later("timed out")])
def test_a_test_that_fails_says_why_and_is_not_repeated(
    app: Flask, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    connection_id, words = check(Pretended(error), monkeypatch)
    assert words == str(error)
    assert job_of(f"cloud:{connection_id}").state == "done"
    counted = db.session.query(circuit_breakers.CircuitBreaker).count()
    assert counted == isinstance(error, Later), "only a silent cloud counts"


def test_a_fault_with_a_code_has_a_sentence(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Pretended(NeedsPerson("credentials-unreadable"))
    assert check(cloud, monkeypatch)[1].startswith("The credentials can’t be decrypted.")
