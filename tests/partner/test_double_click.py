"""Two clicks on one button at once, on PostgreSQL: one effect, and both are answered the same.

Both requests are held at a barrier at the decisive point; each guard has a control without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from portal import db
from portal.domain import idempotency
from tests.partner.adding import named, opened, send
from tests.support.browser import Browser
from tests.support.world import OLGA, World

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

PATIENCE = 20
"""Seconds after which a click that never comes fails the test."""

Open = Callable[..., Browser]


@contextmanager
def held_at(words: str, hold: Callable[[threading.Thread], object]) -> Iterator[None]:
    """Each thread calls `hold` before its first statement with these words in it."""
    came: set[threading.Thread] = set()

    def before(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        thread = threading.current_thread()
        if words in statement and thread is not threading.main_thread() and thread not in came:
            came.add(thread)
            hold(thread)

    event.listen(db.extension.engine, "before_cursor_execute", before)
    yield
    event.remove(db.extension.engine, "before_cursor_execute", before)
    assert len(came) == 2, "both clicks were held"


def add_at_once(browser: Open, world: World) -> list[TestResponse]:
    """A double click on *Add*: both requests are about to ask the rules when the first goes on, and
    the second asks them when the first has been answered."""
    first, second = (opened(browser(OLGA), world) for _ in range(2))
    key = first.form("/customers/add")["form_key"]
    both_came, first_is_done = threading.Barrier(2), threading.Event()
    answers: dict[str, TestResponse] = {}

    def click(name: str, client: Browser) -> None:
        answers[name] = send(client, world, form_key=key)
        first_is_done.set()

    def hold(thread: threading.Thread) -> None:
        both_came.wait(PATIENCE)
        assert thread.name == "first" or first_is_done.wait(PATIENCE)

    clicks = {"first": first, "second": second}
    with held_at("users.email_key = ", hold):
        threads = [threading.Thread(target=click, name=n, args=(n, c)) for n, c in clicks.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
    return [answers[name] for name in clicks]


def test_a_double_click_on_add_does_not_read_that_its_own_customer_is_there_already(
    app: Flask, browser: Open, world: World
) -> None:
    first, second = add_at_once(browser, world)
    assert (first.status_code, second.status_code) == (303, 303), second.text
    assert first.location == second.location
    assert len(named("New Client")) == 1


def test_control_without_a_second_look_at_the_key_the_second_click_reads_just_that(
    app: Flask, browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "has_run", lambda *_asked: False)
    first, second = add_at_once(browser, world)
    assert (first.status_code, second.status_code) == (303, 422)
    assert "already uses this address" in second.text
    assert len(named("New Client")) == 1
