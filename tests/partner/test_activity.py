"""The Activity tab: lines as sentences, filters in the URL, pages, and a CSV of what is shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import activity, clouds, customers
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.web import csv as portal_csv
from tests.support.browser import Browser
from tests.support.clouds import move_cloud, own_account_id, switch_to_paid
from tests.support.page import text_of
from tests.support.world import (
    ACE,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    user,
)

Open = Callable[..., Browser]


def path(world: World, query: str = "") -> str:
    return f"/partner/{world.north}/activity{query}"


def lines(client: Browser) -> list[str]:
    """What the lines say, without their times."""
    bodies = list(client.page.iter("tbody"))
    return [
        " | ".join(text_of(cell) for cell in [*row.iter("th"), *row.iter("td")][:3])
        for body in bodies
        for row in body.iter("tr")
    ]


def exported(client: Browser, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert answer.data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def write(ident: str, count: int) -> None:
    who = actor(EDDIE)

    def unit() -> None:
        record = db.lock(Customer, ident)
        for number in range(count):
            customers.add_note(record, by=who, text=f"note {number}")

    db.write(unit)


@pytest.mark.parametrize("who", [OLGA, VERA, ACE])
def test_every_role_reads_what_was_done_newest_first(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    client.get(f"/partner/{world.north}/team")
    client.click("Activity")
    assert lines(client)[:4] == [
        "A note was written. | Nina GmbH | Eddie Editor",
        "The customer confirmed the partnership. | Nina GmbH | Nina Customer",
        "The customer was added and invited. | Nina GmbH | Olga Owner",
        "The customer was added and invited. | Carl & Sons | Olga Owner",
    ]
    assert "Elsewhere" not in client.text


@pytest.mark.parametrize("who", [NINA, CARL, SAM, DORA])
def test_nobody_else_reads_it(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    for url in (path(world), path(world, "/export")):
        answer = client.get(url)
        assert answer.status_code in (403, 404)
        assert "Eddie" not in answer.text


def test_filters_by_customer_person_and_action_stand_in_the_url(
    browser: Open, world: World
) -> None:
    olga = browser(OLGA)
    olga.get(path(world))
    olga.submit("Filter", customer="nina", person=user(OLGA).id, action="customer.add")
    assert lines(olga) == ["The customer was added and invited. | Nina GmbH | Olga Owner"]
    olga.get(path(world, f"?customer={world.carls_customer}"))
    assert lines(olga) == ["The customer was added and invited. | Carl & Sons | Olga Owner"]
    olga.get(path(world, f"?person={user(NINA).id}"))
    assert lines(olga) == ["The customer confirmed the partnership. | Nina GmbH | Nina Customer"]
    assert olga.form("/activity")["person"] == user(NINA).id
    olga.get(path(world, "?person=command&action=partner.grant"))
    assert lines(olga) == ["The account got partner status. |  | An operator’s command"]


@pytest.mark.parametrize(
    "query",
    [
        "?customer=%25", "?customer=_", "?person=aje00000000000000000", "?customer=Elsewhere",
        "?before=0", "?customer=" + "x" * 5000,
    ],
)  # fmt: skip
def test_a_filter_that_nothing_meets_says_so(browser: Open, world: World, query: str) -> None:
    olga = browser(OLGA)
    assert olga.get(path(world, query)).status_code == 200
    assert "Nothing matches" in olga.text
    olga.click("Show everything")
    assert lines(olga)


@pytest.mark.parametrize(
    "query",
    ["?before=x", "?before=-1", "?before=99999999999999999999", "?action=none", "?before=²"],
)
def test_what_is_no_filter_filters_nothing(browser: Open, world: World, query: str) -> None:
    olga = browser(OLGA)
    olga.get(path(world))
    everything = lines(olga)
    assert olga.get(path(world, query)).status_code == 200
    assert lines(olga) == everything


def test_pages_follow_each_other_without_gap_or_repetition(browser: Open, world: World) -> None:
    write(world.carls_customer, activity.PAGE * 2)
    olga = browser(OLGA)
    olga.get(path(world, "?action=note.add&customer=carl"))
    assert len(lines(olga)) == activity.PAGE
    write(world.carls_customer, 3)  # what is added meanwhile moves nothing
    olga.click("Next 50")
    assert len(lines(olga)) == activity.PAGE
    assert "Next 50" not in olga.text
    olga.click("First page")
    assert len(lines(olga)) == activity.PAGE
    rows = exported(olga, path(world, "/export?action=note.add&customer=carl"))
    assert len(rows) == activity.PAGE * 2 + 3
    assert len({row["ID"] for row in rows}) == len(rows)


def test_the_export_is_exactly_what_is_filtered(
    app: Flask, browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga = browser(OLGA)
    olga.get(path(world, f"?customer=nina&person={user(OLGA).id}"))
    links = {text_of(a): a.attrib["href"] for a in olga.page.iter("a")}
    [row] = exported(olga, links["Export CSV"])
    assert row["What"] == "The customer was added and invited."
    assert (row["Who"], row["E-mail"], row["Customer"]) == ("Olga Owner", OLGA, "Nina GmbH")
    assert (row["Action"], row["Customer ID"]) == ("customer.add", world.ninas_customer)
    assert row["Time (UTC)"].endswith("Z")
    whole = exported(olga, path(world, "/export"))
    monkeypatch.setattr(activity, "EXPORT_PAGE", 2)  # in portions it is the same
    assert exported(olga, path(world, "/export")) == whole
    assert len(whole) > 5


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(browser: Open, world: World, sign: str) -> None:
    def rename() -> None:
        user(EDDIE).name = f'{sign}HYPERLINK("http://evil.example";"x")'

    db.write(rename)
    rows = exported(browser(OLGA), path(world, "/export?action=note.add"))
    assert rows[0]["Who"] == f'\'{sign}HYPERLINK("http://evil.example";"x")'


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", "=\n1"])
def test_every_sign_that_begins_a_formula_gets_an_apostrophe(cell: str) -> None:
    written = "".join(portal_csv.write_rows([[cell, "plain", 'a,"b"\nc']]))
    rows = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert rows == [[f"'{cell}", "plain", 'a,"b"\nc']]


def test_team_changes_read_as_sentences(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/team/add")
    olga.submit("Add", email=DORA, role="billing.accounts.viewer")
    olga.get(f"/partner/{world.north}/team/{user(DORA).id}/change")
    olga.submit("Save", role="billing.accounts.editor")
    olga.get(f"/partner/{world.north}/team/{user(DORA).id}/remove")
    olga.submit("Remove")
    olga.get(path(world))
    assert lines(olga)[:3] == [
        "Dora Direct was removed from the staff. |  | Olga Owner",
        "Dora Direct’s role was changed to editor. |  | Olga Owner",
        "Dora Direct came onto the staff, as viewer. |  | Olga Owner",
    ]


def test_the_customers_history_says_the_same(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    record = f"/partner/{world.north}/customers/{world.ninas_customer}"
    olga.get(f"{record}/edit")
    olga.submit("Save", description="new", phone="030 23125182")
    olga.get(f"{record}/history")
    assert "The record was edited: phone, description." in olga.text
    assert "The customer confirmed the partnership." in olga.text


def test_the_history_has_what_was_agreed_and_carried_out_of_its_clouds_while_linked(
    browser: Open, world: World, clock: Clock
) -> None:
    def rename(cloud_id: str, name: str) -> None:
        def unit() -> None:
            clouds.rename(db.session.get_one(Cloud, cloud_id), by=actor(OLGA), name=name)
            clouds.record_order(cloud_id, clouds.Task.RENAME)

        db.write(unit)

    def renamings() -> int:
        olga.get(f"/partner/{world.north}/customers/{world.ninas_customer}/history")
        return olga.text.count(f"Carried out for the cloud {world.ninas_cloud}: rename.")

    olga = browser(OLGA)
    rename(world.ninas_cloud, "Shop")
    rename(world.carls_cloud, "Of another customer")
    assert renamings() == 1
    assert f"The cloud {world.ninas_cloud} was renamed." in olga.text
    assert world.carls_cloud not in olga.text
    clock.forward(minutes=1)
    switch_to_paid(NINA)
    move_cloud(world.ninas_cloud, own_account_id(NINA), by=NINA)
    rename(world.ninas_cloud, "Shop of North")
    assert renamings() == 1, "not of the time when somebody else pays"


def test_the_lines_come_alone_with_the_file_of_just_them(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(path(world))
    alone = olga.get(path(world, "?action=customer.add"), headers={"HX-Request": "true"})
    assert alone.text.lstrip().startswith('<div id="list" ')
    assert all("added and invited" in line for line in lines(olga))
    (export,) = (a for a in olga.page.iter("a") if a.get("id") == "export")
    assert export.get("hx-swap-oob") == "true"
    assert export.attrib["href"] == path(world, "/export?action=customer.add")
