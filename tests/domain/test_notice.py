"""People hear of what happens to what is theirs: once each, unless they do not want to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import customer, invitation, notice, outbox
from portal.domain.account import BillingAccount
from portal.domain.customer import Customer
from portal.domain.notice import Channel, Kind
from portal.domain.outbox import OutboxEntry
from tests.world import ACE, AMIR, CARL, EDDIE, NINA, OLGA, SAM, VERA, World, actor, draft, user


def heard(email: str) -> list[str]:
    return [str(row.kind) for row in notice.notices_for(actor(email))]


def mailed(email: str) -> list[str]:
    found = select(OutboxEntry).where(
        OutboxEntry.kind == notice.MAIL, OutboxEntry.recipient == email
    )
    return [entry.facts["notice"] for entry in db.session.scalars(found)]


def answer(email: str, verb: Callable[..., Any]) -> None:
    who = actor(email)
    db.write(lambda: verb(invitation.open_for(who)[0], by=who))


def do(verb: Callable[..., Any], ident: str, *, by: str = OLGA) -> None:
    who = actor(by)
    db.write(lambda: verb(db.lock(Customer, ident), by=who))


@pytest.mark.parametrize(
    ("verb", "told"),
    [(customer.accept, Kind.CONFIRMED), (customer.decline, Kind.DECLINED)],
)
def test_those_who_edit_customers_hear_of_the_answer(
    app: Flask, world: World, verb: Callable[..., Any], told: Kind
) -> None:
    answer(CARL, verb)
    for email in (OLGA, AMIR, EDDIE):
        assert heard(email)[0] == told
        assert mailed(email)[-1] == told
    for email in (ACE, VERA, SAM, CARL):
        assert told not in heard(email)


def test_where_there_is_an_account_manager_only_they_hear_of_it(app: Flask, world: World) -> None:
    who, manager = actor(OLGA), user(EDDIE).id
    wanted = draft("dora@direct.example", manager_id=manager)
    db.write(lambda: customer.add(db.lock(BillingAccount, world.north), by=who, draft=wanted))
    before = len(heard(OLGA))
    answer("dora@direct.example", customer.accept)
    assert heard(EDDIE)[0] == Kind.CONFIRMED
    assert len(heard(OLGA)) == before


def test_the_customers_people_hear_of_suspending_and_resuming(app: Flask, world: World) -> None:
    do(customer.suspend, world.ninas_customer)
    do(customer.resume, world.ninas_customer)
    assert heard(NINA) == [Kind.RESUMED, Kind.SUSPENDED]
    assert mailed(NINA) == [Kind.SUSPENDED, Kind.RESUMED]


def test_nobody_hears_of_what_they_did_themselves(app: Flask, world: World) -> None:
    do(customer.end_partnership, world.ninas_customer, by=OLGA)
    assert Kind.ENDED not in heard(OLGA)
    assert heard(AMIR)[0] == Kind.ENDED
    assert heard(NINA) == [Kind.ENDED]


@pytest.mark.parametrize(
    ("record", "told"),
    [(outbox.refused, Kind.NOT_DELIVERED), (outbox.lost, Kind.PARKED)],
)
def test_the_partner_hears_of_a_refused_or_parked_mail(
    app: Flask, world: World, record: Callable[..., bool], told: Kind
) -> None:
    from portal import worker

    while (entry := db.write(outbox.claim)) is not None:
        ident, token = entry.id, entry.claim or ""
        db.write(lambda ident=ident, token=token: outbox.mark(ident, token))
        db.write(lambda ident=ident, token=token: worker._recorded(record, ident, token, "550 no"))
        if entry.about == world.carls_subaccount:
            break
    found = notice.notices_for(actor(EDDIE))
    assert (found[0].kind, found[0].facts) == (told, {"customer": "Carl & Sons"})


def test_a_kind_that_is_switched_off_is_not_told_on_that_channel(app: Flask, world: World) -> None:
    who = actor(EDDIE)
    all_but = {(kind, channel) for kind in Kind for channel in Channel}
    all_but -= {(Kind.CONFIRMED, Channel.MAIL)}
    db.write(lambda: notice.choose(all_but, by=who))
    in_app, by_mail = len(heard(EDDIE)), len(mailed(EDDIE))
    answer(CARL, customer.accept)
    assert len(heard(EDDIE)) == in_app + 1
    assert len(mailed(EDDIE)) == by_mail
    db.write(lambda: notice.choose(set(), by=who))
    before = len(heard(EDDIE))
    do(customer.end_partnership, world.carls_customer)
    assert len(heard(EDDIE)) == before
    db.write(lambda: notice.choose({(Kind.CONFIRMED, Channel.APP)}, by=who))
    assert (Kind.CONFIRMED, Channel.APP) not in notice.muted_by(who.id)


def test_reading_counts_down_and_touches_only_ones_own(app: Flask, world: World) -> None:
    answer(CARL, customer.accept)
    before = notice.unread(actor(EDDIE))
    newest = notice.notices_for(actor(EDDIE))[0].id
    db.write(lambda: notice.read(by=actor(AMIR), notice_id=newest))
    assert notice.unread(actor(EDDIE)) == before
    db.write(lambda: notice.read(by=actor(EDDIE), notice_id=newest))
    assert notice.unread(actor(EDDIE)) == before - 1
    db.write(lambda: notice.read(by=actor(EDDIE)))
    assert notice.unread(actor(EDDIE)) == 0
    assert notice.unread(actor(AMIR)) > 0
