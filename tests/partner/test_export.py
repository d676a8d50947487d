"""*Export CSV*: exactly the customers that the list shows, in cells that are harmless."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import pytest

from portal import db
from portal.domain import access, customers
from portal.domain.accounts import BillingAccount
from portal.domain.customers import COLUMNS, ONLY_EXPORTED
from portal.web import csv as portal_csv
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.new_customer import add_customer
from tests.support.world import ACE, CARL, EDDIE, NINA, OLGA, SAM, VERA, World, actor, draft, user

Open = Callable[..., Browser]


def path(world: World, query: str = "") -> str:
    return f"/partner/{world.north}/customers/export{query}"


def exported(client: Browser, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    text = answer.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("who", [OLGA, VERA, ACE])
def test_everyone_who_sees_the_list_exports_it_newest_first(
    browser: Open, world: World, who: str
) -> None:
    add_customer(world, name="Newest")
    client = browser(who)
    client.get(f"/partner/{world.north}/customers")
    rows = exported(client, links(client)["Export CSV"])
    assert rows[0]["name"] == "Newest"
    assert list(rows[0]) == [*COLUMNS, *ONLY_EXPORTED]
    (nina,) = (row for row in rows if row["name"] == "Nina GmbH")
    assert (nina["status"], nina["invitation_email"]) == ("Active", NINA)
    assert (nina["customer_id"], nina["cloud_id"]) == (world.ninas_customer, world.ninas_cloud)
    assert nina["subaccount_id"] == world.ninas_subaccount
    assert (nina["added_at"][:10], nina["answered_at"][:10]) == ("2026-03-02", "2026-03-02")
    assert (rows[0]["answered_at"], rows[0]["with_cloud"]) == ("", "yes")


@pytest.mark.parametrize("who", [SAM, CARL])
def test_nobody_else_exports_anything(browser: Open, world: World, who: str) -> None:
    answer = browser(who).get(path(world))
    assert answer.status_code in (403, 404)
    assert "Nina GmbH" not in answer.text


def test_every_field_of_the_record_stands_in_its_column(browser: Open, world: World) -> None:
    facts = {
        "tin": "DE136695976",
        "longname": 'Full, Name "&" Co',
        "phone": "+493023125182",
        "email": "office@client.example",
        "post_code": "10115",
        "legal_address": "Street 1",
        "post_address": "Box 2",
        "reference": "K-1",
        "description": "two\nlines",
    }
    kept = {"manager_id": world.eddie, "with_cloud": False}
    wanted = replace(draft(name="Zoë GmbH", **kept), **facts)
    partner = partial(db.lock, BillingAccount, world.north)
    db.write(lambda: customers.add(partner(), by=actor(OLGA), draft=wanted))
    row = exported(browser(OLGA), path(world))[0]
    shown = facts | {"phone": "'+493023125182"}  # or a spreadsheet program adds it up
    assert {name: row[name] for name in facts} == shown
    assert (row["name"], row["manager"], row["with_cloud"]) == ("Zoë GmbH", EDDIE, "no")
    assert row["cloud_id"] == ""


@pytest.mark.parametrize(
    "query",
    [
        "", "?status=Active", "?q=number", "?q=carl", "?manager=me", "?manager=none",
        "?q=number&status=SUBACCOUNT-ACCEPTANCE-REQUIRED&manager=none", "?q=zzz", "?status=no",
        "?x=1", f"?q={quote('Nina GmbH')}",
    ],
)  # fmt: skip
def test_an_export_is_the_list_exactly_as_filtered(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    for number in range(4):
        add_customer(world, f"n{number}@client.example", name=f"Number {number}")
    add_customer(world, "mine@client.example", manager_id=user(OLGA).id)
    monkeypatch.setattr(customers, "EXPORT_PAGE", 2)
    olga = browser(OLGA)
    olga.get(f"/partner/{world.north}/customers{query}")
    rows_shown = [link for body in olga.page.iter("tbody") for link in body.iter("a")]
    shown = [a.attrib["href"] for a in rows_shown if "/customers/cst" in a.get("href", "")]
    rows = exported(olga, path(world, query))
    assert [row["customer_id"] for row in rows] == [url.rpartition("/")[2] for url in shown]


def test_the_page_one_is_on_does_not_matter(browser: Open, world: World) -> None:
    assert len(exported(browser(OLGA), path(world, f"?after={world.ninas_customer}"))) == 2


def test_who_loses_the_role_while_the_file_is_read_gets_no_more(
    browser: Open, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "EXPORT_PAGE", 1)
    answer = browser(EDDIE).get(path(world), buffered=False)
    pieces = iter(answer.response)
    read = [next(pieces) for _ in range(3)]  # the mark, the header, a customer

    def unit() -> None:
        north = db.lock(BillingAccount, world.north)
        access.revoke(of=user(EDDIE), account=north, by=actor(OLGA))

    db.write(unit)
    assert b"@" in bytes(read[2])
    with pytest.raises(portal_csv.Interrupted):
        next(pieces)


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''+1", "'plain", "a=1", ""]
)
def test_no_cell_is_a_formula(cell: str) -> None:
    written = "".join(portal_csv.write_rows([[cell]])).removeprefix(portal_csv.BYTE_ORDER_MARK)
    [[read]] = csv.reader(io.StringIO(written, newline=""))
    assert not read.startswith(("=", "+", "-", "@", "\t", "\r"))
