"""First steps: a new partner is led to the first linked cloud, by what has happened so far."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import customers, first_steps, invitations
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from tests.support.answers import links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.clouds import OWNER, assign_account_role, assign_cloud_role, create_cloud
from tests.support.new_customer import add_customer
from tests.support.page import text_of
from tests.support.world import CARL, DORA, EDDIE, OLGA, TINA, VERA, World, actor, link_cloud

Open = Callable[..., Browser]
STEPS = ["Switch to paid", "Add the first customer", "Copy the confirmation link", "Link a cloud"]


def opened(client: Browser, account_id: str, rest: str = "") -> Browser:
    assert client.get(f"/partner/{account_id}/customers{rest}").status_code == 200
    return client


def steps(client: Browser) -> list[str]:
    """What the checklist of the last page says of each step; the one to take now has a ▸."""
    return [
        ("▸ " if item.get("aria-current") == "step" else "") + text_of(next(item.iter("h3")))
        for section in client.page.iter("section")
        if section.get("id") == "steps"
        for item in section.iter("li")
    ]


def at(number: int) -> list[str]:
    """A checklist on which so many steps are done."""
    done, (now, *rest) = STEPS[:number], STEPS[number:]
    return [*(f"{step} – done" for step in done), f"▸ {now}", *rest]


def accept() -> None:
    db.write(lambda: customers.accept(invitations.open_for(actor(CARL))[0], by=actor(CARL)))


def copy(customer_id: str, email: str) -> None:
    db.write(lambda: customers.copy_link(db.lock(Customer, customer_id), by=actor(email)))


def copies(customer_id: str) -> int:
    lines = db.read(lambda: customers.history_of(db.session.get_one(Customer, customer_id)))
    return [line.action for line in lines].count("invitation.copy_link")


def test_a_new_partner_is_led_from_trial_to_the_first_linked_cloud(
    browser: Open, world: World
) -> None:
    tina = opened(browser(TINA), world.trial)
    assert steps(tina) == at(0)
    assert tina.text.count("Adding customers needs the paid consumption mode.") == 1
    tina.click("Switch to paid")
    tina.submit("Switch to paid")
    assert steps(tina) == at(1)
    assert "one email that asks for their confirmation" in tina.text
    tina.click("Add customer")
    tina.submit("Add", name="First GmbH", invitation_email=CARL, country="DE")
    assert steps(opened(tina, world.trial)) == at(2)
    tina.click("Go to the link")
    tina.submit("I have copied it")
    assert "Link copied by Tina Trial" in tina.text
    assert steps(opened(tina, world.trial)) == at(3)
    assert "Once a customer has confirmed" in tina.text
    accept()
    opened(tina, world.trial).click("Go to the customer’s clouds")
    assert "Linked to the subaccount" in tina.text
    first = db.read(lambda: db.session.query(Customer).filter_by(name="First GmbH").one())
    cloud_id = create_cloud(CARL)
    db.write(lambda: link_cloud(cloud_id, first.subaccount_id, actor(CARL)))
    assert steps(opened(tina, world.trial)) == []
    assert "First steps" not in tina.text


def test_a_customer_who_confirms_needs_no_link(browser: Open, world: World) -> None:
    south = browser("sam@south.example")
    assert steps(opened(south, world.south)) == at(2)
    assert steps(opened(browser(OLGA), world.north)) == at(3)


@pytest.mark.parametrize("role", [AccountRole.ADMIN, AccountRole.VIEWER])
def test_who_may_not_take_a_step_reads_who_can(
    browser: Open, world: World, role: AccountRole
) -> None:
    assign_account_role(DORA, role, world.trial)
    dora = opened(browser(DORA), world.trial)
    assert "An owner can switch it in the console under Billing" in dora.text
    assert "Switch to paid" not in links(dora)
    tina = opened(browser(TINA), world.trial)
    tina.click("Switch to paid")
    tina.submit("Switch to paid")
    opened(dora, world.trial)
    may_add = role is AccountRole.ADMIN
    assert ("Add customer" in links(dora)) == may_add
    assert ("An owner, admin or editor of this account can add" in dora.text) != may_add


def test_each_hides_them_for_themselves_and_finds_them_again(browser: Open, world: World) -> None:
    vera, eddie = browser(VERA), browser(EDDIE)
    opened(vera, world.north).submit("Hide the first steps")
    assert steps(vera) == []
    assert steps(opened(eddie, world.north)) == at(3)
    opened(vera, world.north).click("First steps: 3 of 4 done")
    assert steps(vera) == at(3)
    vera.submit("Show above the customers")
    assert steps(vera) == at(3)


def test_nobody_is_told_twice_in_trial(browser: Open, world: World) -> None:
    tina = opened(browser(TINA), world.trial)
    tina.submit("Hide the first steps")
    assert tina.text.count("Adding customers needs the paid consumption mode.") == 1
    assert "No customers yet" in tina.text
    (button,) = (b for b in tina.page.iter("button") if text_of(b) == "Add customer")
    assert button.get("aria-describedby") == "trial"


def test_a_list_that_is_filtered_or_long_shows_none(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga = browser(OLGA)
    assert steps(opened(olga, world.north, "?q=nina")) == []
    assert steps(opened(olga, world.north, "?status=Active")) == []
    add_customer(world)
    monkeypatch.setattr(customers, "PAGE", 2)
    assert steps(opened(olga, world.north)) == []


def test_an_open_page_changes_only_when_something_has_happened(browser: Open, world: World) -> None:
    olga = opened(browser(OLGA), world.north)
    asked = {"HX-Request": "true"}
    (section,) = (e for e in olga.page.iter("section") if e.get("id") == "steps")
    poll = section.attrib["hx-get"]
    assert olga.get(poll, headers=asked).status_code == 204
    assign_cloud_role(CARL, world.doras_cloud, OWNER)
    accept()
    answer = olga.get(poll, headers=asked)
    assert answer.text.lstrip().startswith("<section")
    subaccount = db.session.get_one(BillingAccount, world.ninas_subaccount)
    assign_account_role(CARL, AccountRole.EDITOR, subaccount.id)
    db.write(lambda: link_cloud(world.doras_cloud, subaccount.id, actor(CARL)))
    olga.get(poll, headers=asked)
    assert "All set." in notices(olga, "success")[0]
    assert "hx-get" not in answer.text.partition("All set")[2]


def test_an_open_list_is_loaded_again_once_customers_can_be_added(
    browser: Open, world: World
) -> None:
    """Its head says so too, which the checklist can't change."""
    tina = opened(browser(TINA), world.trial)
    (section,) = (e for e in tina.page.iter("section") if e.get("id") == "steps")
    elsewhere = browser(TINA)
    opened(elsewhere, world.trial).click("Switch to paid")
    elsewhere.submit("Switch to paid")
    answer = tina.get(section.attrib["hx-get"], headers={"HX-Request": "true"})
    assert (answer.headers["HX-Refresh"], answer.text) == ("true", "")
    (section,) = (e for e in elsewhere.page.iter("section") if e.get("id") == "steps")
    assert elsewhere.get(section.attrib["hx-get"], headers={"HX-Request": "true"}).text == ""


def test_copying_the_link_is_kept_once_with_who_and_when(browser: Open, world: World) -> None:
    copy(world.carls_customer, VERA)
    copy(world.carls_customer, VERA)
    assert copies(world.carls_customer) == 1
    copy(world.carls_customer, EDDIE)
    copy(world.carls_customer, VERA)
    assert copies(world.carls_customer) == 3
    olga = browser(OLGA)
    opened(olga, world.north, f"/{world.carls_customer}")
    assert "Link copied by Vera Viewer" in olga.text
    opened(olga, world.north, f"/{world.carls_customer}/history")
    assert "The confirmation link was copied, to pass it on." in olga.text


def test_the_link_of_who_has_answered_is_not_worth_a_line(browser: Open, world: World) -> None:
    olga = opened(browser(OLGA), world.north, f"/{world.carls_customer}")
    accept()
    before = stored_rows()
    olga.submit("I have copied it")
    assert "Active" in olga.text
    assert stored_rows() == before


def test_hiding_twice_is_once_and_showing_what_shows_does_nothing(
    app: object, world: World
) -> None:
    north = db.session.get_one(BillingAccount, world.north)
    before = stored_rows()
    for _click in range(2):
        db.write(lambda: first_steps.hide(north, by=actor(VERA)))
    assert db.read(lambda: first_steps.first_steps(north, actor=actor(VERA))).is_hidden
    for _click in range(2):
        db.write(lambda: first_steps.show(north, by=actor(VERA)))
    assert stored_rows() == before


def test_a_partner_in_trial_reads_one_link_to_the_guide(browser: Open, world: World) -> None:
    client = opened(browser(TINA), world.trial)
    (card,) = (e for e in client.page.iter("section") if e.get("id") == "steps")
    assert [text_of(a) for a in card.iter("a") if a.get("class") == "help"] == [
        "Help: Switch to the paid mode"
    ]
