"""*Import CSV*: checked first, then added by the worker; who may, when, and what is shown of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from sqlalchemy import select

from portal import db
from portal.domain import access, customers, imports
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.imports import Import, State
from tests.support.answers import links, notices
from tests.support.browser import Browser
from tests.support.import_files import (
    added_names,
    csv_file,
    csv_rows,
    import_path,
    latest_state,
    outcomes,
    parse_csv,
    upload,
    upload_and_check,
    upload_and_import,
)
from tests.support.jobs import run_imports, run_upkeep
from tests.support.mails import mails_to
from tests.support.world import ACE, AMIR, EDDIE, OLGA, TINA, VERA, Clock, World, actor, user

Open = Callable[..., Browser]


def newest_import() -> str:
    return db.session.scalars(select(Import.id).order_by(Import.id.desc()).limit(1)).one()


def test_a_file_is_checked_looked_at_and_imported(browser: Open, world: World) -> None:
    eddie = browser(EDDIE)
    eddie.get(f"/partner/{world.north}/customers")
    eddie.click("Import CSV")
    upload(eddie, world, csv_file("One,one@client.example,de", "Two,two@client.example,FR"))
    assert "The file is being checked. Nothing is added yet." in eddie.text
    assert "0 of 2 rows" in eddie.text
    run_imports()
    eddie.click("Refresh")
    assert "2 customers would be added. Nothing is added yet; nobody has got a mail." in eddie.text
    assert outcomes(eddie) == {2: "Will be added", 3: "Will be added"}
    assert (added_names(world), mails_to("one@client.example")) == ([], [])
    eddie.submit("Import 2 customers")
    assert "Customers are being added; this page need not stay open." in eddie.text
    run_imports()
    eddie.get(eddie.url)
    assert "The import is over: 2 customers were added." in eddie.text
    assert outcomes(eddie) == {2: "Added", 3: "Added"}
    assert added_names(world) == ["One", "Two"]
    assert len(mails_to("one@client.example")) == 1
    eddie.click("One")
    eddie.click("History")
    assert "The customer was added and invited." in eddie.text
    assert EDDIE in eddie.text


@pytest.mark.parametrize("who", [VERA, ACE])
def test_who_may_not_add_customers_imports_none(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    client.get(f"/partner/{world.north}/customers")
    assert "Import CSV" not in links(client)
    for url in (import_path(world), import_path(world, f"/{world.norths_import}")):
        assert client.get(url).status_code == 403
    assert client.get(import_path(world, f"/{world.norths_import}/failed")).status_code == 403


def test_a_partner_in_trial_reads_why_not(browser: Open, world: World) -> None:
    tina = browser(TINA)
    tina.get(f"/partner/{world.trial}/customers")
    assert "Import CSV" not in links(tina)
    answer = tina.get(f"/partner/{world.trial}/customers/import")
    assert answer.status_code == 422
    assert "Adding customers needs the paid consumption mode." in tina.text


def test_whose_role_ends_meanwhile_adds_no_more(browser: Open, world: World) -> None:
    eddie = upload_and_check(browser(EDDIE), world, *csv_rows(3))
    eddie.submit("Import 3 customers")
    db.write(lambda: imports.run_step(newest_import()))

    def lower() -> None:
        north = db.lock(BillingAccount, world.north)
        access.change(AccountRole.VIEWER, of=user(EDDIE), account=north, by=actor(OLGA))

    db.write(lower)
    run_imports()
    olga = browser(OLGA)
    olga.get(eddie.url)
    assert outcomes(olga)[2] == "Added"
    assert outcomes(olga)[3] == outcomes(olga)[4]
    assert outcomes(olga)[3].startswith("Refused Your role does not allow this.")
    assert added_names(world) == ["Firm 0"]


def test_whoever_begins_an_import_answers_for_it(browser: Open, world: World) -> None:
    eddie = upload_and_check(browser(EDDIE), world, *csv_rows(1))
    amir = browser(AMIR)
    amir.get(eddie.url)
    amir.submit("Import 1 customer")
    run_imports()
    found = db.session.query(customers.Customer).filter_by(name="Firm 0").one()
    assert [line.email for line in customers.history_of(found)] == [AMIR]


def test_a_double_click_on_the_button_uploads_one_file(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(import_path(world))
    form, places = olga.form("/import"), set()
    for _click in range(2):
        data = form | {"file": (io.BytesIO(csv_file(*csv_rows(1))), "x.csv")}
        answer = olga.post(import_path(world), data=data, content_type="multipart/form-data")
        places.add(answer.location)
    assert len(places) == 1
    assert db.session.query(Import).count() == 2


def test_pressing_a_button_twice_is_harmless(browser: Open, world: World) -> None:
    olga = upload_and_check(browser(OLGA), world, *csv_rows(2))
    data, url = olga.form("/begin"), olga.url
    for verb, state_after in (("begin", State.IMPORTING), ("end", State.OVER)):
        for _click in range(2):
            assert olga.post(f"{url}/{verb}", data=data).status_code == 303
        assert latest_state() == state_after
    assert olga.post(f"{url}/begin", data=data).status_code == 422
    assert "is not waiting to be imported" in olga.text
    assert olga.post(f"{url}/remove", data=data).status_code == 303
    assert olga.post(f"{url}/remove", data=data).status_code == 404


def test_what_does_not_fit_the_moment_is_refused(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    upload(olga, world, csv_file(*csv_rows(1)))
    url = olga.url
    data = {"csrf_token": olga.form("/remove")["csrf_token"]}
    olga.post(f"{url}/begin", data=data)
    assert "it is still being checked" in olga.text
    olga.post(f"{url}/end", data=data)
    assert "This import has not begun." in olga.text
    run_imports()
    olga.post(f"{url}/begin", data=data)
    olga.post(f"{url}/remove", data=data)
    assert "This import is running. End it first." in olga.text


def test_an_import_ended_early_keeps_what_is_added_and_refuses_the_rest(
    browser: Open, world: World
) -> None:
    olga = upload_and_check(browser(OLGA), world, *csv_rows(3))
    olga.submit("Import 3 customers")
    db.write(lambda: imports.run_step(newest_import()))
    olga.get(olga.url)
    olga.submit("End import")
    run_imports()
    olga.get(olga.url)
    assert "The import is over: 1 customer was added." in olga.text
    assert outcomes(olga)[4] == "Refused The import was ended before this row’s turn."
    assert added_names(world) == ["Firm 0"]
    assert len(parse_csv(olga.get(f"{olga.url}/failed"))) == 2


def test_files_without_end_are_refused(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    for number in range(imports.MAX_OPEN_IMPORTS - 1):  # and the cast's own
        assert upload(olga, world, csv_file(*csv_rows(1, number))).status_code == 200
    assert upload(olga, world, csv_file(*csv_rows(1))).status_code == 422
    assert "5 imports are not over yet." in notices(olga)[0]


def test_outcomes_are_filtered_and_paged(browser: Open, world: World) -> None:
    bad = [f"Bad {n},bad,DE" for n in range(60)]
    olga = upload_and_check(browser(OLGA), world, *bad, *csv_rows(2))
    olga.click("Will be added 2")
    assert list(outcomes(olga)) == [62, 63]
    olga.click("Refused 60")
    assert list(outcomes(olga)) == list(range(2, 52))
    olga.click("Next 50")
    assert list(outcomes(olga)) == list(range(52, 62))
    olga.click("First page")
    assert next(iter(outcomes(olga))) == 2


@pytest.mark.parametrize("query", ["?after=x", "?after=-1", "?after=²", "?outcome=none"])
def test_what_is_no_filter_is_passed_over(browser: Open, world: World, query: str) -> None:
    olga = browser(OLGA)
    assert olga.get(import_path(world, f"/{world.norths_import}{query}")).status_code == 200
    assert list(outcomes(olga)) == [2, 3]


def test_the_page_asks_by_itself_until_there_is_nothing_to_wait_for(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    upload(olga, world, csv_file(*csv_rows(1)))
    asked = {"HX-Request": "true"}
    assert '<meta http-equiv="refresh"' in olga.get(olga.url).text, "without a script, too"
    (block,) = (e for e in olga.page.iter("div") if e.get("id") == "progress")
    fragment = olga.get(block.attrib["hx-get"], headers=asked)
    assert fragment.text.lstrip().startswith('<div id="progress"')
    assert "hx-trigger" in fragment.text
    run_imports()
    assert "hx-trigger" not in olga.get(block.attrib["hx-get"], headers=asked).text
    assert '<meta http-equiv="refresh"' not in olga.get(olga.url).text


def test_what_a_file_says_about_people_is_dropped_in_time(
    browser: Open, world: World, clock: Clock
) -> None:
    olga = upload_and_import(browser(OLGA), world, *csv_rows(1), "Bad,bad,DE")
    held = db.session.query(Import).filter(Import.id != world.norths_import).one()
    cells = {row.number: row.cells for row in imports.rows_of(held)}
    assert cells == {2: {}, 3: {"name": "Bad", "invitation_email": "bad", "country": "DE"}}
    assert "Its rows are kept until 1 Apr 2026." in olga.text
    clock.forward(days=29)
    run_upkeep("purge-imports")
    assert db.session.query(Import).count() == 1, "only what was never begun is gone"
    clock.forward(days=2)
    run_upkeep("purge-imports")
    assert db.session.query(Import).count() == 0
    assert db.session.query(imports.ImportRow).count() == 0
    assert added_names(world) == ["Firm 0"]


def test_a_removed_file_is_gone_at_once_and_its_customers_stay(browser: Open, world: World) -> None:
    olga = upload_and_import(browser(OLGA), world, *csv_rows(1), "Bad,bad,DE")
    before = olga.url
    olga.submit("Remove file")
    assert "The file is removed." in olga.text
    assert olga.get(before).status_code == 404
    assert added_names(world) == ["Firm 0"]


def test_earlier_files_are_listed_with_how_they_stand(browser: Open, world: World) -> None:
    olga = upload_and_import(browser(OLGA), world, *csv_rows(2), "Bad,bad,DE")
    olga.get(import_path(world))
    assert "over, 3 rows, 1 refused, Olga Owner" in olga.text
    assert "waits for you, 2 rows, 1 refused, Olga Owner" in olga.text


def test_an_upload_without_a_session_leads_to_sign_in_and_back(browser: Open, world: World) -> None:
    """A file is not carried along; the page to choose it again is."""
    data = {"file": (io.BytesIO(csv_file(*csv_rows(1))), "x.csv")}
    answer = browser().post(import_path(world), data=data, content_type="multipart/form-data")
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in?next=")


def test_a_file_where_only_text_is_expected_is_still_refused(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    data = {"name": (io.BytesIO(b"x"), "x.txt")}
    url = f"/partner/{world.north}/customers/add"
    assert olga.post(url, data=data, content_type="multipart/form-data").status_code == 400


def test_the_activity_tells_of_files_in_numbers_alone(browser: Open, world: World) -> None:
    olga = upload_and_import(browser(OLGA), world, *csv_rows(1), "Bad,bad,DE")
    olga.get(f"/partner/{world.north}/activity")
    assert "A file of customers was uploaded to be checked; rows: 2." in olga.text
    assert "An import of customers was begun; rows to add: 1." in olga.text


def test_a_partners_account_that_is_closed_meanwhile_gets_the_reason(
    browser: Open, world: World
) -> None:
    olga = upload_and_check(browser(OLGA), world, *csv_rows(1))
    olga.submit("Import 1 customer")

    def close() -> None:
        db.lock(BillingAccount, world.north).closed_at = db.now()

    db.write(close)
    run_imports()
    olga.get(olga.url)
    assert outcomes(olga) == {2: "Refused This account is closed."}
