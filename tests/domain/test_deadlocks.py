"""Nobody waits in a circle: two who did, and a crowd, on PostgreSQL.

A deadlock that `db.write` tries again counts, too: whoever waited for it waited a second.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from portal import db
from portal.domain import (
    access,
    audit,
    cloud_access,
    clouds,
    customers,
    idempotency,
    identity,
    invitations,
    mail_deliveries,
    notifications,
)
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from tests.domain.test_races import Race, Unit
from tests.support.browser import Browser
from tests.support.clouds import create_cloud, grant, own_account_id, switch_to_paid
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    VERA,
    Clock,
    World,
    actor,
    draft,
    link_cloud,
    user,
)

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

CROWD, ROUNDS, ROUNDS_IN_FULL = 16, 3, 100
DEADLOCK = "40P01"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """As set, with a connection for each of the crowd: who waits for one waits for no lock."""
    options = db.engine_options
    monkeypatch.setattr(db, "engine_options", lambda url: options(url) | {"pool_size": CROWD + 1})
    return {}


@pytest.fixture
def deadlocks(app: Flask) -> Iterator[list[str]]:
    """The statements at which PostgreSQL ended somebody's waiting in a circle."""
    seen: list[str] = []

    def note(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == DEADLOCK:
            seen.append(str(context.statement))

    event.listen(db.extension.engine, "handle_error", note)
    yield seen
    event.remove(db.extension.engine, "handle_error", note)


class Meeting(Race):
    """Clicks in browsers; each stops when it has locked a row and is about to lock the next."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.locks: Counter[threading.Thread] = Counter()

    def act(self, unit: Unit) -> None:
        unit()

    def stops_before(self, statement: str) -> bool:
        if " FOR NO KEY UPDATE" in statement or statement.startswith("UPDATE"):
            self.locks[threading.current_thread()] += 1
        return self.locks[threading.current_thread()] == 2


def pressed(client: Browser, url: str, button: str, **fields: object) -> Unit:
    """Somebody has opened the page and presses a button on it."""
    assert client.get(url).status_code == 200
    return lambda: client.submit(button, **fields)


def test_who_adds_a_customer_and_links_a_cloud_at_once_waits_in_no_circle(
    app: Flask, world: World, browser: Callable[..., Browser], clock: Clock, deadlocks: list[str]
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    add = pressed(
        browser(EDDIE),
        f"/partner/{world.north}/customers/add",
        "Add",
        name="New Client",
        invitation_email="new@client.example",
        country="DE",
    )
    link = pressed(
        browser(EDDIE),
        f"/console/billing/{world.ninas_subaccount}/link?cloud={shop}",
        "Link",
    )
    assert Meeting(app).run(add, link) == ["done", "done"]
    assert deadlocks == []
    assert clouds.payer_of(db.session.get_one(Cloud, shop)).id == world.ninas_subaccount
    assert db.session.query(Customer).filter_by(name="New Client").count() == 1


def test_a_customer_who_accepts_while_being_removed_waits_in_no_circle(
    app: Flask, world: World, browser: Callable[..., Browser], deadlocks: list[str]
) -> None:
    accept = pressed(browser(CARL), f"/invite/accept/{world.carls_subaccount}", "Confirm")
    remove = pressed(
        browser(OLGA), f"/partner/{world.north}/customers/{world.carls_customer}/remove", "Remove"
    )
    assert Meeting(app).run(accept, remove) == ["done", "done"]
    assert deadlocks == []
    assert audit.find_broken_links() == []


class Day:
    """What people do all day, each call with persons, clouds and customers by chance."""

    def __init__(self, world: World, shops: list[str], number: int) -> None:
        self.world, self.shops, self.chance = world, shops, random.Random(number)
        self.acts: list[Callable[[], tuple[Actor, Callable[[], object]]]] = [
            self.add,
            self.answer,
            self.answer,
            self.customer,
            self.customer,
            self.link,
            self.link,
            self.cloud,
            self.staff,
            self.own,
        ]

    def unit(self) -> object:
        """One form, as the surfaces send it."""
        by, effect = self.chance.choice(self.acts)()
        return idempotency.run_once(
            by, f"{self.chance.getrandbits(128):032x}", {}, lambda: str(effect())
        )

    def any_of(self, *some: str) -> Actor:
        return actor(self.chance.choice(some))

    def add(self) -> tuple[Actor, Callable[[], object]]:
        by, partner = self.any_of(OLGA, EDDIE), db.session.get_one(BillingAccount, self.world.north)
        invited = draft(self.chance.choice((CARL, DORA)))
        return by, lambda: customers.add(partner, by=by, draft=invited).id

    def answer(self) -> tuple[Actor, Callable[[], object]]:
        by, verb = (
            self.any_of(CARL, DORA),
            self.chance.choice((customers.accept, customers.decline)),
        )
        return by, lambda: [verb(asked, by=by).id for asked in invitations.open_for(by)[:1]]

    def customer(self) -> tuple[Actor, Callable[[], object]]:
        by = self.any_of(OLGA, EDDIE)
        newest = db.session.query(Customer).filter_by(partner_id=self.world.north)
        record = self.chance.choice(newest.order_by(Customer.id.desc()).limit(4).all())
        corrected = self.chance.choice((CARL, DORA))
        wanted, version = customers.draft_of(record), record.version
        wanted = replace(wanted, description=str(self.chance.random()))
        verbs: list[Callable[[], object]] = [
            lambda: customers.suspend(record, by=by),
            lambda: customers.resume(record, by=by),
            lambda: customers.remove(record, by=by),
            lambda: customers.end_partnership(record, by=by),
            lambda: customers.copy_link(record, by=by),
            lambda: customers.add_note(record, by=by, text="Called."),
            lambda: customers.edit(record, by=by, draft=wanted, version=version),
            lambda: customers.correct_address(record, by=by, email=corrected),
        ]
        return by, self.chance.choice(verbs)

    def link(self) -> tuple[Actor, Callable[[], object]]:
        by, shop = self.any_of(NINA, EDDIE), self.chance.choice(self.shops)
        to = self.chance.choice((self.world.ninas_subaccount, own_account_id(NINA)))
        return by, lambda: link_cloud(shop, to, by).id

    def cloud(self) -> tuple[Actor, Callable[[], object]]:
        by, shop = self.any_of(NINA), db.session.get_one(Cloud, self.chance.choice(self.shops))
        payer = db.session.get_one(BillingAccount, self.world.ninas_subaccount)
        name = str(self.chance.random())
        verbs: list[Callable[[], object]] = [
            lambda: clouds.rename(shop, by=by, name=name),
            lambda: clouds.create_folder(shop, by=by, name=name).id,
            lambda: clouds.create(payer, by=by, name=name).id,
            lambda: cloud_access.grant(shop, by=by, role=CloudRole.VIEWER, to=self.world.south),
            lambda: cloud_access.revoke_partner(shop, by=by, of=self.world.south),
        ]
        return by, self.chance.choice(verbs)

    def staff(self) -> tuple[Actor, Callable[[], object]]:
        by, north = actor(OLGA), db.session.get_one(BillingAccount, self.world.north)
        vera, role = user(VERA), self.chance.choice((AccountRole.VIEWER, AccountRole.ADMIN))
        return by, lambda: access.change(role, of=vera, account=north, by=by)

    def own(self) -> tuple[Actor, Callable[[], object]]:
        """One's own, and the worker's steps beside it."""
        by, name = self.any_of(OLGA, EDDIE, NINA, CARL), str(self.chance.random())
        verbs: list[Callable[[], object]] = [
            lambda: identity.edit_profile(by, name=name, language="en", time_zone=""),
            lambda: notifications.mark_read(by=by),
            lambda: notifications.set_preferences(set(), by=by),
            lambda: identity.end_other_sessions(by),
            mail_deliveries.settle_lost,
            mail_deliveries.claim_next,
        ]
        return by, self.chance.choice(verbs)


def test_in_a_crowd_nobody_waits_in_a_circle(
    app: Flask,
    world: World,
    clock: Clock,
    deadlocks: list[str],
    pytestconfig: pytest.Config,
) -> None:
    shops = [create_cloud(NINA), create_cloud(NINA)]
    for shop in shops:
        grant(shop, by=NINA, to=world.north)
    switch_to_paid(NINA)
    clock.forward(minutes=5)
    rounds = ROUNDS_IN_FULL if pytestconfig.getoption("full") else ROUNDS
    outcomes: Counter[str] = Counter()

    def work(number: int) -> None:
        day = Day(world, shops, number)
        with app.app_context():
            for _round in range(rounds):
                try:
                    db.write(day.unit)
                except Refused as refused:
                    outcomes[refused.code] += 1
                except db.Unavailable as unavailable:  # a lock's time is over in so large a crowd
                    outcomes[unavailable.reason] += 1
                except Exception as fault:
                    outcomes[type(fault).__name__] += 1
                else:
                    outcomes["done"] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert deadlocks == []
    assert [name for name in outcomes if name[0].isupper()] == [], "a fault, not a refusal"
    assert not outcomes.keys() & (set(db.Reason) - {db.Reason.BUSY}), outcomes
    assert outcomes["done"] > CROWD * rounds / 4, outcomes
    assert audit.find_broken_links() == []
