"""*New customer* → *Add*: who may, what happens, and that it happens once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, idempotency
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Status
from tests.support.answers import csrf_token, definition_list, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to
from tests.support.new_customer import (
    NEW_EMAIL,
    VALID,
    add_customer,
    customers_named,
    open_form,
    post_form,
)
from tests.support.world import (
    ACE,
    AMIR,
    EDDIE,
    OLGA,
    PASSWORD,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    user,
)

Open = Callable[..., Browser]

TIN = "DE136695976"


def test_a_new_customer_from_the_list_to_its_page(browser: Open, world: World) -> None:
    client = browser(OLGA)
    client.get(f"/partner/{world.north}/customers")
    client.click("Add customer")
    assert client.form("/add")["with_cloud"] == "y"
    answer = client.submit(
        "Add",
        name="  Grace  &  Co ",
        invitation_email="Grace@Client.EXAMPLE",
        country="DE",
        tin="de 136 695 976",
        longname="Grace & Co GmbH",
        phone="030 901820",
        email="office@client.example",
        post_code="10115",
        legal_address="Hauptstraße 1, Berlin",
        reference="K-17",
        manager_id=user(EDDIE).id,
        description="First line.\n\n\n\nSecond line.",
    )
    (record,) = customers_named("Grace & Co")
    assert answer.request.path == f"/partner/{world.north}/customers/{record.id}"
    assert notices(client, "success") == ["Grace & Co is added. The email to them is queued."]
    assert "SUBACCOUNT-ACCEPTANCE-REQUIRED" in client.text
    assert "The email is only sent once!" in client.text
    shown = definition_list(client)
    assert shown["Subaccount"] == record.subaccount_id
    assert shown["Cloud default"] == record.default_cloud_id
    assert re.fullmatch(r"b1g[0-9a-v]{17}", shown["Folder default"])
    link = f"http://localhost/invite/accept/{record.subaccount_id}"
    assert [e.get("value") for e in client.page.iter("input") if e.get("id") == "link"] == [link]
    assert {e.get("data-copy") for e in client.page.iter("button")} > {link, record.subaccount_id}
    assert (
        shown.items()
        >= {
            "Cloud account": "Grace@client.example",
            "Legal name": "Grace & Co GmbH",
            "Country": "Germany",
            "Tax number": TIN,
            "Phone": "+49 30 901820",
            "Contact e-mail": "office@client.example",
            "Post code": "10115",
            "Legal address": "Hauptstraße 1, Berlin",
            "Postal address": "the same",
            "Own reference": "K-17",
            "Account manager": "Eddie Editor",
            "Description": "First line. Second line.",
        }.items()
    )
    assert record.description == "First line.\n\nSecond line."
    (letter,) = mails_to("Grace@client.example")
    assert f"http://localhost{link_in(letter)}" == link
    client.click("Customers")
    assert list(client.page.iter("tr"))[1].find("th/a/bdi").text == "Grace & Co"  # type: ignore[union-attr]


def test_without_the_box_there_is_no_cloud(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    before = stored_rows()
    client.submit("Add", **VALID, with_cloud=False)
    assert definition_list(client)["Cloud"] == "none was created"
    assert "Folder default" not in definition_list(client)
    assert stored_rows()["clouds"] == before["clouds"]
    assert "Cloud:" not in mails_to(NEW_EMAIL)[-1].as_string()


@pytest.mark.parametrize("who", [OLGA, AMIR, EDDIE])
def test_owner_admin_and_editor_add_customers(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    client.get(f"/partner/{world.north}/customers")
    client.click("Add customer")
    assert client.submit("Add", **VALID).status_code == 200
    assert customers_named("New Client")


@pytest.mark.parametrize("who", [VERA, ACE])
def test_viewer_and_accountant_add_nobody(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    client.get(f"/partner/{world.north}/customers")
    assert "Carl & Sons" in client.text
    assert "Add customer" not in client.text
    before = stored_rows()
    data = {"csrf_token": csrf_token(client), **VALID}
    for answer in (
        client.get(f"/partner/{world.north}/customers/add"),
        client.post(f"/partner/{world.north}/customers/add", data=data),
    ):
        assert answer.status_code == 403
        assert "Your role does not allow this" in client.text
        assert "Ask an owner of the account" in client.text
    assert stored_rows() == before


def let_eddie_edit(account_id: str) -> None:
    def unit() -> None:
        account = db.lock(BillingAccount, account_id)
        access.assign_account_role(
            AccountRole.EDITOR, to=user(EDDIE).id, account=account, by=COMMAND
        )

    db.write(unit)


@pytest.mark.parametrize(
    ("who", "way_out"),
    [
        (TINA, "Switch it in the console under Billing: free, at any time."),
        (EDDIE, "An owner can switch it in the console under Billing: free, at any time."),
    ],
)
def test_in_trial_adding_is_disabled_with_its_reason_and_the_way_out(
    browser: Open, world: World, who: str, way_out: str
) -> None:
    let_eddie_edit(world.trial)
    client = browser(who)
    before = stored_rows()
    home = f"/partner/{world.trial}/customers"
    client.get(home)
    (button,) = (e for e in client.page.iter("button") if "".join(e.itertext()) == "Add customer")
    assert button.get("aria-disabled") == "true"
    assert button.get("type") == "button"
    assert "Add customer" not in links(client)
    (reason,) = (e for e in client.page.iter("div") if e.get("id") == "trial")
    assert button.get("aria-describedby") == "trial"
    assert "Adding customers needs the paid consumption mode." in "".join(reason.itertext())
    assert way_out in client.text
    grant = "What is left of the initial grant (€4,000.00) stays and pays first"
    assert (grant in client.text) == (who == TINA)  # an editor does not see money
    assert links(client)["Billing"] == f"/console/billing/{world.trial}"
    data = {"csrf_token": csrf_token(client), **VALID}
    for answer in (client.get(f"{home}/add"), client.post(f"{home}/add", data=data)):
        assert answer.status_code == 422
        assert "Adding customers needs the paid consumption mode." in client.text
        assert "under Billing" in client.text
    assert stored_rows() == before


def test_a_form_sent_twice_adds_one_customer(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    form = client.form("/customers/add")
    first = post_form(client, world)
    before = stored_rows()
    second = post_form(client, world, **form | VALID)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert stored_rows() == before
    assert len(customers_named("New Client")) == 1
    assert len(mails_to(NEW_EMAIL)) == 1


@pytest.mark.parametrize(
    "changes", [{"name": "Another"}, {"invitation_email": "else@client.example"}, {"tin": TIN}]
)
def test_a_sent_form_with_other_contents_is_refused(
    browser: Open, world: World, changes: dict[str, str]
) -> None:
    client = open_form(browser(OLGA), world)
    form = client.form("/customers/add")
    post_form(client, world)
    before = stored_rows()
    answer = post_form(client, world, **form | VALID | changes)
    assert answer.status_code == 422
    assert "This form was sent already, with other contents." in notices(client)[0]
    assert client.form("/customers/add").items() >= changes.items()
    assert stored_rows() == before


def test_one_key_of_two_people_is_two_forms(browser: Open, world: World) -> None:
    olga, eddie = open_form(browser(OLGA), world), open_form(browser(EDDIE), world)
    key = olga.form("/customers/add")["form_key"]
    assert post_form(olga, world).status_code == 303
    other = {"name": "Other", "invitation_email": "other@client.example"}
    assert post_form(eddie, world, form_key=key, **other).status_code == 303
    assert len(customers_named("Other")) == 1


@pytest.mark.parametrize("key", [None, "", "short", "a" * 65, "\x00" * 20, "k" * 10_000, "a b" * 9])
def test_a_form_without_a_good_key_is_refused(browser: Open, world: World, key: str | None) -> None:
    client = open_form(browser(OLGA), world)
    before = stored_rows()
    assert post_form(client, world, form_key=key).status_code == 422
    assert "Reload this page." in notices(client)[0]
    assert client.form("/customers/add")["name"] == "New Client"
    assert stored_rows() == before


def test_a_key_is_kept_for_a_day_at_least(browser: Open, world: World, clock: Clock) -> None:
    client = open_form(browser(OLGA), world)
    form = client.form("/customers/add")
    post_form(client, world)
    clock.forward(hours=25)
    db.write(idempotency.purge_expired)
    again = open_form(browser(OLGA), world)
    fresh = again.form("/customers/add")["csrf_token"]
    assert post_form(again, world, **form | VALID | {"csrf_token": fresh}).status_code == 303
    assert len(customers_named("New Client")) == 1


def test_a_stale_token_keeps_everything_typed(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    typed = {"description": "Kept", "manager_id": user(EDDIE).id, "with_cloud": None}
    before = stored_rows()
    for stale in ("stale", "", None):
        assert post_form(client, world, csrf_token=stale, **typed).status_code == 422
        assert "press the button again" in notices(client)[0]
        form = client.form("/customers/add")
        assert form.items() >= {**VALID, "description": "Kept"}.items()
        assert form["manager_id"] == user(EDDIE).id
        assert "with_cloud" not in form
        assert stored_rows() == before
    client.submit("Add")
    assert len(customers_named("New Client")) == 1


def test_a_form_sent_after_the_session_ended_is_shown_again_and_adds_nobody_by_itself(
    browser: Open, world: World, clock: Clock
) -> None:
    client = open_form(browser(OLGA), world)
    clock.forward(hours=1)
    typed = {**VALID, "name": "Ünï & <Co>", "description": "a\nb", "manager_id": user(EDDIE).id}
    answer = client.submit("Add", **typed, with_cloud=False)
    assert (answer.status_code, answer.request.path) == (422, "/sign-in")
    assert not customers_named("Ünï & <Co>")
    client.submit("Sign in", email=OLGA, password=PASSWORD)
    assert not customers_named("Ünï & <Co>")
    form = client.form("/customers/add")
    assert form.items() >= typed.items()
    assert "with_cloud" not in form
    assert not errors(client)
    client.submit("Add")
    (record,) = customers_named("Ünï & <Co>")
    assert record.default_cloud_id is None


def test_another_partner_may_invite_the_same_person_and_neither_learns_of_it(
    browser: Open, world: World
) -> None:
    client = open_form(browser(OLGA), world)
    answer = client.submit("Add", **VALID | {"invitation_email": "other@else.example"})
    assert answer.status_code == 200
    assert "Elsewhere" not in client.text
    assert "South" not in client.text


def test_an_address_is_free_again_after_declining(browser: Open, world: World) -> None:
    carl = browser("carl@customer.example")
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    carl.submit("Decline")
    client = open_form(browser(OLGA), world)
    client.submit("Add", **VALID | {"invitation_email": "carl@customer.example"})
    assert customers_named("New Client")[0].status is Status.WAITING


def test_the_same_tax_number_is_a_warning_to_be_confirmed(browser: Open, world: World) -> None:
    add_customer(world, "twin@client.example", name="Twin GmbH", tin=TIN)
    client = open_form(browser(OLGA), world)
    assert "same_tin_is_meant" not in client.form("/customers/add")
    assert "Another customer has the same tax number" not in client.text
    before = stored_rows()
    answer = client.submit("Add", **VALID, tin="136 695 976")
    assert answer.status_code == 422
    assert errors(client)["tin"] == (
        "Twin GmbH has the same tax number. If that is meant, tick the box below and add again."
    )
    assert stored_rows() == before
    client.submit("Add", same_tin_is_meant=True, name="")
    assert errors(client).keys() == {"name"}
    assert client.form("/customers/add")["same_tin_is_meant"] == "y", "the tick is kept"
    client.submit("Add", name="New Client")
    assert definition_list(client)["Tax number"] == TIN


def test_another_partners_tax_numbers_warn_nobody(browser: Open, world: World) -> None:
    sam = browser(SAM)
    sam.get(f"/partner/{world.south}/customers/add")
    sam.submit("Add", **VALID, tin=TIN, reference="K-17")
    client = open_form(browser(OLGA), world)
    assert client.submit("Add", **VALID, tin=TIN, reference="K-17").status_code == 200
    assert len(customers_named("New Client")) == 2
