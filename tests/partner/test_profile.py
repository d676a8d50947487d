"""The Profile tab: the firm's fields and logo, for its owners; where its customers read them."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from portal import db
from portal.domain import partner_profiles
from portal.domain.accounts import BillingAccount
from portal.domain.audit import AuditLine
from portal.domain.errors import Refused
from portal.domain.partner_profiles import PartnerProfile, ProfileDraft
from tests.support.answers import definition_list, errors, links, notices, stored_rows
from tests.support.browser import Browser
from tests.support.logos import BAD_PICTURES, PICTURE, picture_file
from tests.support.page import text_of
from tests.support.world import ACE, AMIR, CARL, DORA, EDDIE, NINA, OLGA, SAM, VERA, World, actor

Open = Callable[..., Browser]

FIELDS = {
    "legal_name": "North <b>Integration</b> GmbH",
    "country": "DE",
    "tin": "DE 136 695 976",
    "contact_person": "Olga Owner",
    "support_email": "help&co@north.example",
    "phone": "030 23125182",
    "address": "Kai 1\r\n\r\nHaus B",
    "postal_code": "10115",
    "city": "Berlin",
    "number_prefix": "N-2026/",
}


def path(world: World, suffix: str = "") -> str:
    return f"/partner/{world.north}/profile{suffix}"


def profile(world: World) -> PartnerProfile:
    db.session.rollback()
    return db.session.get_one(PartnerProfile, world.north)


def filled_in(browser: Open, world: World) -> Browser:
    """The profile's page, after its owner has saved it."""
    olga = browser(OLGA)
    olga.get(path(world))
    olga.submit("Save", **FIELDS)
    return olga


def send_logo(client: Browser, world: World, content: bytes, name: str = "a.png") -> TestResponse:
    client.get(path(world, "/logo"))
    response = client.submit("Set logo", logo=(io.BytesIO(content), name))
    response.request.environ["wsgi.input"].close()
    return response


def logo_url(client: Browser) -> str:
    (image,) = (each for each in client.page.iter("img") if each.get("class") == "logo")
    return image.attrib["src"]


def test_an_owner_fills_it_in_and_a_line_names_the_fields(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers")
    assert path(world) in links(olga).values()
    olga.get(path(world))
    olga.submit("Save", **FIELDS)
    assert notices(olga, "success") == ["The profile is saved."]
    kept = FIELDS | {"tin": "DE136695976", "address": "Kai 1\nHaus B", "phone": "+493023125182"}
    assert vars(partner_profiles.draft_of(profile(world))) == kept
    assert "+49 30 23125182" in {field.get("value") for field in olga.page.iter("input")}
    line = db.session.query(AuditLine).filter_by(action="partner.edit_profile").one()
    assert line.facts == {"fields": list(ProfileDraft.__dataclass_fields__)}
    olga.get(f"/partner/{world.north}/activity")
    assert "The firm’s profile was edited: legal name, country, tax number" in olga.text
    olga.get(path(world))
    olga.submit("Save")
    assert profile(world).version == 1, "nothing has changed"


def test_all_errors_are_shown_at_their_fields_and_nothing_is_kept(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(path(world))
    bad = {"legal_name": "", "tin": "DE136695977", "phone": "x", "support_email": "x"}
    more = {"address": "1\n2\n3\n4\n5", "number_prefix": "A_B", "city": "x\u202e"}
    response = olga.submit("Save", **FIELDS | bad | more)
    assert response.status_code == 422
    assert errors(olga).keys() == {*bad, *more}
    assert profile(world).legal_name == ""
    olga.submit("Save", country="RU", tin="")
    assert errors(olga)["tin"] == "Fill this in; it is required."


def test_of_two_tabs_the_second_overwrites_nothing(browser: Open, world: World) -> None:
    first, second = browser(OLGA), browser(OLGA)
    for tab in (first, second):
        tab.get(path(world))
    first.submit("Save", **FIELDS)
    assert second.submit("Save", **FIELDS | {"city": "Bonn"}).status_code == 422
    assert "Somebody else changed this record meanwhile." in second.text
    assert profile(world).city == "Berlin"


def test_the_prefix_stays_once_a_statement_has_a_number(browser: Open, world: World) -> None:
    olga = filled_in(browser, world)

    def number_a_statement() -> None:
        db.session.get_one(PartnerProfile, world.north).last_number = 1

    db.write(number_a_statement)
    assert olga.submit("Save", number_prefix="M-").status_code == 422
    assert errors(olga).keys() == {"number_prefix"}
    olga.submit("Save", number_prefix="N-2026/", city="Bonn")
    assert (profile(world).number_prefix, profile(world).city) == ("N-2026/", "Bonn")


@pytest.mark.parametrize("email", [AMIR, EDDIE, ACE, VERA])
def test_other_staff_have_no_tab_and_are_refused(browser: Open, world: World, email: str) -> None:
    client = browser(email)
    client.get(f"/partner/{world.north}/customers")
    assert path(world) not in links(client).values()
    token = client.form("/sign-out")["csrf_token"]
    before = stored_rows()
    for suffix in ("", "/logo"):
        assert client.get(path(world, suffix)).status_code == 403
        data = {"csrf_token": token, **FIELDS}
        assert client.post(path(world, suffix), data=data).status_code == 403
    answer = client.post(path(world, "/remove-logo"), data={"csrf_token": token})
    assert answer.status_code == 403
    assert stored_rows() == before


def test_an_account_without_partner_status_has_no_profile(app: object, world: World) -> None:
    def unit() -> None:
        direct = db.session.get_one(BillingAccount, world.direct)
        partner_profiles.remove_logo(direct, by=actor(DORA))

    with pytest.raises(Refused, match=r"^not-partner$"):
        db.write(unit)


def test_a_logo_is_set_shown_to_customers_and_removed(browser: Open, world: World) -> None:
    olga, nina = browser(OLGA), browser(NINA)
    send_logo(olga, world, picture_file("JPEG", (64, 64)), "logo.png")
    assert notices(olga, "success") == ["The logo is set."]
    own = logo_url(olga)
    nina.get("/console")
    assert logo_url(nina) == own
    for client in (olga, nina):
        response = client.get(own)
        assert (response.status_code, response.mimetype) == (200, "image/jpeg")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert olga.get(own[:-1]).headers["Cache-Control"] == "no-store", "it may be another by then"
    olga.get(path(world))
    olga.submit("Remove logo")
    assert notices(olga, "success") == ["The logo is removed."]
    assert olga.get(own).status_code == 404
    nina.get("/console")
    assert not list(nina.page.iter("img"))


def test_strangers_and_who_is_only_invited_find_no_logo(browser: Open, world: World) -> None:
    for email in (SAM, DORA, CARL):
        assert browser(email).get(f"/console/logos/{world.north}").status_code == 404


def test_a_file_that_is_no_logo_is_a_sentence_and_the_logo_stays(
    browser: Open, world: World
) -> None:
    olga, before = browser(OLGA), profile(world).logo_digest
    for content, code in BAD_PICTURES:
        assert send_logo(olga, world, content).status_code == 422, code
        assert errors(olga).keys() == {"logo"}, code
    assert profile(world).logo_digest == before


def test_a_body_beyond_the_limit_is_not_read(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    for size in (600 * 1024, 5 * 1024 * 1024):
        assert send_logo(olga, world, PICTURE + bytes(size)).status_code == 422
        assert errors(olga) == {"logo": "The file is larger than 512 kB. Choose another."}


def test_no_file_and_no_token_are_refused(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(path(world, "/logo"))
    olga.submit("Set logo")
    assert errors(olga) == {"logo": "Choose a file."}
    assert olga.post(path(world, "/remove-logo")).status_code == 422
    assert profile(world).logo_digest


def test_a_customer_reads_whom_to_ask_in_invitation_and_console(
    browser: Open, world: World
) -> None:
    filled_in(browser, world)
    facts = {
        "Legal name": "North <b>Integration</b> GmbH",
        "Contact person": "Olga Owner",
        "Support e-mail": "help&co@north.example",
        "Phone": "+49 30 23125182",
    }
    carl, nina = browser(CARL), browser(NINA)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    assert facts.items() <= definition_list(carl).items()
    assert links(carl)["help&co@north.example"] == "mailto:help%26co@north.example"
    assert not list(carl.page.iter("img"))
    nina.get("/console")
    (card,) = nina.page.iter("article")
    assert "Contact: Olga Owner · help&co@north.example · +49 30 23125182" in text_of(card)
    nina.click("Billing account")
    assert facts.items() <= definition_list(nina).items()


def test_without_a_contact_none_is_spoken_of(browser: Open, world: World) -> None:
    carl, nina = browser(CARL), browser(NINA)
    carl.get(f"/invite/accept/{world.carls_subaccount}")
    nina.get("/console")
    for client in (carl, nina):
        assert "Contact" not in client.text
        assert "mailto:" not in " ".join(links(client).values())
