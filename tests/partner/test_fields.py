"""Every field of *New customer* against what people and scripts type: a message at the field,
everything kept, nothing written; and what only looks odd is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import customers
from portal.domain.accounts import BillingAccount
from tests.support.answers import definition_list, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.new_customer import (
    NEW_EMAIL,
    VALID,
    add_customer,
    customers_named,
    open_form,
    post_form,
)
from tests.support.odd_inputs import BAD_ADDRESSES, INVISIBLE, LONG, UNUSUAL_NAMES, rendered
from tests.support.page import text_of
from tests.support.world import CARL, DORA, EDDIE, OLGA, SAM, VERA, World, user

Open = Callable[..., Browser]

LINES = ("name", "longname", "post_code", "legal_address", "post_address", "reference")
LIMITS = {"name": 200, "longname": 300, "post_code": 20, "reference": 100, "description": 2000}


def all_refused(
    client: Browser, world: World, typed: dict[str, str], **also: str
) -> dict[str, str]:
    """The form comes back with a message at each of these fields and at no other, and nothing is
    lost; the messages."""
    others = (
        VALID | {"description": "Kept <text>", "longname": "Kept too", "with_cloud": "y"} | also
    )
    assert post_form(client, world, **others | typed).status_code == 422, ascii(typed)[:60]
    said = errors(client)
    assert said.keys() == typed.keys(), (ascii(typed)[:60], said)
    (summary,) = notices(client)
    assert "Nothing is saved and everything you typed is kept." in summary
    assert all(words in summary for words in said.values())
    kept = client.form("/customers/add")
    for field, value in (others | typed).items():
        # What has the right shape is shown in the form in which it would be stored.
        assert kept[field].strip().casefold() == rendered(value).strip().casefold(), field
    return said


def refused(client: Browser, world: World, field: str, typed: str, what: str, **also: str) -> None:
    """The same of one field, whose message says `what`."""
    assert what in all_refused(client, world, {field: typed}, **also)[field], ascii(typed)[:40]


def test_text_that_cannot_be_seen_is_refused_at_its_field(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    breaks = ("C1 control", "line separator")
    for label, typed in INVISIBLE.items():
        # A description has lines; what ends one is none of its characters.
        fields = LINES if label in breaks else (*LINES, "description")
        all_refused(client, world, dict.fromkeys(fields, typed))
    said = all_refused(client, world, dict.fromkeys(LINES, "a\r\nb"))
    assert set(said.values()) == {"This must be one line. Remove the line break."}
    said = all_refused(client, world, dict.fromkeys((*LINES, "description"), LONG))
    for field, words in said.items():
        limit = LIMITS.get(field, 500)
        assert words == f"This has 10,000 characters; at most {limit:,} are possible. Shorten it."
    assert stored_rows() == before


def test_what_is_required_is_asked_for(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for empty in ("", "   ", "\u00a0\t", None):
        nothing = dict.fromkeys(VALID, empty)
        assert post_form(client, world, **nothing, description="Kept").status_code == 422
        assert errors(client) == dict.fromkeys(VALID, "Fill this in; it is required.")
        assert client.form("/customers/add")["description"] == "Kept"
    assert stored_rows() == before


def test_an_address_that_is_none_is_refused_at_its_field(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for typed, what in BAD_ADDRESSES.values():
        said = all_refused(client, world, {"invitation_email": typed, "email": typed})
        assert what in said["email"], ascii(typed)[:40]
        assert what in said["invitation_email"], ascii(typed)[:40]
    assert stored_rows() == before


TAX_NUMBERS = {
    "none in Russia": ("", "RU", "required"),
    "none in Kazakhstan": (" ", "KZ", "required"),
    "a wrong check digit": ("7707083894", "RU", "Compare the INN with the firm’s papers"),
    "a wrong check digit in Germany": ("DE136695977", "DE", "Compare the VAT number"),
    "a wrong check digit in Kazakhstan": ("180740000166", "KZ", "Compare the BIN/IIN"),
    "too few digits": ("770708389", "RU", "The INN has 10 or 12 digits."),
    "another country's": ("FR40303265045", "DE", "begins with the code of another country: France"),
    "another form": ("12", "DE", "not the form of the VAT number in this country: Germany"),
    "no digits": ("n/a", "US", "at least one digit other than 0"),
    "noughts": ("000000000", "US", "at least one digit other than 0"),
    "one digit": ("1", "US", "2 to 30 characters"),
    "too long": (LONG, "US", "at most 60"),
    "NUL": ("7707\x00083893", "RU", "not accepted"),
    "control": ("7707\x07083893", "RU", "not accepted"),
    "a line break": ("7707\r\n083893", "RU", "one line"),
    "emoji": ("🚀🚀🚀", "US", "letters, digits"),
    "HTML": ("<b>77</b>", "US", "letters, digits"),
    "SQL": ("1' OR '1'='1", "US", "letters, digits"),
}


def test_a_tax_number_that_is_none_is_refused_at_its_field(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for typed, country, what in TAX_NUMBERS.values():
        refused(client, world, "tin", typed, what, country=country)
    assert stored_rows() == before


PHONES = {
    "too short": ("495 123", "RU", "too short"),
    "too long": ("0" * 20, "DE", "too long"),
    "another country's, too long here": ("8 (495) 123-45-67", "IS", "too long for its country"),
    "another country's, too short here": ("030 901820", "RU", "too short for its country"),
    "no such country code": ("+999 12345", "DE", "country is not known"),
    "a word": ("call me", "DE", "digits, spaces"),
    "an extension": ("030 901820 ext 5", "DE", "without an extension"),
    "10,000 characters": (LONG, "DE", "at most 60"),
    "10,000 digits": ("1" * 10_000, "DE", "at most 60"),
    "NUL": ("030\x00901820", "DE", "not accepted"),
    "control": ("030\x07901820", "DE", "not accepted"),
    "a line break": ("030 901820\r\n110", "DE", "one line"),
    "emoji": ("📞", "DE", "digits, spaces"),
    "HTML": ("<b>030</b>", "DE", "digits, spaces"),
}


def test_a_phone_that_is_none_is_refused_at_its_field(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for typed, country, what in PHONES.values():
        tin = "7707083893" if country == "RU" else ""
        refused(client, world, "phone", typed, what, country=country, tin=tin)
    assert stored_rows() == before


def test_without_a_country_its_numbers_are_not_blamed(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    typed = {"tin": "DE136695976", "phone": "030 901820"}
    first = "Choose the country first; the number is read by its rules."
    for country in ("", "XX", "EU", "D", "DEU", "🇩🇪", "<b>", "D\x00", LONG):
        assert post_form(client, world, country=country, **typed).status_code == 422
        missing = "Choose a country from the list." if country else "Fill this in; it is required."
        assert errors(client) == {"country": missing, "tin": first, "phone": first}
        assert client.form("/customers/add").items() >= typed.items()
    assert stored_rows() == before


def test_a_manager_is_one_of_the_staff(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    offered = [text_of(o) for o in client.page.iter("option") if o.get("value", "")[:3] == "aje"]
    assert offered == ["Ace Accountant", "Amir Admin", "Eddie Editor", "Olga Owner", "Vera Viewer"]
    strangers = (user(SAM).id, user(CARL).id, "aje" + "0" * 17, "none", "\x00", "<b>", LONG, "🚀")
    for manager_id in strangers:
        assert post_form(client, world, manager_id=manager_id).status_code == 422, manager_id[:30]
        assert errors(client) == {"manager_id": "Choose one of your staff."}
        assert client.form("/customers/add").items() >= VALID.items()
    assert stored_rows() == before


def test_an_address_of_ones_own_staff_is_no_customers(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for staff in (OLGA, VERA.upper(), f" {EDDIE} "):
        refused(client, world, "invitation_email", staff, "belongs to your own staff")
    assert stored_rows() == before
    assert post_form(client, world, invitation_email=DORA).status_code == 303


def test_one_address_is_one_customers_in_whatever_case(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for twin in (CARL, CARL.upper(), " Carl@Customer.Example "):
        refused(client, world, "invitation_email", twin, "Carl & Sons already uses this address.")
    assert stored_rows() == before


def test_a_reference_stands_once(browser: Open, world: World) -> None:
    add_customer(world, "twin@client.example", name="Twin & Co", reference="K-17")
    client, before = open_form(browser(OLGA), world), stored_rows()
    for twin in ("K-17", "  K-17 "):
        refused(client, world, "reference", twin, "Twin & Co already has this reference.")
    assert stored_rows() == before


@pytest.mark.parametrize("settings", [{"CUSTOMER_EMAIL_DOMAINS": "yandex.ru, *.client.example"}])
def test_where_domains_are_prescribed_others_are_refused(browser: Open, world: World) -> None:
    client, before = open_form(browser(OLGA), world), stored_rows()
    for foreign in (NEW_EMAIL, "ann@yandex.ru.evil.example", "ann@notyandex.ru"):
        what = "The customer’s address must be in: yandex.ru, *.client.example."
        refused(client, world, "invitation_email", foreign, what)
    assert stored_rows() == before
    assert post_form(client, world, invitation_email="Ann@YANDEX.RU").status_code == 303


def test_all_errors_show_at_once_in_the_order_of_the_page(browser: Open, world: World) -> None:
    add_customer(world, "twin@client.example", name="Twin & Co", reference="K-17")
    client, before = open_form(browser(OLGA), world), stored_rows()
    wrong = {
        "name": "\x07",
        "invitation_email": CARL,
        "tin": "7707083894",
        "longname": LONG,
        "phone": "1",
        "email": "nobody",
        "post_code": "x" * 21,
        "legal_address": "\u202e",
        "post_address": "a\nb",
        "reference": "K-17",
        "manager_id": user(SAM).id,
        "description": "\x00",
    }
    assert post_form(client, world, **wrong, country="RU").status_code == 422
    assert list(errors(client)) == list(wrong)
    (summary,) = notices(client)
    assert summary.startswith("12 fields need another look.")
    inside = [href for href in links(client).values() if href.startswith("#")]
    assert inside == ["#main", *(f"#{field}" for field in wrong)]
    invalid = [e.get("name") for e in client.page.iter() if e.get("aria-invalid") == "true"]
    assert invalid == list(wrong)
    assert stored_rows() == before


def test_odd_text_is_taken_and_shown_as_it_is(browser: Open, world: World) -> None:
    client = browser(OLGA)
    shown_as = ("Legal name", "Legal address", "Postal address", "Own reference", "Description")
    for number, (typed, kept) in enumerate(UNUSUAL_NAMES.values()):
        fields = [f for f in (*LINES, "description") if len(typed) <= LIMITS.get(f, 500)]
        changes = dict.fromkeys(fields, typed) | {"invitation_email": f"n{number}@client.example"}
        answer = post_form(open_form(client, world), world, **changes)
        assert answer.status_code == 303, (ascii(typed), errors(client))
        page = client.get(answer.location)
        text = " ".join((kept or typed).split())
        assert text_of(next(client.page.iter("h1"))) == text
        assert {definition_list(client)[label] for label in shown_as} == {text}
        assert definition_list(client).get("Post code") == (text if "post_code" in fields else None)
        assert "<script>alert" not in page.text


def test_a_name_of_the_greatest_length_is_taken(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    assert post_form(client, world, name="й" * 200).status_code == 303
    client.get(f"/partner/{world.north}/customers")
    assert "й" * 200 in client.text


@pytest.mark.parametrize(
    ("field", "typed", "country", "label", "kept"),
    [
        ("tin", "de 136-695-976", "DE", "Tax number", "DE136695976"),
        ("tin", "136695976", "DE", "Tax number", "DE136695976"),
        ("tin", "٧٧٠٧٠٨٣٨٩٣", "RU", "Tax number", "7707083893"),
        ("tin", "98-7654321", "US", "Tax number", "987654321"),
        ("phone", "8 (495) 123-45-67", "RU", "Phone", "+7 495 123-45-67"),
        ("phone", "+49 30 901820", "RU", "Phone", "+49 30 901820"),
        ("phone", "+1 202 555 0100", "DE", "Phone", "+1 202-555-0100"),
        ("email", " Office@CLIENT.example ", "DE", "Contact e-mail", "Office@client.example"),
        ("invitation_email", "a@münchen.example", "DE", "Cloud account", "a@münchen.example"),
        ("invitation_email", "a+b.c@client.example", "DE", "Cloud account", "a+b.c@client.example"),
        ("country", "DE", "DE", "Country", "Germany"),
        ("description", "a\u2028b\x85c", "DE", "Description", "a b c"),
    ],
)
def test_a_value_is_kept_in_one_form(
    *, browser: Open, world: World, field: str, typed: str, country: str, label: str, kept: str
) -> None:
    client = open_form(browser(OLGA), world)
    rest = {} if field == "tin" or country != "RU" else {"tin": "7707083893"}
    answer = post_form(client, world, **{"country": country, field: typed} | rest)
    assert answer.status_code == 303, errors(client)
    client.get(answer.location)
    assert definition_list(client)[label] == kept


def test_unknown_fields_change_nothing(browser: Open, world: World) -> None:
    client = open_form(browser(OLGA), world)
    foreign = {
        "partner_id": world.south,
        "status": "Active",
        "subaccount_id": world.ninas_subaccount,
    }
    post_form(client, world, **foreign, id="cst" + "0" * 17)
    (record,) = customers_named("New Client")
    assert record.partner_id == world.north
    assert record.subaccount_id != world.ninas_subaccount
    assert record.status is customers.Status.WAITING
    assert (
        db.read(lambda: db.session.get(BillingAccount, record.subaccount_id)).parent_id
        == world.north
    )  # type: ignore[union-attr]
