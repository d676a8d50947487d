"""Two clicks on one button at once, on PostgreSQL: one effect, and both are answered the same.

Both requests are held at a barrier at the decisive point; each guard has a control without it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import event, func, select, text
from werkzeug.test import TestResponse

from portal import db
from portal.domain import idempotency
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud, Folder
from portal.domain.customers import Customer, CustomerNote, SavedView
from portal.domain.identity import User
from portal.domain.imports import Import
from tests.domain.test_races import without_locks
from tests.support.browser import Browser
from tests.support.import_files import csv_file, csv_rows
from tests.support.new_customer import VALID
from tests.support.world import DORA, OLGA, SAM, World

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

PATIENCE = 20
"""Seconds after which a click that never comes fails the test."""

Open = Callable[..., Browser]


class Sent(NamedTuple):
    """Who sends which form, the page that shows it, what is filled in, and what it creates."""

    who: str
    path: str
    fields: dict[str, Any]
    creates: type[db.Base]
    page: str | None = None


LOCK = "FOR NO KEY UPDATE"
"""Of the statements of a form the first that locks: it locks the person."""
KEEP = "INSERT INTO form_keys"
"""The last statement of a form's effect."""
RULES = "users.email_key = "
"""The first question of the rules about a new customer."""

CUSTOMERS = "/partner/{north}/customers"
ADD = Sent(OLGA, f"{CUSTOMERS}/add", VALID, Customer)
NOTE = Sent(OLGA, CUSTOMERS + "/{ninas_customer}/notes", {"text": "Called"}, CustomerNote)
FORMS = {
    "New customer": ADD,
    "Correct address": Sent(
        OLGA,
        CUSTOMERS + "/{carls_customer}/correct-address",
        {"invitation_email": "else@client.example"},
        Customer,
    ),
    "Add note": NOTE,
    "Create cloud for a customer": Sent(
        OLGA, CUSTOMERS + "/{ninas_customer}/clouds/create", {"name": "shop"}, Cloud
    ),
    "Save this view": Sent(OLGA, f"{CUSTOMERS}/views/save?q=carl", {"name": "Carl"}, SavedView),
    "Import CSV": Sent(OLGA, f"{CUSTOMERS}/import", {"file": csv_file(*csv_rows(1))}, Import),
    "Add staff": Sent(
        OLGA,
        "/partner/{north}/team/add",
        {"email": DORA, "role": AccountRole.VIEWER},
        AccountAccess,
    ),
    "Create cloud": Sent(DORA, "/console/clouds/create", {"name": "shop"}, Cloud),
    "Create folder": Sent(
        DORA,
        "/console/clouds/{doras_cloud}/folders/create",
        {"name": "shop"},
        Folder,
        "/console/clouds/{doras_cloud}",
    ),
    "Add access": Sent(
        DORA,
        "/console/clouds/{doras_cloud}/access/add",
        {"email": SAM, "role": CloudRole.VIEWER},
        CloudAccess,
    ),
}


def opened(browser: Open, world: World, sent: Sent) -> tuple[Browser, dict[str, Any]]:
    """A browser that shows the form, and the form's fields filled in."""
    client = browser(sent.who)
    client.get((sent.page or sent.path).format(**vars(world)))
    action = sent.path.format(**vars(world)).partition("?")[0]
    return client, client.form(action) | sent.fields


def double_click(
    browser: Open, world: World, sent: Sent, *, before: str, in_turn: bool = False
) -> list[TestResponse]:
    """The answers to two requests that send one form. Each stops before its first statement with
    the words `before` until the other one has come as far; the second goes on with it, or, where
    `in_turn`, when the first has been answered."""
    path = sent.path.format(**vars(world))
    clients = {name: opened(browser, world, sent) for name in ("first", "second")}
    key = clients["first"][1]["form_key"]
    came: set[str] = set()
    answers: dict[str, TestResponse] = {}

    def click() -> None:
        name = threading.current_thread().name
        client, form = clients[name]
        data = form | {"form_key": key}
        if "file" in data:
            data["file"] = (io.BytesIO(data["file"]), "customers.csv")
        answers[name] = client.post(path, data=data)
        answered[name].set()

    def listen(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        name = threading.current_thread().name
        if name in clients and name not in came and before in statement:
            came.add(name)
            barrier.wait(PATIENCE)
            if in_turn and name == "second":
                assert answered["first"].wait(PATIENCE)

    barrier, answered = threading.Barrier(2), {name: threading.Event() for name in clients}
    event.listen(db.extension.engine, "before_cursor_execute", listen)
    for name in clients:
        threading.Thread(target=click, name=name, daemon=True).start()
    assert all(one.wait(2 * PATIENCE) for one in answered.values())
    assert came == {"first", "second"}, "both clicks were held"
    return [answers["first"], answers["second"]]


def count(model: type[db.Base]) -> int:
    return db.read(lambda: db.session.scalar(select(func.count()).select_from(model)) or 0)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_two_requests_send_at_once_acts_once_and_answers_both(
    app: Flask, browser: Open, world: World, form: str
) -> None:
    sent = FORMS[form]
    before = count(sent.creates)
    first, second = double_click(browser, world, sent, before=LOCK)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert count(sent.creates) == before + 1


def test_control_without_the_lock_and_the_unique_key_both_requests_act(
    app: Flask, browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = "ALTER TABLE form_keys DROP CONSTRAINT pk_form_keys"
    db.write(lambda: db.session.execute(text(drop)))
    without_locks(monkeypatch, User, BillingAccount)
    before = count(CustomerNote)
    double_click(browser, world, NOTE, before=KEEP)
    assert count(CustomerNote) == before + 2


def test_a_double_click_on_add_does_not_read_that_its_own_customer_is_there_already(
    app: Flask, browser: Open, world: World
) -> None:
    before = count(Customer)
    first, second = double_click(browser, world, ADD, before=RULES, in_turn=True)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert count(Customer) == before + 1


def test_control_without_a_second_look_at_the_key_the_second_click_reads_just_that(
    app: Flask, browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "has_run", lambda *_asked: False)
    before = count(Customer)
    first, second = double_click(browser, world, ADD, before=RULES, in_turn=True)
    assert (first.status_code, second.status_code) == (303, 422)
    assert "already uses this address" in second.text
    assert count(Customer) == before + 1
