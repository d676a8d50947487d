"""Sign-up: a mail before an account, who may, and what an address is told."""

from __future__ import annotations

import pytest

from portal import db
from portal.domain import accounts, customers, identity, values, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.identity import AllowedEmail, SignUp
from portal.domain.mail_deliveries import MailDelivery
from tests.support.world import (
    DORA,
    OLGA,
    PASSWORD_HASH,
    Clock,
    World,
    actor,
    all_rows,
    draft,
    register,
    user,
)

NEW = "new@comer.example"


def sign_up(email: str = NEW) -> None:
    address = values.email(email)
    db.write(
        lambda: workflows.sign_up(
            address, name="New Comer", next_path="/console", language="en", network=""
        )
    )


def complete(sign_up_id: str, *, language: str = "en") -> None:
    db.write(
        lambda: workflows.complete_sign_up(
            sign_up_id, name="N", password_hash=PASSWORD_HASH, language=language
        )
    )


def waiting() -> list[SignUp]:
    return db.session.query(SignUp).order_by(SignUp.id).all()


def mails(kind: str) -> list[MailDelivery]:
    return db.session.query(MailDelivery).filter_by(kind=kind).order_by(MailDelivery.id).all()


def answer_mail(sign_up_id: str) -> str | None:
    """The address whose owner may choose a password now."""

    def read() -> str | None:
        found = identity.pending_sign_up(sign_up_id)
        return found and found.email

    return db.read(read)


def test_an_address_that_asks_gets_a_mail_and_no_account(app: object) -> None:
    sign_up()
    assert identity.user_by_email(NEW) is None
    [asked] = waiting()
    [mail] = mails("verification")
    assert (mail.about, mail.recipient, mail.is_once) == (asked.id, NEW, False)


def test_an_unverified_address_reserves_nothing(app: object, world: World) -> None:
    sign_up()
    sign_up(NEW.upper())
    assert len(waiting()) == 2, "asking again is possible"
    partner = db.session.get_one(BillingAccount, world.north)
    added = db.write(lambda: customers.add(partner, by=actor(OLGA), draft=draft(NEW)))
    assert added.invitation_email == NEW
    db.write(lambda: register(NEW, "Somebody"))
    assert user(NEW).name == "Somebody"


def test_a_verified_address_has_nothing_waiting(app: object) -> None:
    sign_up()
    sign_up(NEW.upper())
    asked = [each.id for each in waiting()]
    assert all(answer_mail(ident) for ident in asked)
    complete(asked[0])
    assert waiting() == []
    assert [answer_mail(ident) for ident in asked] == [None, None]
    before = all_rows()
    for ident in asked:
        with pytest.raises(Refused, match="link-over"):
            complete(ident)
    assert all_rows() == before


def test_who_completes_the_sign_up_owns_a_direct_account_in_trial(app: object) -> None:
    sign_up()
    complete(waiting()[0].id, language="ru")
    own = accounts.first_own_account(user(NEW))
    assert own is not None
    assert (own.kind, own.mode, own.name) == ("direct", "trial", "N")
    assert user(NEW).language == "ru"


def test_a_sign_up_is_answered_within_two_days(app: object, clock: Clock) -> None:
    sign_up()
    ident = waiting()[0].id
    clock.forward(days=2, seconds=-1)
    assert answer_mail(ident) == NEW
    clock.forward(seconds=2)
    assert answer_mail(ident) is None
    assert answer_mail("unknown") is None


def test_whether_an_address_has_an_account_is_told_to_the_address_only(app: object) -> None:
    sign_up(DORA.upper())
    assert waiting() == []
    assert mails("verification") == []
    [mail] = mails("account-exists")
    assert mail.recipient.casefold() == DORA


@pytest.mark.parametrize("settings", [{"SIGN_UP": "closed"}])
def test_where_sign_up_is_closed_nobody_signs_up(app: object, world: World) -> None:
    def invite() -> None:
        partner = db.session.get_one(BillingAccount, world.north)
        customers.add(partner, by=actor(OLGA), draft=draft(NEW))

    db.write(invite)
    for email in (NEW, DORA, "else@where.example"):
        before = all_rows()
        with pytest.raises(Refused, match="sign-up-closed"):
            sign_up(email)
        assert all_rows() == before


@pytest.mark.parametrize("settings", [{"SIGN_UP": "invited"}])
def test_where_sign_up_is_by_invitation_the_invited_and_the_allowed_sign_up(
    app: object, world: World
) -> None:
    def invite() -> None:
        partner = db.session.get_one(BillingAccount, world.north)
        customers.add(partner, by=actor(OLGA), draft=draft("Invited@client.example"))

    db.write(invite)
    db.write(lambda: identity.allow_email(values.email("Allowed@Client.example"), by=COMMAND))
    for email in ("invited@client.example", "allowed@client.example", "stranger@client.example"):
        sign_up(email)
    assert [mail.recipient for mail in mails("verification")] == [
        "invited@client.example",
        "allowed@client.example",
    ]


@pytest.mark.parametrize("settings", [{"SIGN_UP": "invited"}])
def test_who_is_not_invited_leaves_no_trace_and_learns_nothing(app: object) -> None:
    before = all_rows()
    sign_up("stranger@client.example")
    after = all_rows()
    assert after == {**before, "tries": after["tries"]}, "only the hash that limits the rate"


@pytest.mark.parametrize("settings", [{"SIGN_UP": "invited"}])
def test_a_closed_invitation_lets_nobody_in(app: object, world: World) -> None:
    def invite_and_remove() -> None:
        partner = db.session.get_one(BillingAccount, world.north)
        added = customers.add(partner, by=actor(OLGA), draft=draft(NEW))
        customers.remove(added, by=actor(OLGA))

    db.write(invite_and_remove)
    sign_up()
    assert mails("verification") == []


def test_allowing_an_address_twice_allows_it_once(app: object) -> None:
    for email in ("ann@client.example", "ANN@client.example"):
        db.write(lambda email=email: identity.allow_email(values.email(email), by=COMMAND))
    assert [row.email_key for row in db.session.query(AllowedEmail)] == ["ann@client.example"]
