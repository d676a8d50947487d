"""Statements in the browser: drafts, release, what each reader sees, files, closing a month."""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import update

from portal import db
from portal.domain import partner_profiles, prices
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.customers import Customer
from portal.domain.values.picture import Picture, PictureType
from portal.web import statement_pdf
from portal.wording.statement_sheet import Group, Row, Sheet
from tests.partner.test_prices import digits, main_text
from tests.support.browser import Browser
from tests.support.logos import PICTURE
from tests.support.money import row
from tests.support.months import APRIL, close, name_firm, release, statement_of
from tests.support.prices import apply_rate
from tests.support.usage import deliver
from tests.support.usage_files import FOCUS, check_focus
from tests.support.world import ACE, AMIR, DORA, EDDIE, NINA, OLGA, SAM, VERA, Clock, World, user

Open = Callable[..., Browser]
COST, PRICE = "71.23", "142.46"


@pytest.fixture
def closed(app: Flask, world: World, clock: Clock) -> None:
    """March is closed; Nina's cloud has a cost, and twice as much as price."""
    apply_rate(world.north, "100")
    used = {"ConsumedQuantity": "744", "ConsumedUnit": "Hours"}
    deliver(row(COST, world.ninas_cloud, **used), columns=(*FOCUS, *used))
    close(clock)
    name_firm(world.north)


@pytest.mark.usefixtures("closed")
def test_an_admin_releases_a_draft_and_the_customer_reads_a_total(
    browser: Open, world: World
) -> None:
    amir, nina = browser(AMIR), browser(NINA)
    amir.get(f"/partner/{world.north}/statements")
    assert "draft" in main_text(amir)
    amir.click("Nina GmbH")
    amir.click("Release")
    amir.submit("Release")
    assert "The statement is released." in main_text(amir)
    nina.get(f"/console/billing/{world.ninas_subaccount}")
    nina.click("Statements")
    nina.click("March 2026")
    shown = main_text(nina)
    assert all(
        text in shown for text in (PRICE, "744 Hours", "NI-1", "North Integration GmbH", "Total")
    )
    assert "balance" not in shown.lower()


@pytest.mark.usefixtures("closed")
def test_all_drafts_of_a_month_are_released_at_once_after_a_confirmation(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/statements")
    olga.click("Release all of March 2026")
    assert f"1 draft, €{PRICE} in all." in main_text(olga)
    assert statement_of(world.ninas_subaccount).number is None
    olga.submit("Release all")
    assert "1 statement is released." in main_text(olga)
    assert statement_of(world.ninas_subaccount).full_number == "NI-1"


@pytest.mark.usefixtures("closed")
def test_the_list_has_a_sum_an_order_a_file_and_one_customers_own(
    browser: Open, world: World
) -> None:
    olga, path = browser(OLGA), f"/partner/{world.north}/statements"
    olga.get(path)
    assert f"1 statement, €{PRICE} in all. 1 of them, €{PRICE}, is a draft." in main_text(olga)
    rows = list(csv.reader(io.StringIO(olga.get(f"{path}/export").text.lstrip("\ufeff"))))
    [number] = [row[:2] + row[3:] for row in rows[1:]]
    assert number == ["2026-03", "Nina GmbH", "", "draft", "0", PRICE, "EUR"]
    olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}")
    link = [each for each in olga.page.iter("a") if "statements?customer" in each.get("href", "")]
    olga.get(link[0].get("href", ""))
    assert f"March 2026 – draft €{PRICE}" in main_text(olga)
    assert olga.get(f"{path}?customer={world.souths_customer}").status_code == 404


@pytest.mark.usefixtures("closed")
def test_a_draft_without_published_prices_leads_to_those_of_its_customer(
    browser: Open, world: World
) -> None:
    north = db.read(lambda: db.session.get_one(BillingAccount, world.north))
    db.write(lambda: prices.withdraw(north, by=COMMAND))
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/statements/{statement_of(world.ninas_subaccount).id}")
    olga.click("Publish prices")
    assert "Publish prices to Nina GmbH?" in main_text(olga)


@pytest.mark.usefixtures("closed")
def test_who_reads_which_statement(browser: Open, world: World) -> None:
    draft, own = statement_of(world.ninas_subaccount), statement_of(world.north)
    pages = [f"/partner/{world.north}/statements/{draft.id}", f"/console/statements/{own.id}"]
    for email, expected in (
        (ACE, [200, 200]),
        (EDDIE, [200, 404]),
        (VERA, [200, 404]),
        (SAM, [404, 404]),
        (NINA, [403, 404]),
    ):
        assert [browser(email).get(page).status_code for page in pages] == expected, email
    assert browser(VERA).get(f"{pages[0]}/release").status_code == 403
    assert browser(NINA).get(f"/console/statements/{draft.id}").status_code == 404


@pytest.mark.usefixtures("closed")
def test_no_statement_of_a_customer_holds_a_cost(browser: Open, world: World) -> None:
    statement = release(statement_of(world.ninas_subaccount))
    nina, path = browser(NINA), f"/console/statements/{statement.id}"
    files = [f"{path}/download?format={kind}" for kind in ("csv", "focus")]
    for url in (path, *files, f"/console/statements?account={world.ninas_subaccount}"):
        text = digits(nina.get(url).get_data(as_text=True))
        assert digits(PRICE) in text
        assert digits(COST) not in text


@pytest.mark.usefixtures("closed")
def test_files_of_a_statement(
    browser: Open, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    own = statement_of(world.north)
    olga = browser(OLGA)
    table = olga.get(f"/console/statements/{own.id}/download?format=csv").get_data(as_text=True)
    assert f"1,Nina GmbH,default,{world.ninas_cloud},Compute,,744.00,Hours,71.23,EUR,," in table
    assert "EUR,Paid by the grant until 1 May 2026,-71.23" in table
    assert "EUR,Debited to the account,0.00" in table
    [header, *rows] = csv.reader(io.StringIO(table.lstrip("\ufeff")))
    assert "" not in header
    amounts = [row[header.index("Amount")] for row in rows]
    assert sum(Decimal(amount or 0) for amount in amounts) == Decimal(COST)
    xlsx = olga.get(f"/console/statements/{own.id}/download?format=xlsx").data
    with zipfile.ZipFile(io.BytesIO(xlsx)) as book:
        cells = book.read("xl/worksheets/sheet1.xml").decode()
    assert all(cell in cells for cell in ("<t>Hours</t>", "<v>744.00</v>", "<v>71.23</v>"))
    assert olga.get(f"/console/statements/{own.id}/download?format=doc").status_code == 404
    pdf = olga.get(f"/console/statements/{own.id}/download")
    assert (pdf.mimetype, pdf.data[:5]) == ("application/pdf", b"%PDF-")
    assert 'filename="statement-1-2026-03.pdf"' in pdf.headers["Content-Disposition"]


@pytest.mark.usefixtures("closed")
def test_the_focus_file_is_valid_and_sums_to_the_total(
    browser: Open, world: World, clock: Clock, tmp_path: Path
) -> None:
    tax, corrected = row("7", world.ninas_cloud, ChargeCategory="Tax"), row("70", world.ninas_cloud)
    deliver(corrected, tax)
    close(clock, APRIL)
    statement = release(statement_of(world.ninas_subaccount, APRIL))
    path = f"/console/statements/{statement.id}/download?format=focus"
    content = browser(NINA).get(path).text.lstrip("\ufeff")
    lines = list(csv.DictReader(io.StringIO(content)))
    assert sum(Decimal(line["EffectiveCost"]) for line in lines) == statement.total
    assert {(line["ChargeCategory"], line["ChargeClass"], line["InvoiceId"]) for line in lines} == {
        ("Usage", "Correction", "NI-1"),
        ("Tax", "Correction", "NI-1"),
    }
    check_focus(content, tmp_path)


@pytest.mark.usefixtures("closed")
def test_corrections_name_their_month_and_customer(
    browser: Open, world: World, clock: Clock
) -> None:
    deliver(row("70", world.ninas_cloud))
    close(clock, APRIL)
    own, olga = statement_of(world.north, APRIL), browser(OLGA)
    olga.get(f"/console/statements/{own.id}")
    assert "Corrections of March 2026" in main_text(olga)
    table = olga.get(f"/console/statements/{own.id}/download?format=csv").get_data(as_text=True)
    cells = f"Nina GmbH,default,{world.ninas_cloud},Compute,of March 2026,-744.00,Hours,-1.23,EUR"
    assert cells in table
    for path in (f"/partner/{world.north}/usage", f"/console/billing/{world.direct}/usage"):
        olga.get(f"{path}?month=2026-04")
        assert ("-€1.23 of it corrects closed months" in olga.text) == ("partner" in path)


@pytest.mark.usefixtures("closed")
def test_an_address_has_its_post_code_once_and_the_name_of_its_country(
    browser: Open, world: World
) -> None:
    terms = {"legal_address": "Lindenplatz 57, 92315 Birkenhollen", "post_code": "92315"}
    change = update(Customer).where(Customer.id == world.ninas_customer)
    db.write(lambda: db.session.execute(change.values(terms)))
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/statements/{statement_of(world.ninas_subaccount).id}")
    assert main_text(olga).count("92315") == 1
    assert "Hamburg Germany" in main_text(olga)


@pytest.mark.usefixtures("closed")
def test_the_pdf_has_the_logo_of_who_issues_it(browser: Open, world: World) -> None:
    def unit() -> None:
        north = db.session.get_one(BillingAccount, world.north)
        partner_profiles.set_logo(north, by=COMMAND, logo=Picture(PICTURE, PictureType.PNG))

    db.write(unit)
    draft, own = statement_of(world.ninas_subaccount), statement_of(world.north)
    olga = browser(OLGA)
    customers = olga.get(f"/partner/{world.north}/statements/{draft.id}/download").data
    assert b"/Subtype /Image" in customers
    assert b"/Subtype /Image" not in olga.get(f"/console/statements/{own.id}/download").data


def test_the_pdf_has_a_glyph_for_each_character(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Of both languages, and of the currencies and names of Europe."""
    names = ["Nettlecombe Ŵ Ltd", "ООО «Северный ветер»", "Ελλάς Α.Ε.", "Հայաստան, საქართველო"]
    rows = [Row(f"{name} № ₽ € £ ₺ ₴ ₸ – — … −", Decimal("-1.50")) for name in names * 30]
    group = Group("x" * 300, "Ž" * 10, "b1g", Decimal(1), rows)
    sheet = Sheet(
        "Июнь", "N-1", "Ю", names, names, [("Ъ", "э")], [group], Decimal(1), rows, names, "EUR"
    )
    with caplog.at_level(logging.WARNING), app.test_request_context():
        for language in ("en", "ru"):
            with force_locale(language):
                assert statement_pdf.render(sheet, PICTURE)[:5] == b"%PDF-"
    assert [record.getMessage() for record in caplog.records] == []


def test_an_operator_closes_a_month(browser: Open, world: World, clock: Clock) -> None:
    deliver(row(COST, world.ninas_cloud))
    clock.forward(days=31)

    def appoint() -> None:
        db.lock(type(user(DORA)), user(DORA).id).is_operator = True

    db.write(appoint)
    dora = browser(DORA)
    dora.get("/operator/months")
    dora.click("Close")
    dora.submit("Close in 24 hours")
    assert "finalising" in main_text(dora)
    dora.click("Stop")
    dora.submit("Stop")
    dora.click("Close")
    dora.submit("Close in 24 hours")
    dora.click("Close now")
    dora.submit("Close now")
    assert "closed" in main_text(dora)
    close_again = dora.get("/operator/months/2026-03/close")
    assert close_again.status_code == 200
    assert dora.submit("Close now").status_code == 422
    assert "This month is closed" in main_text(dora)
