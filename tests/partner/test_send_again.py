"""*Send again* on a customer's page: the reason, the question first, from when it is possible."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import customers, invitations, mail_deliveries
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer, NotArrivedReason
from tests.support.browser import Browser
from tests.support.mail_deliveries import settle_invitation
from tests.support.page import text_of
from tests.support.world import EDDIE, OLGA, VERA, Clock, World, actor, all_rows

Open = Callable[..., Browser]
HTMX = {"HX-Request": "true"}
REFUSED = "The mail server refused the email: 550 5.1.1 User unknown."


def address(world: World, rest: str = "") -> str:
    return f"/partner/{world.north}/customers/{world.carls_customer}{rest}"


def settle(
    world: World, verb: Callable[..., bool] = mail_deliveries.record_refused, code: str = ""
) -> str:
    """Let Carl's mail come to this, by default refused; the ID of its delivery."""
    return db.write(lambda: settle_invitation(world.carls_subaccount, verb, code=code).id)


def invitation(client: Browser) -> str:
    """What the page says of the invitation."""
    (section,) = (e for e in client.page.iter("section") if e.get("id") == "invitation")
    return text_of(section)


def states(world: World) -> list[str]:
    return [str(row.state) for row in invitations.deliveries_of(world.carls_subaccount)]


def offers(client: Browser) -> bool:
    return any(e.get("id") == "send-again" and e.tag == "a" for e in client.page.iter("a"))


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_send_again_asks_first_with_the_servers_words_and_queues_a_new_mail(
    browser: Open, world: World, headers: dict[str, str]
) -> None:
    settle(world)
    eddie = browser(EDDIE)
    eddie.get(address(world))
    assert "It can be sent 2 more times." in invitation(eddie)
    before = all_rows()
    eddie.get(address(world, "/send-again"), headers=headers)
    assert REFUSED in eddie.text
    assert "at most three times in all, once an hour" in eddie.text
    assert all_rows() == before, "asking changes nothing"
    eddie.submit("Send again")
    assert "The email is queued again." in eddie.text
    assert states(world) == ["refused", "pending"]
    said = invitation(eddie)
    wanted = ("Refused by the mail server", "550 5.1.1 User unknown", "Queued again", "is queued")
    places = [said.index(line) for line in wanted]
    assert places == sorted(places)
    assert not offers(eddie)
    eddie.get(address(world, "/history"))
    assert "The invitation’s email was queued again." in eddie.text


def test_it_says_from_when_it_can_be_sent_again_and_then_offers_it_without_a_reload(
    browser: Open, world: World, clock: Clock
) -> None:
    settle(world)
    eddie = browser(EDDIE)
    eddie.get(address(world, "/send-again"))
    eddie.submit("Send again")
    settle(world)
    eddie.get(address(world))
    said = invitation(eddie)
    assert not offers(eddie)
    assert "It can be sent again from 2 Mar 2026, 11:00" in said
    assert "It can be sent once more." in said
    (standing,) = (e for e in eddie.page.iter("div") if e.get("id") == "standing")
    assert eddie.get(standing.attrib["hx-get"], headers=HTMX).status_code == 204
    clock.forward(hours=1)
    olga = browser(OLGA)
    olga.get(standing.attrib["hx-get"], headers=HTMX)
    assert offers(olga)


def test_after_three_times_the_link_is_all_that_is_left(
    browser: Open, world: World, clock: Clock
) -> None:
    by = actor(EDDIE)
    for _ in range(2):
        settle(world)
        db.write(lambda: customers.send_again(db.lock(Customer, world.carls_customer), by=by))
        clock.forward(hours=1)
    settle(world)
    eddie = browser(EDDIE)
    eddie.get(address(world))
    said = invitation(eddie)
    assert "The email was sent 3 times, which is the limit. Pass the link on." in said
    assert (said.count("Refused by the mail server"), said.count("Queued again")) == (3, 2)
    assert "Send again" not in said


def test_a_second_press_is_refused_in_words(browser: Open, world: World) -> None:
    settle(world)
    eddie, olga = browser(EDDIE), browser(OLGA)
    for person in (eddie, olga):
        person.get(address(world, "/send-again"))
    eddie.submit("Send again")
    olga.submit("Send again")
    assert "so it can’t be sent again now" in olga.text
    assert states(world) == ["refused", "pending"]


def test_who_may_not_edit_customers_is_not_offered_it(browser: Open, world: World) -> None:
    settle(world)
    vera = browser(VERA)
    vera.get(address(world))
    assert "Send again" not in vera.text
    assert vera.get(address(world, "/send-again")).status_code == 403


def test_what_an_operator_found_stands_on_the_page(browser: Open, world: World) -> None:
    delivery_id = settle(world, mail_deliveries.record_no_reply)
    reason = NotArrivedReason.RELAY_LOG

    def unit() -> None:
        delivery = mail_deliveries.get(delivery_id)
        customers.record_not_arrived(delivery, by=COMMAND, reason=reason)

    db.write(unit)
    eddie = browser(EDDIE)
    eddie.get(address(world))
    assert "An operator found: the mail server’s log has no such email." in invitation(eddie)
    eddie.get(address(world, "/send-again"))
    assert "The email did not arrive: the mail server’s log has no such email." in eddie.text
    eddie.get(address(world, "/history"))
    assert (
        "An operator found that the invitation’s email did not arrive: the mail server’s log has "
        "no such email." in eddie.text
    )


UNKNOWN = {
    "restored": "The portal was restored from a backup",
    "worker-died": "The portal stopped while it handed the email over.",
    "fault": "The portal failed while it handed the email over.",
    "": "The mail server gave no answer after the text was sent.",
}


@pytest.mark.parametrize("code", UNKNOWN)
def test_an_unknown_delivery_says_its_true_reason(browser: Open, world: World, code: str) -> None:
    settle(world, mail_deliveries.record_no_reply, code)
    vera = browser(VERA)
    vera.get(address(world))
    assert UNKNOWN[code] in invitation(vera)
    assert sum(reason in invitation(vera) for reason in UNKNOWN.values()) == 1


def test_a_reminder_is_suggested_a_week_after_the_newest_mail(
    browser: Open, world: World, clock: Clock
) -> None:
    settle(world)
    clock.forward(days=8)
    eddie = browser(EDDIE)
    eddie.get(address(world, "/send-again"))
    eddie.submit("Send again")
    settle(world, mail_deliveries.record_sent)
    eddie.get(address(world))
    assert "Waits for the customer to confirm." in eddie.text
