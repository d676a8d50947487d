"""What upgrades and containers ask before they believe in a start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from tests.support.browser import Browser

pytestmark = pytest.mark.both_databases


def test_health_is_good_only_while_the_database_answers(browser: Callable[[], Browser]) -> None:
    watcher = browser()
    assert watcher.get("/healthz").text == "ok\n"
    with db.extension.engine.connect().execution_options(writing=True) as connection:
        connection.exec_driver_sql("ALTER TABLE users RENAME TO gone")
        connection.commit()
    assert watcher.get("/healthz").status_code == 500
