"""People hear of what happens to what is theirs: once each, unless they do not want to."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db, mail
from portal.domain import (
    access,
    customers,
    invitations,
    mail_deliveries,
    notifications,
    team,
    values,
)
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import WORKER
from portal.domain.customers import Customer
from portal.domain.mail_deliveries import GIVE_UP_AFTER, REPLY_LEASE, DeliveryState, MailDelivery
from portal.domain.notifications import (
    CONSOLE,
    PREFERENCES,
    Channel,
    Kind,
    Notification,
    Target,
    TargetKind,
)
from portal.worker import mails
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NAMES,
    NINA,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    draft,
    signed_in,
    user,
)

EDITORS = (OLGA, AMIR, EDDIE)


def heard(email: str) -> list[str]:
    """The kinds of what somebody was told in the application, newest first."""
    return [str(row.kind) for row in notifications.notifications_for(actor(email))]


def mailed(email: str) -> list[str]:
    """The kinds of what is on its way to somebody by mail, newest first."""
    found = select(MailDelivery).where(
        MailDelivery.kind == notifications.MAIL, MailDelivery.recipient == email
    )
    entries = db.session.scalars(found.order_by(MailDelivery.id.desc()))
    return [
        delivery.facts["notice"]
        for delivery in entries
        for _entry in range(len(delivery.facts["entries"]) + delivery.facts["more"])
    ]


def newest(email: str) -> Notification:
    return notifications.notifications_for(actor(email))[0]


def counts() -> dict[str, tuple[int, int]]:
    return {email: (len(heard(email)), len(mailed(email))) for email in NAMES}


def told_since(before: dict[str, tuple[int, int]]) -> set[str]:
    """Who was told since, each once in the application and once by mail."""
    more = {
        email: (app - before[email][0], mail - before[email][1])
        for email, (app, mail) in counts().items()
    }
    assert set(more.values()) <= {(0, 0), (1, 1)}, more
    return {email for email, change in more.items() if change == (1, 1)}


def answer(email: str, verb: Callable[..., Any]) -> None:
    who = actor(email)
    db.write(lambda: verb(invitations.open_for(who)[0], by=who))


def do(verb: Callable[..., Any], ident: str, *, by: str = OLGA) -> None:
    db.write(lambda: verb(db.lock(Customer, ident), by=signed_in(by)))


def on_staff(world: World, verb: Callable[..., Any], *, by: str = OLGA, **given: Any) -> None:
    """A verb of access on the partner's account."""
    who = signed_in(by)
    people = {name: user(value) if "@" in value else value for name, value in given.items()}
    role = [people.pop("role")] if "role" in people else []
    db.write(lambda: verb(*role, account=db.lock(BillingAccount, world.north), by=who, **people))


@pytest.mark.parametrize(
    ("verb", "told"), [(customers.accept, Kind.CONFIRMED), (customers.decline, Kind.DECLINED)]
)
def test_those_who_edit_customers_hear_of_the_answer(
    app: Flask, world: World, verb: Callable[..., Any], told: Kind
) -> None:
    before = counts()
    answer(CARL, verb)
    assert told_since(before) == set(EDITORS)
    for email in EDITORS:
        assert heard(email)[0] == mailed(email)[0] == told
    target = Target(TargetKind.CUSTOMER, world.carls_customer, world.north)
    assert (newest(OLGA).target, newest(OLGA).facts) == (target, {"customer": "Carl & Sons"})


def test_where_there_is_an_account_manager_only_they_hear_of_it(app: Flask, world: World) -> None:
    who, manager = actor(OLGA), user(EDDIE).id
    wanted = draft(DORA, manager_id=manager)
    db.write(lambda: customers.add(db.lock(BillingAccount, world.north), by=who, draft=wanted))
    before = counts()
    answer(DORA, customers.accept)
    assert told_since(before) == {EDDIE}


def test_a_manager_who_may_not_edit_any_more_leaves_it_to_those_who_may(
    app: Flask, world: World
) -> None:
    who, manager = actor(OLGA), user(EDDIE).id
    wanted = draft(DORA, manager_id=manager)
    db.write(lambda: customers.add(db.lock(BillingAccount, world.north), by=who, draft=wanted))
    on_staff(world, access.change, of=EDDIE, role=AccountRole.VIEWER)
    before = counts()
    answer(DORA, customers.accept)
    assert told_since(before) == {OLGA, AMIR}


def test_the_customers_people_hear_of_suspending_and_resuming(app: Flask, world: World) -> None:
    for verb, told in ((customers.suspend, Kind.SUSPENDED), (customers.resume, Kind.RESUMED)):
        before = counts()
        do(verb, world.ninas_customer)
        assert told_since(before) == {NINA}
        assert heard(NINA)[0] == mailed(NINA)[0] == told
        assert newest(NINA).facts == {"partner": "North"}
        assert newest(NINA).target == Target(TargetKind.ACCOUNT, world.ninas_subaccount)


@pytest.mark.parametrize(("by", "others"), [(OLGA, {AMIR, EDDIE, NINA}), (NINA, set(EDITORS))])
def test_nobody_hears_of_what_they_did_themselves(
    app: Flask, world: World, by: str, others: set[str]
) -> None:
    before = counts()
    do(customers.end_partnership, world.ninas_customer, by=by)
    assert told_since(before) == others
    assert {heard(email)[0] for email in others} == {Kind.ENDED}


def test_who_gets_a_role_hears_of_it_and_who_loses_it(app: Flask, world: World) -> None:
    before, address, who = counts(), values.email(DORA), actor(OLGA)

    def add() -> None:
        north = db.lock(BillingAccount, world.north)
        team.add(north, by=who, address=address, role=AccountRole.VIEWER)

    db.write(add)
    assert told_since(before) == {DORA}
    assert newest(DORA).kind is Kind.ACCESS_GIVEN
    assert newest(DORA).facts == {"role": "billing.accounts.viewer", "thing": "North"}
    assert newest(DORA).target == Target(TargetKind.TEAM, world.north)
    before = counts()
    on_staff(world, access.change, of=DORA, role=AccountRole.EDITOR)
    assert told_since(before) == {DORA}
    assert newest(DORA).facts["role"] == AccountRole.EDITOR
    before = counts()
    on_staff(world, access.change, of=DORA, role=AccountRole.EDITOR)
    assert told_since(before) == set(), "nothing changed"
    on_staff(world, access.revoke, of=DORA)
    assert told_since(before) == {DORA}
    assert (newest(DORA).kind, newest(DORA).target) == (Kind.ACCESS_TAKEN, CONSOLE)


@pytest.mark.parametrize("settings", [{"ACCESS_PROPAGATION_SECONDS": "0"}, {}])
def test_owners_hear_of_a_new_owner(app: Flask, world: World, clock: Clock) -> None:
    on_staff(world, access.change, of=AMIR, role=AccountRole.OWNER)
    assert heard(AMIR)[0] == Kind.ACCESS_GIVEN, "and not of themselves"
    assert Kind.OWNER_ADDED not in heard(OLGA), "she did it"
    clock.forward(minutes=4)
    before = counts()
    on_staff(world, access.grant, to=DORA, role=AccountRole.OWNER, by=AMIR)
    assert told_since(before) == {DORA, OLGA}
    assert heard(DORA)[0] == Kind.ACCESS_GIVEN
    assert newest(OLGA).kind is Kind.OWNER_ADDED
    assert newest(OLGA).facts == {"person": "Dora Direct", "thing": "North"}


def record_outcome(verb: Callable[..., bool], delivery_id: str, token: str, answer: str) -> None:
    mails.record_outcome(delivery_id, token, mails.Result(verb, answer))


def claimed(world: World) -> tuple[str, str]:
    """Carl's invitation, claimed by the worker: its ID and token."""
    while (entry := db.write(mail_deliveries.claim_next)) is not None:
        if entry.about == world.carls_subaccount:
            return entry.id, entry.token or ""
    raise AssertionError("it is not due")


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (mail_deliveries.record_refused, Kind.NOT_DELIVERED),
        (mail_deliveries.record_no_reply, Kind.PARKED),
    ],
)
def test_the_partner_hears_of_a_refused_or_parked_mail(
    app: Flask, world: World, record: Callable[..., bool], told: Kind
) -> None:
    ident, token = claimed(world)
    db.write(lambda: mail_deliveries.mark_transmitting(ident, token))
    before = counts()
    db.write(lambda: record_outcome(record, ident, token, "550 no"))
    assert told_since(before) == set(EDITORS)
    assert (newest(EDDIE).kind, newest(EDDIE).facts) == (told, {"customer": "Carl & Sons"})
    db.write(lambda: record_outcome(record, ident, token, "550 no"))
    assert told_since(before) == set(EDITORS), "a late worker tells nothing again"


def test_the_partner_hears_of_a_failed_mail_but_not_of_a_try_that_goes_on(
    app: Flask, world: World, clock: Clock
) -> None:
    before = counts()
    ident, token = claimed(world)
    db.write(
        lambda: record_outcome(mail_deliveries.record_not_handed_over, ident, token, "451 wait")
    )
    assert told_since(before) == set()
    clock.forward(seconds=GIVE_UP_AFTER.total_seconds())
    ident, token = claimed(world)
    db.write(
        lambda: record_outcome(mail_deliveries.record_not_handed_over, ident, token, "451 wait")
    )
    assert told_since(before) == set(EDITORS)
    assert newest(AMIR).kind is Kind.NOT_DELIVERED


def test_the_partner_hears_of_a_mail_whose_worker_died(
    app: Flask, world: World, clock: Clock
) -> None:
    ident, token = claimed(world)
    db.write(lambda: mail_deliveries.mark_transmitting(ident, token))
    before = counts()
    clock.forward(seconds=REPLY_LEASE.total_seconds() + 1)
    db.write(lambda: mails.claim("mail", REPLY_LEASE))
    assert db.read(lambda: mail_deliveries.get(ident).state) is DeliveryState.UNKNOWN
    assert told_since(before) == set(EDITORS)
    assert newest(AMIR).kind is Kind.PARKED


def test_a_mail_is_no_news_once_the_customer_has_answered(app: Flask, world: World) -> None:
    ident, token = claimed(world)
    answer(CARL, customers.accept)
    before = counts()
    db.write(lambda: record_outcome(mail_deliveries.record_refused, ident, token, "550 no"))
    assert db.read(lambda: mail_deliveries.get(ident).state) is DeliveryState.REFUSED
    assert told_since(before) == set()


def test_nobody_is_told_that_a_notice_was_not_delivered(app: Flask, world: World) -> None:
    def refuse_all() -> None:
        while (entry := mail_deliveries.claim_next()) is not None:
            if entry.kind == notifications.MAIL:
                record_outcome(
                    mail_deliveries.record_refused, entry.id, entry.token or "", "550 no"
                )

    before = counts()
    db.write(refuse_all)
    assert told_since(before) == set()


def test_a_kind_that_is_switched_off_is_not_told_on_that_channel(app: Flask, world: World) -> None:
    who = actor(EDDIE)
    db.write(
        lambda: notifications.set_preferences(
            set(PREFERENCES) - {(Kind.CONFIRMED, Channel.MAIL)}, by=who
        )
    )
    assert notifications.muted_by(who) == {(Kind.CONFIRMED, Channel.MAIL)}
    before = counts()
    answer(CARL, customers.accept)
    after = counts()
    assert after[EDDIE] == (before[EDDIE][0] + 1, before[EDDIE][1])
    assert after[AMIR] == (before[AMIR][0] + 1, before[AMIR][1] + 1), "it is his own choice"
    db.write(lambda: notifications.set_preferences(set(), by=who))
    do(customers.end_partnership, world.carls_customer)
    assert counts()[EDDIE] == after[EDDIE]
    db.write(lambda: notifications.set_preferences({(Kind.CONFIRMED, Channel.APP)}, by=who))
    assert notifications.muted_by(who) == set(PREFERENCES) - {(Kind.CONFIRMED, Channel.APP)}


def test_who_is_disabled_is_told_nothing(app: Flask, world: World) -> None:
    def disable() -> None:
        user(EDDIE).disabled_at = datetime(2026, 3, 1, tzinfo=UTC)

    db.write(disable)
    before = counts()
    answer(CARL, customers.accept)
    assert told_since(before) == {OLGA, AMIR}


def test_reading_counts_down_and_touches_only_ones_own(app: Flask, world: World) -> None:
    answer(CARL, customers.accept)
    before = notifications.count_unread(actor(EDDIE))
    ident = newest(EDDIE).id
    db.write(lambda: notifications.mark_read(by=actor(AMIR), notification_id=ident))
    assert notifications.count_unread(actor(EDDIE)) == before
    db.write(lambda: notifications.mark_read(by=actor(EDDIE), notification_id=ident))
    assert notifications.count_unread(actor(EDDIE)) == before - 1
    db.write(lambda: notifications.mark_read(by=actor(EDDIE)))
    assert notifications.count_unread(actor(EDDIE)) == 0
    assert notifications.count_unread(actor(AMIR)) == before


def test_what_is_erased_stays_in_no_notice_and_in_no_mail_of_one(app: Flask, world: World) -> None:
    answer(CARL, customers.accept)
    carls, others = world.carls_customer, len(heard(EDDIE)) - 1
    db.write(lambda: notifications.erase(carls))
    assert len(heard(EDDIE)) == len(mailed(EDDIE)) == others
    told = select(MailDelivery.facts).where(MailDelivery.kind == notifications.MAIL)
    assert all("Carl" not in str(facts) for facts in db.session.scalars(told))


def test_a_mail_quotes_names_without_their_web_addresses(app: Flask, world: World) -> None:
    def tell() -> None:
        notifications.notify(
            Kind.SUSPENDED,
            to=[user(NINA).id],
            about=world.ninas_customer,
            target=CONSOLE,
            by=WORKER,
            partner="Buy at https://evil.example/now " + "x" * 200,
        )

    db.write(tell)
    newest_mail = select(MailDelivery).where(MailDelivery.recipient == NINA)
    entry = db.session.scalars(newest_mail.order_by(MailDelivery.id.desc())).first()
    assert entry is not None
    message = mail.render(entry)
    quoted = "“Buy at … " + "x" * 50 + "…”"
    assert " ".join(message.body.split()).startswith(f"{quoted} suspended your subaccount")
    assert quoted in message.html
    assert message.subject == "Your subaccount was suspended"


def test_every_kind_that_can_be_switched_is_told_by_some_verb_and_no_other(app: Flask) -> None:
    package = Path(notifications.__file__).parent
    used = {
        node.attr
        for path in package.parent.rglob("*.py")
        if path.parent != package
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and "Kind" in ast.unparse(node.value).split(".")
    }
    assert {kind for kind in Kind if kind.name in used} == set(Kind)
    assert {kind for kind, _channel in PREFERENCES} == set(Kind)


@pytest.mark.parametrize("email", [ACE, VERA, SAM, CARL])
def test_who_has_no_part_in_it_hears_nothing(app: Flask, world: World, email: str) -> None:
    do(customers.suspend, world.ninas_customer)
    do(customers.end_partnership, world.ninas_customer)
    assert heard(email) == mailed(email) == []
