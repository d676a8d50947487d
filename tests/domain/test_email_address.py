"""Another address: counts when its mail was answered; an answer asks for it at the commit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import text

from portal import db
from portal.domain import audit, customers, identity, invitations, values
from portal.domain.actors import Actor
from portal.domain.customers import answering
from portal.domain.errors import Forbidden, Refused
from portal.domain.identity import EmailChange, User
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import MailDelivery
from tests.support.world import (
    CARL,
    DORA,
    NINA,
    SAM,
    Clock,
    World,
    actor,
    all_rows,
    register,
    signed_in,
    user,
)

NEW = "carl@another.example"


def ask(email: str = NEW, who: str = CARL) -> str:
    """The ID of the change that the mail's link carries."""
    by = signed_in(who)
    db.write(lambda: identity.request_email_change(by, values.email(email)))
    return db.read(lambda: db.session.get_one(EmailChange, by.id).id)


def confirm(change_id: str, by: Actor | None = None) -> None:
    who = by or actor(CARL)
    db.write(lambda: identity.change_email(who, change_id))


def refusal(change_id: str, by: Actor | None = None) -> str:
    who = by or actor(CARL)
    before = all_rows()
    with pytest.raises(Refused) as caught:
        db.write(lambda: identity.change_email(who, change_id))
    assert all_rows() == before
    return caught.value.code


def mails(kind: str) -> list[MailDelivery]:
    return db.session.query(MailDelivery).filter_by(kind=kind).order_by(MailDelivery.id).all()


def test_asking_changes_nothing_and_mails_the_new_address_only(app: object) -> None:
    change_id = ask()
    assert user(CARL).email == CARL
    assert identity.user_by_email(NEW) is None
    assert [(m.recipient, m.about) for m in mails("email-change")] == [(NEW, change_id)]
    assert mails("email-changed") == []


def test_confirming_changes_the_address_tells_the_old_one_and_is_recorded(app: object) -> None:
    ident = user(CARL).id
    confirm(ask(NEW.upper().replace("ANOTHER.EXAMPLE", "another.example")))
    changed = db.session.get_one(User, ident)
    assert (changed.email, changed.email_key) == ("CARL@another.example", NEW)
    assert [m.recipient for m in mails("email-changed")] == [CARL]
    assert NEW not in str(mails("email-changed")[0].facts)
    assert audit.find_broken_links() == []


def test_a_change_is_confirmed_once(app: object) -> None:
    who, change_id = actor(CARL), ask()
    confirm(change_id)
    assert refusal(change_id, who) == "link-over"


@pytest.mark.both_databases
def test_a_change_is_over_after_two_days(app: object, clock: Clock) -> None:
    change_id = ask()
    clock.forward(days=2, seconds=-30)
    assert db.read(lambda: identity.pending_email_change(actor(CARL))) is not None
    clock.forward(seconds=60)
    assert db.read(lambda: identity.pending_email_change(actor(CARL))) is None
    assert refusal(change_id) == "link-over"
    db.write(identity.purge_expired)
    assert db.session.query(EmailChange).count() == 0


def test_a_newer_change_takes_the_place_of_the_older(app: object) -> None:
    first, second = ask(), ask("carl@third.example")
    assert refusal(first) == "link-over"
    confirm(second)
    assert identity.user_by_email("carl@third.example") is not None


def test_only_the_user_who_asked_confirms(app: object) -> None:
    change_id = ask()
    assert refusal(change_id, actor(SAM)) == "link-over"


def test_ones_own_address_is_no_new_one_but_its_spelling_may_change(app: object) -> None:
    with pytest.raises(Refused, match="email-same"):
        ask(CARL)
    confirm(ask("Carl@customer.example"))
    assert user(CARL).email == "Carl@customer.example"


def test_an_address_with_an_account_is_refused_when_it_is_confirmed_and_not_before(
    app: object,
) -> None:
    change_id = ask(DORA.upper())
    assert mails("email-change")[0].recipient.casefold() == DORA
    assert refusal(change_id) == "email-in-use"


def test_an_address_that_got_an_account_meanwhile_is_refused(app: object) -> None:
    change_id = ask()
    db.write(lambda: register(NEW, "Somebody Else"))
    assert refusal(change_id) == "email-in-use"


def test_what_waits_for_the_new_address_waits_no_more(app: object) -> None:
    address = values.email(NEW)
    db.write(
        lambda: identity.sign_up(address, name="C", next_path="/", language="en", invited=False)
    )
    confirm(ask())
    assert db.session.query(identity.SignUp).count() == 0


def test_invitations_of_the_new_address_are_theirs_and_those_of_the_old_are_not(
    app: object, world: World
) -> None:
    confirm(ask("other@else.example"))
    carl = actor("other@else.example")
    (found,) = db.read(lambda: invitations.open_for(carl))
    assert found.subaccount_id != world.carls_subaccount


VERBS = [customers.accept, customers.decline]


@pytest.mark.parametrize("verb", VERBS)
def test_an_address_changed_since_the_page_was_opened_refuses_the_answer(
    app: object, world: World, verb: Callable[..., object]
) -> None:
    opened_by, change_id = actor(CARL), ask()
    confirm(change_id)
    before = all_rows()
    with pytest.raises(Forbidden):
        db.write(lambda: verb(db.lock(Invitation, world.carls_subaccount), by=opened_by))
    assert all_rows() == before


def meanwhile(app: Flask, change_id: str) -> str:
    """What becomes of confirming the change in another request, which does not wait for locks."""
    who = actor(CARL)

    def unit() -> None:
        db.session.execute(text("SET LOCAL lock_timeout = '300ms'"))
        identity.change_email(who, change_id)

    def request() -> str:
        with app.app_context():
            try:
                db.write(unit)
            except db.Unavailable:
                return "waits"
            return "done"

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(request).result(timeout=30)


def only_read(by: Actor) -> Actor:
    """The guard taken out: the address is looked at, and not held."""
    return identity.as_actor(db.session.get_one(User, by.id, populate_existing=True))


def race(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch, look: Callable[[Actor], Actor]
) -> tuple[str, bool]:
    """The address is changed just after accepting has looked at it: what becomes of the change, and
    whether who has answered has the invited address at the commit."""
    change_id, carl, outcome = ask(), actor(CARL), []

    def look_and_wait(by: Actor) -> Actor:
        found = look(by)
        outcome.append(meanwhile(app, change_id))
        return found

    monkeypatch.setattr(answering.identity, "refresh_actor", look_and_wait)
    db.write(lambda: customers.accept(db.lock(Invitation, world.carls_subaccount), by=carl))
    asked = db.session.get_one(Invitation, world.carls_subaccount)
    assert asked.answered_by == carl.id
    return outcome[0], db.session.get_one(User, carl.id).email_key == asked.email_key


@pytest.mark.parametrize("kind", ["postgresql"])
def test_the_address_is_held_until_the_answer_is_committed(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert race(app, world, monkeypatch, identity.refresh_actor) == ("waits", True)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_control_without_holding_it_somebody_else_has_answered(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert race(app, world, monkeypatch, only_read) == ("done", False)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_of_two_who_confirm_one_address_at_once_one_gets_it(app: Flask) -> None:
    wanted = [(actor(who), ask("same@wish.example", who)) for who in (CARL, NINA)]
    db.session.rollback()
    start = Barrier(2)

    def request(wish: tuple[Actor, str]) -> str:
        with app.app_context():
            start.wait(timeout=20)
            try:
                confirm(wish[1], wish[0])
            except Refused as error:
                return error.code
            return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(request, wanted)) == ["done", "email-in-use"]
