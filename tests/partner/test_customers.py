"""Who comes into the partner portal, and a customer's page: record, delivery, history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from portal import db
from portal.domain import access
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from tests.support.answers import definition_list, links, normalized_html
from tests.support.browser import Browser
from tests.support.mails import deliver_mails
from tests.support.new_customer import add_customer, customers_named
from tests.support.page import text_of
from tests.support.world import CARL, DORA, EDDIE, NINA, OLGA, PASSWORD, VERA, World, user

Open = Callable[..., Browser]


def let_in(email: str, account_id: str, role: AccountRole = AccountRole.VIEWER) -> None:
    def unit() -> None:
        account = db.lock(BillingAccount, account_id)
        access.assign_account_role(role, to=user(email).id, account=account, by=COMMAND)

    db.write(unit)


@pytest.mark.parametrize("who", [CARL, NINA, DORA])
def test_without_partner_status_one_reads_exactly_that_and_may_switch(
    browser: Open, world: World, who: str
) -> None:
    client = browser(who)
    answer = client.get("/partner")
    assert answer.status_code == 403
    assert "The account you are signed in to has no partner status assigned" in client.text
    assert f"Signed in as {who}." in client.text
    assert links(client)["Go to the management console"] == "/console"
    client.click("Sign in as someone else")
    answer = client.submit("Sign in", email=OLGA, password=PASSWORD)
    assert answer.status_code == 200
    assert answer.request.path == f"/partner/{world.north}/customers"


def test_without_partner_status_every_partners_address_is_the_same_page(
    browser: Open, world: World
) -> None:
    client = browser(NINA)
    made_up = "dn2" + "0" * 17
    addresses = [
        "/partner",
        *(f"/partner/{a}/customers" for a in (world.north, world.ninas_subaccount, made_up)),
        f"/partner/{world.north}/customers/{world.ninas_customer}",
        f"/partner/{world.north}/customers/{world.ninas_customer}/history",
        f"/partner/{world.north}/customers/add",
    ]
    answers = [client.get(address) for address in addresses]
    assert {answer.status_code for answer in answers} == {403}
    assert len({normalized_html(answer) for answer in answers}) == 1
    assert "North" not in client.text


def test_the_staff_of_one_partner_is_led_on(browser: Open, world: World) -> None:
    answer = browser(VERA).get("/partner")
    assert (answer.status_code, answer.location) == (303, f"/partner/{world.north}/customers")


def test_the_staff_of_two_partners_chooses(browser: Open, world: World) -> None:
    let_in(VERA, world.south)
    client = browser(VERA)
    client.get("/partner")
    assert definition_list(client) == {"North": world.north, "South": world.south}
    client.click("South")
    assert "Elsewhere" in client.text
    assert "Carl & Sons" not in client.text


def test_what_is_no_partners_account_is_no_room_of_the_portal(browser: Open, world: World) -> None:
    let_in(OLGA, world.direct)
    client = browser(OLGA)
    for account_id in (world.direct, world.carls_subaccount):
        assert client.get(f"/partner/{account_id}/customers").status_code == 403
        assert "Add customer" not in client.text


def test_the_switch_of_portals_is_for_those_who_have_both(browser: Open, world: World) -> None:
    olga, carl = browser(OLGA), browser(CARL)
    olga.get("/console")
    assert links(olga)["Partner portal"] == "/partner"
    carl.get("/console")
    assert "Partner portal" not in links(carl)


@pytest.mark.parametrize("who", [OLGA, VERA])
def test_every_role_reads_the_record(browser: Open, world: World, who: str) -> None:
    manager = user(EDDIE).id
    add_customer(
        world, name="Read & Co", reference="K-17", description="Private.", manager_id=manager
    )
    (record,) = customers_named("Read & Co")
    client = browser(who)
    client.get(f"/partner/{world.north}/customers")
    client.click("Read & Co")
    assert definition_list(client)["Own reference"] == "K-17"
    assert definition_list(client)["Account manager"] == "Eddie Editor"
    assert definition_list(client)["Subaccount"] == record.subaccount_id


def test_the_customer_reads_nothing_of_the_partners_own_record(browser: Open, world: World) -> None:
    client = browser(CARL)
    for path in ("/console", f"/invite/accept/{world.carls_subaccount}"):
        client.get(path)
        assert world.carls_customer not in client.text
        assert "Carl & Sons" not in client.text, "that is what North calls him"


DELIVERIES: dict[str, tuple[DeliveryState, str | None, list[str]]] = {
    "queued": (DeliveryState.PENDING, None, ["Email is queued", "not handed over yet"]),
    "tried": (
        DeliveryState.PENDING,
        "451 4.3.0 Not <now>",
        ["Email is queued", "Last try: 451 4.3.0 Not <now>. It is tried again."],
    ),
    "claimed": (DeliveryState.CLAIMED, None, ["Email is queued"]),
    "transmitting": (DeliveryState.TRANSMITTING, None, ["Email is queued"]),
    "sent": (
        DeliveryState.SENT,
        "250 2.0.0 Ok: queued as 4711",
        ["Email handed over for customer.example", "The mail server answered: 250 2.0.0 Ok"],
    ),
    "kept": (
        DeliveryState.SENT,
        "kept as a file: no mail server is configured",
        ["Email handed over for customer.example", "UTCkept as a file: no mail server"],
    ),
    "refused": (
        DeliveryState.REFUSED,
        "550 5.1.1 User unknown",
        ["Refused by the mail server", "It answered: 550 5.1.1 User unknown"],
    ),
    "failed": (
        DeliveryState.FAILED,
        "ConnectionRefusedError",
        ["Not handed over, after four hours of trying", "The last fault: ConnectionRefusedError"],
    ),
    "unknown": (
        DeliveryState.UNKNOWN,
        None,
        ["Delivery unknown", "parked", "Pass the link on."],
    ),
    "arrived": (
        DeliveryState.ARRIVED,
        None,
        ["Email arrived", "Its delivery was unknown until then."],
    ),
    "cancelled": (DeliveryState.CANCELLED, None, ["Email cancelled before it left"]),
}


@pytest.mark.parametrize(("state", "answer", "wanted"), DELIVERIES.values(), ids=DELIVERIES)
def test_the_delivery_of_the_invitation_stands_on_the_customers_page(
    *, browser: Open, world: World, state: DeliveryState, answer: str | None, wanted: list[str]
) -> None:
    is_over = state not in (
        DeliveryState.PENDING,
        DeliveryState.CLAIMED,
        DeliveryState.TRANSMITTING,
    )
    is_held = state in (DeliveryState.CLAIMED, DeliveryState.TRANSMITTING)

    def unit() -> datetime:
        now = db.now()
        values = {
            "state": state,
            "answer": answer,
            "finished_at": now if is_over else None,
            "token": "c" * 32 if is_held else None,
            "leased_until": now + timedelta(minutes=5) if is_held else None,
        }
        entry = MailDelivery.about == world.carls_subaccount
        db.session.execute(update(MailDelivery).where(entry).values(values))
        return now

    finished_at = db.write(unit)
    client = browser(VERA)
    client.get(f"/partner/{world.north}/customers/{world.carls_customer}")
    (section,) = (e for e in client.page.iter("section") if e.get("id") == "invitation")
    said = text_of(section)
    for words in (*wanted, "Added and queued", "Customer confirms", "no answer yet"):
        assert words in said
    others = {state[2][0] for state in DELIVERIES.values()} - {wanted[0]}
    assert not any(words in said for words in others)
    is_lost = state in (DeliveryState.REFUSED, DeliveryState.FAILED)
    assert ("The email is only sent once!" in client.text) != is_lost, "there is none to find"
    instants = [time.get("title", "") for time in section.iter("time")]
    assert (finished_at.strftime("%Y-%m-%d %H:%M:%S UTC") in instants) == (
        is_over and state is not DeliveryState.UNKNOWN
    )
    (head,) = (e for e in client.page.iter("div") if e.get("id") == "standing")
    asked = "every 5s" if is_over else "every 2s"
    assert (head.get("data-poll"), head.get("hx-trigger")) == ("", asked)


def test_the_delivery_comes_as_a_fragment_that_asks_for_what_it_does_not_show(
    browser: Open, world: World
) -> None:
    client = browser(OLGA)
    page = f"/partner/{world.north}/customers/{world.carls_customer}"
    client.get(page)
    (head,) = (e for e in client.page.iter("div") if e.get("id") == "standing")
    asked, headers = head.attrib["hx-get"], {"HX-Request": "true"}
    assert "poll=1" in asked, "or an open page would keep its session alive"
    assert client.get(asked, headers=headers).status_code == 204, "nothing has changed"
    deliver_mails()
    fragment = client.get(asked, headers=headers)
    assert "<html" not in fragment.text
    assert "HX-Request" in fragment.headers["Vary"]
    assert "Email handed over for customer.example" in client.text
    assert 'data-announce="The email’s state has changed."' in fragment.text
    (head,) = (e for e in client.page.iter("div") if e.get("id") == "standing")
    assert client.get(head.attrib["hx-get"], headers=headers).status_code == 204
    restored = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert client.get(page, headers=restored).text.startswith("<!doctype html>")


def test_the_link_is_offered_until_the_customer_answers(browser: Open, world: World) -> None:
    client, carl = browser(OLGA), browser(CARL)
    page = f"/partner/{world.north}/customers/{world.carls_customer}"
    link = f"http://localhost/invite/accept/{world.carls_subaccount}"
    assert client.get(page).text.count(link) > 2
    assert "Copy confirmation link" in client.text
    assert "If the customer doesn’t follow the link" in client.text
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Confirm")
    assert link not in client.get(page).text
    assert "Customer confirmed" in client.text
    assert "The partnership is confirmed." in client.text


def test_a_declined_invitation_is_kept_for_history(browser: Open, world: World) -> None:
    carl = browser(CARL)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Decline")
    client = browser(OLGA)
    client.get(f"/partner/{world.north}/customers/{world.carls_customer}")
    assert "Inactive" in client.text
    assert "Customer declined" in client.text
    assert "Email cancelled before it left" in client.text
    assert definition_list(client)["Cloud default"] == f"{world.carls_cloud} Closed"
    assert "Copy confirmation link" not in client.text


def test_the_history_says_what_was_done_by_whom_newest_first(browser: Open, world: World) -> None:
    eddie = browser(EDDIE)
    eddie.get(f"/partner/{world.north}/customers/add")
    answer = eddie.submit(
        "Add", name="Dora & Co", invitation_email=DORA, country="DE", phone="030 901820"
    )
    (record,) = customers_named("Dora & Co")
    dora = browser(DORA)
    dora.get(f"/invite/accept/{record.subaccount_id}")
    dora.submit("Confirm")
    client = browser(VERA)
    client.get(answer.request.path)
    client.click("History")
    rows = [[text_of(cell) for cell in row][:3] for row in client.page.iter("tr")]
    assert rows == [
        ["What", "Who", "ID"],
        ["The customer confirmed the partnership.", DORA, record.subaccount_id],
        ["The customer was added and invited.", EDDIE, record.id],
    ]
    assert "901820" not in client.text
