"""Mails of notifications: nobody floods another, and nothing that happened is left out."""

from __future__ import annotations

from functools import partial

import flask_migrate
import pytest
from flask import Flask

from portal import db, mail
from portal.domain import customers, mail_deliveries, notifications
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.mail_deliveries import MailDelivery
from portal.domain.notifications import CONSOLE, MAILS_PER_SENDER, MAX_ENTRIES, Kind
from tests.domain.test_races import Run, race
from tests.support.mails import mails_to, plain_text
from tests.support.world import OLGA, SAM, VERA, Clock, World, actor, draft, user

pytestmark = pytest.mark.both_databases

__all__ = ["race"]

SCAM = "Your account is locked, call +1 900 555 0100"


on_sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


def notify(*names: str, kind: Kind = Kind.MOVED, by: str = SAM, about: str = "x") -> None:
    """Notify Vera of a cloud with each of these names."""
    to, sender = [user(VERA).id], actor(by)

    def unit() -> None:
        for name in names:
            facts = {"about": about, "cloud": name, "customer": "Carl"}
            notifications.notify(kind, to=to, target=CONSOLE, by=sender, **facts)

    db.write(unit)


def waiting() -> list[MailDelivery]:
    """The mails to Vera that were not handed over."""
    query = db.session.query(MailDelivery).filter_by(recipient=VERA, state="pending")
    return query.order_by(MailDelivery.id).all()


@on_sqlite
def test_eighty_notifications_in_five_seconds_are_two_mails(
    app: Flask, clock: Clock, world: World
) -> None:
    notify(SCAM)
    assert len(mails_to(VERA)) == 1
    notify(*(f"{SCAM} {n}" for n in range(79)))
    assert len(mails_to(VERA)) == 1, "the first goes at once"
    clock.forward(minutes=10)
    first, digest = mails_to(VERA)
    subject = "A cloud of yours was linked to another account"
    assert first["Subject"] == digest["Subject"] == subject
    text = " ".join(plain_text(digest).split())
    assert text.count("“Your account is locked, call") == MAX_ENTRIES
    assert "59 more are on your page of notices: http://localhost/notices " in text
    assert notifications.count_unread(actor(VERA)) == 80
    clock.forward(hours=1)
    assert len(mails_to(VERA)) == 2


def test_what_happens_before_a_worker_has_the_mail_is_in_it_but_a_mail_that_was_tried_stays(
    app: Flask, clock: Clock, world: World
) -> None:
    notify("one")
    notify("two")
    (delivery,) = waiting()
    assert "“one”" in mail.render(delivery).body
    assert "“two”" in mail.render(delivery).body
    while (claimed := db.write(mail_deliveries.claim_next)) is not None:
        token, verb = claimed.token or "", mail_deliveries.record_not_handed_over
        db.write(partial(verb, claimed.id, token, "451 later"))
    notify("three")
    tried, digest = waiting()
    assert "three" not in mail.render(tried).body
    assert "“three”" in mail.render(digest).body


@on_sqlite
def test_one_person_causes_ten_mails_an_hour_to_another_and_delays_nobody_elses(
    app: Flask, clock: Clock, world: World
) -> None:
    for _round in range(4):
        for kind in (Kind.MOVED, Kind.LINKED, Kind.LEFT):
            notify("shop", kind=kind)
        assert len(mails_to(VERA)) <= MAILS_PER_SENDER
        clock.forward(minutes=10)
    assert len(mails_to(VERA)) == MAILS_PER_SENDER
    notify("mine", kind=Kind.LEFT, by=OLGA)
    assert len(mails_to(VERA)) == MAILS_PER_SENDER + 1, "it brings forward what waited"
    clock.forward(hours=1)
    assert len(mails_to(VERA)) == MAILS_PER_SENDER + 2, "all in all nothing was left out"


@on_sqlite
def test_a_clock_set_back_delays_a_mail_by_an_hour_at_most(
    app: Flask, clock: Clock, world: World
) -> None:
    clock.forward(days=400)
    notify("late")
    mails_to(VERA)
    clock.forward(days=-400)
    notify("now")
    clock.forward(hours=1)
    assert len(mails_to(VERA)) == 2


def test_what_is_erased_is_taken_out_of_a_mail_that_waits_and_out_of_one_that_was_sent(
    app: Flask, world: World
) -> None:
    notify("kept")
    notify("erased", about=world.carls_customer)
    db.write(lambda: notifications.erase(world.carls_customer))
    (delivery,) = waiting()
    assert [entry["facts"]["cloud"] for entry in delivery.facts["entries"]] == ["kept"]
    notify("erased", about=world.carls_customer)
    assert not db.write(lambda: mail_deliveries.erase(world.carls_customer)), "it is open"
    assert "“erased”" in plain_text(mails_to(VERA)[-1])
    assert db.write(lambda: mail_deliveries.erase(world.carls_customer))
    facts = db.session.query(MailDelivery.facts).filter_by(kind=notifications.MAIL)
    assert "erased" not in str(facts.all())


@on_postgresql
@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_notifications_at_the_same_time_share_a_mail(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    to, sam = [user(VERA).id], actor(SAM)
    notify("before")
    mails_to(VERA)
    if not is_guarded:
        read = partial(db.session.get_one, notifications.mails.RecentMails)
        monkeypatch.setattr(notifications.mails, "_locked_row", read)

    def unit() -> object:
        facts = {"about": "x", "cloud": "shop"}
        return notifications.notify(Kind.MOVED, to=to, target=CONSOLE, by=sam, **facts)

    assert race(unit, unit) == ["done", "done"]
    assert len(waiting()) == (1 if is_guarded else 2)


@pytest.mark.deploy  # an upgrade
def test_the_migration_keeps_what_waits(app: Flask, world: World) -> None:
    notify("shop", about=world.carls_customer)
    before = [(delivery.about, delivery.facts) for delivery in waiting()]
    db.session.rollback()
    flask_migrate.downgrade(revision="0015")
    (old,) = waiting()
    assert (old.about, set(old.facts)) == (world.carls_customer, {"notice", "target", "facts"})
    db.session.rollback()
    flask_migrate.upgrade()
    assert [delivery.facts for delivery in waiting()] == [facts for _about, facts in before]


@on_sqlite
def test_a_partner_invites_an_address_three_times_a_day(
    app: Flask, world: World, clock: Clock
) -> None:
    def invite(partner_id: str, email: str) -> str:
        def unit() -> None:
            partner, by = db.session.get_one(BillingAccount, partner_id), actor(email)
            customer = customers.add(partner, by=by, draft=draft("victim@client.example"))
            customers.remove(db.session.get_one(Customer, customer.id), by=by)

        try:
            db.write(unit)
        except Refused as refused:
            return str(refused.code)
        return ""

    assert [invite(world.north, OLGA) for _n in range(4)] == [*[""] * 3, "invitations-to-address"]
    assert invite(world.south, SAM) == "", "who else invites them is nobody's business"
    clock.forward(days=1)
    assert invite(world.north, OLGA) == ""
