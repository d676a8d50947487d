"""What containers, upgrades and monitoring ask: does it live, is it ready, what are its numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, text

from portal import db, metrics, processes
from portal.domain import circuit_breakers, heartbeats
from portal.domain.heartbeats import ProcessKind
from portal.domain.jobs import Kind
from tests.support import mail_deliveries
from tests.support.browser import Browser
from tests.support.relay import clear_mails
from tests.support.settings import change_settings
from tests.support.world import OLGA

Open = Callable[..., Browser]
TOKEN = "a-token-of-enough-characters"


def test_health_is_good_without_asking_the_database(app: Flask, browser: Browser) -> None:
    watcher = browser(OLGA)
    asked: list[object] = []
    event.listen(db.extension.engine, "engine_connect", asked.append)
    answer = watcher.get("/healthz")
    assert (answer.status_code, answer.text, asked) == (200, "ok\n", [])
    watcher.get("/console")
    assert asked


def beat() -> None:
    clear_mails()
    db.write(lambda: heartbeats.beat(processes.this(), ProcessKind.WORKER, version="1"))


def test_ready_is_who_has_database_migrations_and_worker(app: Flask, browser: Open) -> None:
    beat()
    answer = browser().get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ready", "database": "ok", "migrations": "ok", "problems": []}


def test_not_ready_says_since_when_what_is_unwell_without_ids(app: Flask, browser: Open) -> None:
    beat()
    for _ in range(circuit_breakers.OPENS_AFTER):
        db.write(lambda: circuit_breakers.record_failure(Kind.MAIL, "timed out"))
    since = db.read(lambda: circuit_breakers.open_breakers()[0].since)
    answer = browser().get("/readyz")
    assert answer.status_code == 503
    assert answer.json["status"] == "not ready"
    assert answer.json["problems"] == [
        {"cause": "no-answer", "kind": "mail", "since": since.isoformat()}
    ]


def test_a_database_of_another_version_is_not_ready(app: Flask, browser: Open) -> None:
    beat()
    db.write(lambda: db.session.execute(text("UPDATE alembic_version SET version_num = '0012'")))
    answer = browser().get("/readyz")
    assert (answer.status_code, answer.json["migrations"]) == (503, "not at head")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_without_its_database_it_is_not_ready(
    app: Flask, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_load: object) -> object:
        raise db.Unavailable(db.Reason.AWAY)

    client = browser()
    monkeypatch.setattr(db, "read", unavailable)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "database": "away", "problems": []}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_metrics_need_their_token(
    app: Flask, browser: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = browser()
    assert client.get("/metrics").status_code == 404
    change_settings(app, metrics_token=TOKEN)
    for header in ({}, {"Authorization": "Bearer another"}, {"Authorization": TOKEN}):
        assert client.get("/metrics", headers=header).status_code == 401
    beat()
    mail_deliveries.queue()
    monkeypatch.setenv(metrics.MULTIPROCESS, str(tmp_path))
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert "portal_database_up 1.0" in answer.text
    assert 'portal_jobs{kind="mail",state="waiting"}' in answer.text
    assert 'portal_oldest_due_job_seconds{kind="mail"}' in answer.text
