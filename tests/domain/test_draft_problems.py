"""What speaks against a new customer: addresses and numbers in use, fields out of shape."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from portal import db
from portal.domain import access, customers, invitations
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Filter
from portal.domain.errors import Refused
from tests.domain.test_adding import add, refusal
from tests.support.world import (
    CARL,
    DORA,
    NINA,
    OLGA,
    SAM,
    VERA,
    World,
    actor,
    draft,
    user,
)

INN = "7707083893"


def decline(email: str) -> None:
    def unit() -> None:
        customers.decline(invitations.open_for(actor(email))[0], by=actor(email))

    db.write(unit)


@pytest.mark.parametrize("email", [CARL, CARL.upper(), f"  {CARL.title()} ", NINA])
def test_two_live_customers_never_share_an_address(app: object, world: World, email: str) -> None:
    refused = refusal(world.north, draft(email))
    assert (refused.code, refused.field) == ("email-taken", "invitation_email")
    assert refused.facts["twin"] == ("Nina GmbH" if email == NINA else "Carl & Sons")


@pytest.mark.parametrize("email", ["c.arl@customer.example", "carl+2@customer.example"])
def test_an_address_with_other_dots_or_a_plus_is_somebody_else(
    app: object, world: World, email: str
) -> None:
    assert add(world.north, draft(email)).invitation_email == email


def test_an_international_domain_is_one_address_in_both_its_forms(
    app: object, world: World
) -> None:
    add(world.north, draft("info@bücher.example"))
    assert refusal(world.north, draft("INFO@xn--bcher-kva.example")).code == "email-taken"


def test_the_address_of_an_inactive_customer_is_free_again(app: object, world: World) -> None:
    decline(CARL)
    again = add(world.north, draft(CARL))
    assert again.id != world.carls_customer
    assert again.subaccount_id != world.carls_subaccount
    assert [asked.subaccount_id for asked in invitations.open_for(actor(CARL))] == [
        again.subaccount_id
    ]


def test_another_partner_invites_the_same_person_and_learns_nothing(
    app: object, world: World
) -> None:
    south = db.session.get_one(BillingAccount, world.south)
    assert customers.find_problems(south, draft(CARL, tin="123", reference="R1")) == []
    added = add(world.south, draft(CARL), by=SAM)
    names = [row.name for row in customers.page_for(actor(SAM), south, Filter())]
    assert names == ["New Client", "Elsewhere"]
    assert [line.action for line in customers.history_of(added)] == ["customer.add"]
    assert len(invitations.open_for(actor(CARL))) == 2


def test_a_tax_number_used_twice_is_a_warning_that_may_be_meant(app: object, world: World) -> None:
    add(world.north, draft("one@client.example", name="First", country="RU", tin=INN))
    second = draft("two@client.example", country="RU", tin=f" {INN} ")
    refused = refusal(world.north, second)
    assert (refused.code, refused.field, refused.facts) == ("tin-taken", "tin", {"twin": "First"})
    assert add(world.north, second, same_tin_is_meant=True).tin == INN


def test_another_partners_tax_number_is_no_warning(app: object, world: World) -> None:
    add(world.south, draft("one@client.example", country="RU", tin=INN), by=SAM)
    assert add(world.north, draft("two@client.example", country="RU", tin=INN)).tin == INN


@pytest.mark.parametrize("email", [OLGA, VERA, VERA.upper()])
def test_staff_is_never_their_own_partners_customer(app: object, world: World, email: str) -> None:
    refused = refusal(world.north, draft(email))
    assert (refused.code, refused.field) == ("email-is-staff", "invitation_email")
    assert add(world.south, draft(email), by=SAM).partner_id == world.south


@pytest.mark.both_databases
def test_staff_whose_role_begins_later_is_staff(app: object, world: World) -> None:
    def promise() -> None:
        partner = db.lock(BillingAccount, world.north)
        access.assign_account_role(
            AccountRole.VIEWER, to=user(DORA).id, account=partner, by=actor(OLGA)
        )
        row = db.session.query(access.AccountAccess).filter_by(user_id=user(DORA).id)
        row.filter_by(account_id=world.north).one().effective_at += timedelta(minutes=3)

    db.write(promise)
    assert refusal(world.north, draft(DORA)).code == "email-is-staff"


def test_a_reference_is_unique_per_partner(app: object, world: World) -> None:
    add(world.north, draft("one@client.example", name="First", reference="K-1"))
    refused = refusal(world.north, draft("two@client.example", reference=" K-1 "))
    assert (refused.code, refused.field) == ("reference-taken", "reference")
    assert refused.facts == {"twin": "First"}
    assert add(world.south, draft("two@client.example", reference="K-1"), by=SAM).reference == "K-1"


def test_customers_without_a_reference_or_tax_number_do_not_collide(
    app: object, world: World
) -> None:
    add(world.north, draft("one@client.example"))
    assert add(world.north, draft("two@client.example")).reference == ""


@pytest.mark.parametrize("settings", [{"CUSTOMER_EMAIL_DOMAINS": "yandex.ru, *.corp.example"}])
def test_the_installation_may_restrict_the_domains_of_customers(app: object, world: World) -> None:
    for email in ("ann@yandex.ru", "bob@YANDEX.RU", "ann@team.corp.example"):
        assert add(world.north, draft(email)).status == "SUBACCOUNT-ACCEPTANCE-REQUIRED"
    for email in ("a@corp.example", "a@yandex.com", "a@notyandex.ru", "a@yandex.ru.example"):
        refused = refusal(world.north, draft(email))
        assert (refused.code, refused.field) == ("email-domain", "invitation_email")
        assert refused.facts["domains"] == ("yandex.ru", "*.corp.example")


@pytest.mark.parametrize("email", [VERA, OLGA])
def test_anyone_of_the_staff_may_be_the_manager(app: object, world: World, email: str) -> None:
    assert add(world.north, draft(manager_id=user(email).id)).manager_id == user(email).id


@pytest.mark.parametrize("who", [NINA, SAM, "nobody", "\x00", "x" * 10_000, "' OR 1=1 --"])
def test_the_manager_is_one_of_the_staff(app: object, world: World, who: str) -> None:
    ident = user(who).id if "@" in who else who
    refused = refusal(world.north, draft(manager_id=ident))
    assert (refused.code, refused.field) == ("manager-not-staff", "manager_id")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "required"),
        ("name", " \u00a0 ", "required"),
        ("name", "x" * 201, "too-long"),
        ("name", "a\x00b", "control-character"),
        ("name", "a\u202eb", "direction-character"),
        ("name", "\u200b", "invisible-character"),
        ("invitation_email", "", "required"),
        ("invitation_email", "two@at@signs.example", "email-at-sign"),
        ("invitation_email", "a@b.example\r\nBcc: c@d.example", "line-break"),
        ("invitation_email", "анна@client.example", "email-local-letter"),
        ("invitation_email", "ann@clіent.example", "email-look-alike"),
        ("country", "", "required"),
        ("country", "XX", "country-unknown"),
        ("tin", "DE136695977", "tax-check-digits"),
        ("phone", "12", "phone-short"),
        ("email", "nobody", "email-at-sign"),
        ("longname", "x" * 301, "too-long"),
        ("legal_address", "x" * 501, "too-long"),
        ("post_address", "x" * 501, "too-long"),
        ("post_code", "x" * 21, "too-long"),
        ("description", "x" * 2001, "too-long"),
        ("reference", "x" * 101, "too-long"),
    ],
)
def test_a_malformed_field_is_refused_by_its_name(field: str, value: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        replace(draft(), **{field: value}).normalised()
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize("country", ["RU", "KZ"])
def test_russia_and_kazakhstan_need_a_tax_number(country: str) -> None:
    with pytest.raises(Refused) as caught:
        draft(country=country).normalised()
    assert (caught.value.code, caught.value.field) == ("required", "tin")


def test_a_malformed_draft_is_refused_by_the_verb_too(app: object, world: World) -> None:
    refused = refusal(world.north, draft(phone="not a phone"))
    assert (refused.code, refused.field) == ("phone-characters", "phone")


def test_what_was_typed_is_kept_in_one_form(app: object, world: World) -> None:
    added = add(
        world.north,
        draft(
            " Ann@BÜCHER.example ",
            name="  Bücher   &  Söhne ",
            country="DE",
            phone="030 901820",
            tin="de 136695976",
            description="one\r\ntwo",
        ),
    )
    assert added.invitation_email == "Ann@bücher.example"
    assert (added.name, added.phone) == ("Bücher & Söhne", "+4930901820")
    assert (added.tin, added.description) == ("DE136695976", "one\ntwo")


def test_all_that_speaks_against_a_draft_is_said_at_once(app: object, world: World) -> None:
    add(world.north, draft("one@client.example", country="RU", tin=INN, reference="K-1"))
    partner = db.session.get_one(BillingAccount, world.north)
    wrong = draft(CARL, tin=INN, reference="K-1", manager_id="nobody")
    assert [problem.code for problem in customers.find_problems(partner, wrong)] == [
        "email-taken",
        "reference-taken",
        "manager-not-staff",
        "tin-taken",
    ]
