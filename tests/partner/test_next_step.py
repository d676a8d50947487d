"""The head of a customer's page: how it stands, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from portal import db
from portal.domain import customers
from portal.domain.customers import Customer
from portal.domain.mail_deliveries import OPEN_STATES, DeliveryState, MailDelivery
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.new_customer import add_customer
from tests.support.page import text_of
from tests.support.world import (
    CARL,
    EDDIE,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
    signed_in,
)

Open = Callable[..., Browser]
HTMX = {"HX-Request": "true"}
COPY = "Copy confirmation link"


def address(world: World, ident: str = "", rest: str = "") -> str:
    return f"/partner/{world.north}/customers/{ident or world.carls_customer}{rest}"


def head(client: Browser) -> str:
    """What the page's head says of how it stands."""
    (found,) = (e for e in client.page.iter("p") if e.get("class") == "lede")
    return text_of(found)


def primary(client: Browser) -> list[str]:
    """The buttons of the page's head that stand out."""
    (found,) = (e for e in client.page.iter("div") if e.get("id") == "standing")
    return [text_of(e) for e in found.iter() if "btn-primary" in e.get("class", "").split()]


def becomes(world: World, state: DeliveryState, answer: str | None = None) -> None:
    """The mail to Carl has come to this."""

    def unit() -> None:
        is_over = state not in OPEN_STATES
        values = {"state": state, "answer": answer, "finished_at": db.now() if is_over else None}
        values["code"] = "relay-log" if state is DeliveryState.NOT_ARRIVED else None
        entry = update(MailDelivery).where(MailDelivery.about == world.carls_subaccount)
        db.session.execute(entry.values(attempts=MailDelivery.attempts + 1, **values))

    db.write(unit)


FATES = [
    (DeliveryState.PENDING, None, "is about to leave", COPY),
    (DeliveryState.PENDING, "451 Later", "has not left yet; it is tried again by itself", COPY),
    (DeliveryState.SENT, "250 OK", "If they can’t find the email, pass the link on", COPY),
    (DeliveryState.REFUSED, "550 Unknown", "The mail server refused the email", "Correct address"),
    (DeliveryState.FAILED, "no route", "The email did not go out. Send it again", "Send again"),
    (DeliveryState.UNKNOWN, None, "Nobody can know whether the email arrived. Copy the link", COPY),
    (DeliveryState.ARRIVED, None, "The email arrived. If the customer can’t find it", COPY),
    (DeliveryState.NOT_ARRIVED, None, "as an operator found. Send it again", "Send again"),
]


@pytest.mark.parametrize(("state", "answer", "says", "button"), FATES)
def test_the_next_step_follows_what_became_of_the_mail(
    *, browser: Open, world: World, state: DeliveryState, answer: str | None, says: str, button: str
) -> None:
    becomes(world, DeliveryState.CLAIMED)
    olga = browser(OLGA)
    olga.get(address(world))
    (standing,) = (e for e in olga.page.iter("div") if e.get("id") == "standing")
    becomes(world, state, answer)
    olga.get(standing.attrib["hx-get"], headers=HTMX)
    followed = head(olga), primary(olga)
    olga.get(address(world))
    assert (head(olga), primary(olga)) == followed
    assert says in head(olga)
    assert ("can’t find the email" in head(olga)) == (state is DeliveryState.SENT)
    assert primary(olga) == [button]
    assert COPY in olga.text, "it is offered until there is an answer"


def test_who_may_not_correct_the_address_copies_the_link(browser: Open, world: World) -> None:
    becomes(world, DeliveryState.REFUSED, "550 Unknown")
    vera = browser(VERA)
    vera.get(address(world))
    assert primary(vera) == [COPY]


def test_whoever_waits_a_week_is_written_to(browser: Open, world: World, clock: Clock) -> None:
    becomes(world, DeliveryState.SENT, "250 OK")
    clock.forward(days=6)
    client = browser(OLGA)
    client.get(address(world))
    assert primary(client) == [COPY]
    clock.forward(days=1)
    client = browser(OLGA)
    client.get(address(world))
    assert head(client) == "No answer for 7 days. Write to the customer, or pass the link on."
    assert primary(client) == ["Write to the customer"]
    assert links(client)["Write to the customer"].startswith(f"mailto:{CARL}?")


def test_other_tabs_offer_no_button_that_needs_the_overview(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(address(world, rest="/history"))
    (standing,) = (e for e in olga.page.iter("div") if e.get("id") == "standing")
    becomes(world, DeliveryState.UNKNOWN)
    fragment = olga.get(standing.attrib["hx-get"], headers=HTMX)
    assert "Nobody can know" in head(olga)
    assert 'form="copied"' not in fragment.text, "that form stands on the overview"


def test_an_inactive_customer_says_why_and_can_be_asked_again(
    browser: Open, world: World, clock: Clock
) -> None:
    carl, olga = browser(CARL), browser(OLGA)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Decline")
    removed = add_customer(world, "gone@client.example", name="Gone")
    by = signed_in(OLGA)
    db.write(lambda: customers.remove(db.lock(Customer, removed), by=by))
    db.write(lambda: customers.end_partnership(db.lock(Customer, world.ninas_customer), by=by))
    for ident, says in (
        (world.carls_customer, "The customer declined on 2 Mar 2026."),
        (removed, "Removed on 2 Mar 2026, before the customer had answered."),
        (world.ninas_customer, "The partnership ended on 2 Mar 2026."),
    ):
        for rest in ("", "/history"):
            olga.get(address(world, ident, rest))
            assert head(olga) == f"{says} The record stays for history."
            assert primary(olga) == ["Invite again"]
        vera = browser(VERA)
        vera.get(address(world, ident))
        assert head(vera).startswith(says)
        assert primary(vera) == []


def test_a_corrected_address_leads_on_to_the_new_record(browser: Open, world: World) -> None:
    by = actor(EDDIE)

    def unit() -> str:
        record = db.lock(Customer, world.carls_customer)
        return customers.correct_address(record, by=by, email="right@client.example").id

    corrected = db.write(unit)
    olga = browser(OLGA)
    olga.get(address(world))
    assert head(olga).startswith("The address was corrected on 2 Mar 2026")
    assert primary(olga) == [], "they were asked again already"
    olga.click("the new record")
    assert olga.url.endswith(corrected)


def test_inviting_again_begins_with_the_old_record_and_writes_nothing_itself(
    browser: Open, world: World
) -> None:
    old = add_customer(
        world, "back@client.example", name="Back", reference="K-1", phone="030 23125182"
    )
    by = signed_in(OLGA)
    db.write(lambda: customers.remove(db.lock(Customer, old), by=by))
    olga = browser(OLGA)
    olga.get(address(world, old))
    before = all_rows()
    olga.click("Invite again")
    assert all_rows() == before
    form = olga.form("/customers/add")
    kept = {key: form[key] for key in ("name", "invitation_email", "reference", "phone")}
    assert kept == {
        "name": "Back",
        "invitation_email": "back@client.example",
        "reference": "K-1",
        "phone": "+49 30 23125182",
    }
    olga.submit("Add")
    assert "Back is added." in olga.text
    assert not olga.url.endswith(old)
    # Its reference belongs to the new one now, and each may stand once.
    olga.get(address(world, "add", f"?like={old}"))
    assert olga.form("/customers/add")["reference"] == ""


def test_nobody_begins_with_the_record_of_another_partner(browser: Open, world: World) -> None:
    sam = browser(SAM)
    for like in (world.carls_customer, "nonsense", ""):
        asked = f"/partner/{world.south}/customers/add?like={like}"
        assert sam.get(asked).status_code == 404
