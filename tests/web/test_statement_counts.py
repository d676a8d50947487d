"""How often a page asks the database: as often for many rows as for few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event

from portal import db
from portal.domain import access, accounts, customers, identity, invitations
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer
from tests.support.browser import Browser
from tests.support.world import CARL, DORA, NINA, OLGA, World, actor, draft, register, user

Open = Callable[..., Browser]

PAGES = (
    (OLGA, "/partner/{north}/customers"),
    (OLGA, "/partner/{north}/customers?q=many"),
    (OLGA, "/partner/{north}/customers/{ninas_customer}"),
    (OLGA, "/partner/{north}/customers/{ninas_customer}/notes"),
    (OLGA, "/partner/{north}/customers/{ninas_customer}/history"),
    (OLGA, "/partner/{north}/customers/{ninas_customer}/clouds"),
    (OLGA, "/partner/{north}/customers/acceptance"),
    (OLGA, "/partner/{north}/activity"),
    (OLGA, "/partner/{north}/team"),
    (OLGA, "/console"),
    (OLGA, "/console/billing"),
    (OLGA, "/notices"),
    (NINA, "/console"),
    (NINA, "/console/clouds/{ninas_cloud}"),
    (NINA, "/console/clouds/{ninas_cloud}/access"),
    (CARL, "/console"),
    (DORA, "/operator"),
    (DORA, "/operator/work"),
    (DORA, "/operator/work/mail?state=waiting"),
)


@pytest.fixture(autouse=True)
def _operator(app: Flask) -> None:
    """Dora is an operator here."""
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))


def grow(world: World) -> None:
    """More of all that has a row on one of the pages: customers, some of whom confirm, notes and
    staff; and for Nina and Carl more partners who invite them."""
    north = db.session.get_one(BillingAccount, world.north)
    nina = db.session.get_one(Customer, world.ninas_customer)
    for number in range(4):
        email = f"many{number}@client.example"
        own = register(email, f"Many {number}")
        customers.add(north, by=actor(OLGA), draft=draft(email, name=f"Many {number}"))
        if number % 2:
            customers.accept(invitations.open_for(actor(email))[0], by=actor(email))
        customers.add_note(nina, by=actor(OLGA), text=f"Note {number}")
        access.assign_account_role(AccountRole.EDITOR, to=user(email).id, account=north, by=COMMAND)
        accounts.grant_partner_status(own, name=f"Partner {number}", by=COMMAND)
        accounts.switch_to_paid(own, by=COMMAND)
        access.assign_cloud_role(
            CloudRole.VIEWER, cloud_id=world.ninas_cloud, user_id=user(email).id, by=COMMAND
        )
        for invited in (NINA, CARL):
            customers.add(own, by=actor(email), draft=draft(invited))
        customers.accept(invitations.open_for(actor(NINA))[0], by=actor(NINA))


def test_a_page_asks_as_often_for_many_rows_as_for_few(
    app: Flask, browser: Open, world: World
) -> None:
    asked: list[str] = []
    event.listen(db.extension.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    def questions() -> dict[tuple[str, str], int]:
        found = {}
        for email, path in PAGES:
            client = browser(email)
            asked.clear()
            assert client.get(path.format(**vars(world))).status_code == 200
            found[email, path] = len([words for words in asked if words.startswith("SELECT")])
        return found

    few = questions()
    db.write(lambda: grow(world))
    assert questions() == few


def test_no_page_asks_the_same_question_twice(app: Flask, browser: Open, world: World) -> None:
    asked: Counter[tuple[str, str]] = Counter()
    event.listen(
        db.extension.engine,
        "before_cursor_execute",
        lambda *call: asked.update([(call[2], str(call[3]))]),
    )
    for email, path in PAGES:
        client = browser(email)
        asked.clear()
        assert client.get(path.format(**vars(world))).status_code == 200
        reads = [question for question in asked.elements() if question[0].startswith("SELECT")]
        assert reads
        assert len(reads) == len(set(reads)), path
