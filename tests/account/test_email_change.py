"""Changing one’s address: a mail to the new one, a button, and what becomes of older links."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import identity
from portal.domain.identity import EmailChange
from tests.account.test_profile import UNSHOWN, fresh
from tests.support.answers import csrf_token, errors, links, stored_rows
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to, plain_text
from tests.support.odd_inputs import BAD_ADDRESSES
from tests.support.world import CARL, DORA, PASSWORD, SAM, Clock, World

Open = Callable[..., Browser]


NEW = "dora@another.example"


def ask(client: Browser, email: str = NEW) -> int:
    client.get("/profile/email")
    return client.submit("Send mail", email=email).status_code


def test_an_address_is_changed_by_a_mail_and_a_button(browser: Open) -> None:
    client = browser(DORA)
    assert ask(client) == 200
    assert f"A mail waits for you. It went to {NEW}; open its link" in client.text
    assert "Until then nothing changes." in client.text
    (letter,) = mails_to(NEW)
    assert letter["Subject"] == "Confirm your new address for Test Cloud"
    link = link_in(letter)
    before = stored_rows()
    for _ in range(2):
        client.get(link)
        client.head(link)
    assert stored_rows() == before
    client.submit("Confirm")
    assert f"Your address is {NEW} from now on." in client.text
    assert f"Signed in as: {NEW}" in client.text
    (told,) = mails_to(DORA)
    assert told["Subject"] == "Your address in Test Cloud was changed"
    assert NEW not in plain_text(told)
    assert identity.check_password(NEW, PASSWORD) is not None
    assert identity.check_password(DORA, PASSWORD) is None


def test_the_link_asks_who_one_is(browser: Open) -> None:
    client, anonymous, sam = browser(DORA), browser(), browser(SAM)
    ask(client)
    link = link_in(mails_to(NEW)[0])
    assert anonymous.get(link).status_code == 303
    assert sam.get(link).status_code == 404
    assert "Sign in as someone else" in links(sam)
    good = {"csrf_token": csrf_token(sam)}
    assert sam.post(link, data=good).status_code == 404
    assert fresh(SAM).email == SAM
    anonymous.get(link, follow_redirects=True)
    anonymous.submit("Sign in", email=DORA, password=PASSWORD)
    anonymous.submit("Confirm")
    assert f"Signed in as: {NEW}" in anonymous.text


def test_an_address_with_an_account_reads_the_same_until_it_is_confirmed(browser: Open) -> None:
    pages = []
    for address in (SAM, NEW):
        client = browser(DORA)
        ask(client, address)
        client.get(link_in(mails_to(address)[-1]))
        pages.append(client.text.replace(address, "…"))
    assert pages[0] == pages[1]
    client = browser(DORA)
    ask(client, SAM)
    client.get(link_in(mails_to(SAM)[-1]))
    assert client.submit("Confirm").status_code == 422
    assert "This address has an account of its own" in client.text
    assert fresh(DORA).email == DORA


def test_ones_own_address_is_refused(browser: Open) -> None:
    client = browser(DORA)
    assert ask(client, DORA) == 422
    assert errors(client)["email"] == "This is your address already. Give the new one."


@pytest.mark.parametrize(
    ("email", "what"),
    [pair for pair in BAD_ADDRESSES.values() if not {*pair[0]} & UNSHOWN],
)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_address_that_is_none_is_refused_at_its_field(
    browser: Open, email: str, what: str
) -> None:
    client = browser(DORA)
    before = stored_rows()
    assert ask(client, email) == 422
    assert what in errors(client)["email"]
    assert stored_rows() == before


def test_an_older_link_is_over_when_a_newer_was_sent(browser: Open, clock: Clock) -> None:
    client = browser(DORA)
    ask(client)
    ask(client, "dora@third.example")
    assert client.get(link_in(mails_to(NEW)[0])).status_code == 404
    assert "a newer one was sent" in client.text
    row = db.session.query(EmailChange).one()
    assert row.email == "dora@third.example"
    clock.forward(minutes=20)
    assert client.get(link_in(mails_to("dora@third.example")[0])).status_code == 200


def test_a_link_for_a_new_password_dies_with_the_address_it_was_sent_to(browser: Open) -> None:
    client = browser(DORA)
    client.get("/forgot")
    client.submit("Send link", email=DORA)
    link = link_in(mails_to(DORA)[0])
    ask(client)
    client.get(link_in(mails_to(NEW)[0]))
    client.submit("Confirm")
    assert client.get(link).status_code == 404


def test_an_invitation_page_that_was_open_while_the_address_changed_answers_nothing(
    browser: Open, world: World
) -> None:
    client, other = browser(CARL), browser(CARL)
    other.get(f"/invite/accept/{world.carls_subaccount}")
    ask(client, "carl@another.example")
    client.get(link_in(mails_to("carl@another.example")[0]))
    client.submit("Confirm")
    assert other.submit("Confirm").status_code == 404
