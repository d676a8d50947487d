"""What containers and upgrades ask before they believe in a start: whether the process lives."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import event

from portal import db
from tests.support.browser import Browser
from tests.support.world import OLGA


def test_health_is_good_without_asking_the_database(app: Flask, browser: Browser) -> None:
    watcher = browser(OLGA)
    asked: list[object] = []
    event.listen(db.extension.engine, "engine_connect", asked.append)
    answer = watcher.get("/healthz")
    assert (answer.status_code, answer.text, asked) == (200, "ok\n", [])
    watcher.get("/console")
    assert asked
