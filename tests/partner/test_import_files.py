"""*Import CSV*: what a file and its rows may be, and what is said if not; exports come back."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from portal import db
from portal.domain import customers
from portal.domain.imports import Import
from portal.web import csv
from tests.support.answers import errors, links
from tests.support.browser import Browser
from tests.support.import_files import (
    HEADER,
    added_names,
    csv_file,
    csv_rows,
    format_csv,
    import_path,
    outcomes,
    parse_csv,
    upload,
    upload_and_check,
    upload_and_import,
)
from tests.support.jobs import run_imports
from tests.support.new_customer import add_customer
from tests.support.page import text_of
from tests.support.world import EDDIE, NINA, OLGA, World

Open = Callable[..., Browser]


FULL = (
    "name,invitation_email,country,tin,longname,phone,email,post_code,legal_address,post_address,"
    "reference,manager,description,with_cloud"
)


def test_every_column_comes_into_its_field(browser: Open, world: World) -> None:
    row = (
        '"Zoë, Inc.",z@client.example,de,DE136695976,Long,030 23125182,c@client.example,10115,'
        f'Street,Box,K-1,{EDDIE.upper()},"two\nlines",no'
    )
    upload_and_import(browser(OLGA), world, row, header=FULL)
    found = db.session.query(customers.Customer).filter_by(name="Zoë, Inc.").one()
    kept = {name: getattr(found, name) for name in FULL.split(",") if hasattr(found, name)}
    assert kept == {
        "name": "Zoë, Inc.",
        "invitation_email": "z@client.example",
        "country": "DE",
        "tin": "DE136695976",
        "longname": "Long",
        "phone": "+493023125182",
        "email": "c@client.example",
        "post_code": "10115",
        "legal_address": "Street",
        "post_address": "Box",
        "reference": "K-1",
        "description": "two\nlines",
    }
    assert (found.manager_id, found.default_cloud_id) == (world.eddie, None)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with BOM"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_any_separator_line_end_and_mark_will_do(
    browser: Open, world: World, mark: bytes, separator: str, end: str
) -> None:
    rows = [HEADER.split(","), ['"Größe ""A"""', "a@client.example", "DE"], ["", "", ""]]
    text = end.join(separator.join(row) for row in rows) + end
    olga = browser(OLGA)
    upload(olga, world, mark + text.encode())
    run_imports()
    olga.get(olga.url)
    assert outcomes(olga) == {2: "Will be added"}
    assert 'Größe "A"' in olga.text


def test_columns_may_be_named_as_people_name_them_in_any_order(browser: Open, world: World) -> None:
    header = "Country;Customer name;E-mail of the cloud account;Own reference;;"
    olga = browser(OLGA)
    upload(olga, world, csv_file("DE;One;one@client.example;K-1;;", header=header))
    run_imports()
    olga.get(olga.url)
    assert outcomes(olga) == {2: "Will be added"}


BAD_FILES = {
    "empty": (b"", "The file is empty."),
    "blank": (b"\r\n \r\n", "The file is empty."),
    "only a header": (csv_file(), "a header and no rows"),
    "only empty rows": (csv_file(",,", ""), "a header and no rows"),
    "unknown column": (csv_file("a", header=HEADER + ",vip"), "column 4: “vip” is none"),
    "column without a name": (csv_file("a", header="name,,country"), "column 2: “” is none"),
    "no header": (csv_file(header=csv_rows(1)[0]), "column 1: “Firm 0” is none"),
    "column twice": (csv_file("a", header=HEADER + ",Name"), "column 4: “name” is in column 1"),
    "missing columns": (csv_file("a", header="name,phone"), "needs: invitation_email, country."),
    "more cells than columns": (
        csv_file("A,B,a@client.example,DE"),
        "Row 2 has 4 cells, the header",
    ),
    "quote never closed": (
        csv_file(*csv_rows(2), '"Firm,c@client.example,DE'),
        "Row 4, column 1: a quo",
    ),
    "text after a quote": (csv_file('Firm,"a"b@client.example,DE'), "Row 2, column 2: a quotation"),
    "another encoding": (
        csv_file(*csv_rows(1)) + "\nФирма,x,RU".encode("cp1251"),
        "Row 3, column 1: th",
    ),
    "UTF-16": (
        csv_file(*csv_rows(1)).decode().encode("utf-16"),
        "Row 1, column 1: these characters",
    ),
    "NUL": (csv_file("Firm,a\0@client.example,DE"), "Row 2, column 2: a NUL"),
    "NUL before a quote": (csv_file('Firm,a\0,"D"E'), "Row 2, column 2: a NUL"),
    "quote on the third line of a row": (
        csv_file('"a\n\nb",c,"D"E'),
        "Row 2, column 3: a quotation",
    ),
    "XLSX": (b"PK\x03\x04\x14\x00\x06\x00", "a spreadsheet program’s own file"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", "Row 1, column 1: these characters are not UTF-8"),
    "too many rows": (
        csv_file(*(f"F,{n}@c.example,DE" for n in range(100_000))),
        "more than 5,000",
    ),
    "too large": (csv_file("x" * 5_000_000), "more than 4 MB"),
}


@pytest.mark.parametrize("bad", BAD_FILES)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_file_that_cant_be_read_is_a_sentence_and_nothing_is_kept(
    browser: Open, world: World, bad: str
) -> None:
    content, said = BAD_FILES[bad]
    olga = browser(OLGA)
    assert upload(olga, world, content).status_code == 422
    assert said in errors(olga)["file"]
    assert db.session.query(Import).count() == 1, "the cast's own"


def test_a_file_named_as_something_else_than_a_table_is_refused(
    browser: Open, world: World
) -> None:
    olga, good = browser(OLGA), csv_file(*csv_rows(1))
    for name in ("customers.xlsx", "customers.csv.html", "csv", "customers"):
        olga.get(import_path(world))
        olga.submit("Upload and check", file=(io.BytesIO(good), name))
        assert "ends in .csv" in errors(olga)["file"], name
    olga.submit("Upload and check", file=(io.BytesIO(good), "CUSTOMERS.TSV"))
    assert errors(olga) == {}


def test_a_cell_may_be_as_long_as_a_file() -> None:
    assert list(csv.read_rows(b'a,"' + b"x" * 200_000 + b'"')) == [["a", "x" * 200_000]]


def test_no_file_at_all_is_a_sentence(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(import_path(world))
    olga.submit("Upload and check")
    assert errors(olga)["file"] == "Choose a file."
    data = olga.form("/import") | {"file": "text where a file should be"}
    assert olga.post(import_path(world), data=data).status_code == 422
    assert errors(olga)["file"] == "Choose a file."


BAD_ROWS = {
    ",a@client.example,DE": "Refused name: Fill this in; it is required.",
    "A,,DE": "Refused invitation_email: Fill this in; it is required.",
    "A,a@client.example,Germany": "Refused country: “Germany” is no country’s code.",
    "A,nonsense,DE": "Refused invitation_email: An e-mail address has exactly one @",
    "A,olga@north.example,DE": "Refused invitation_email: This address belongs to your own staff.",
    "A\u202e,a@client.example,DE": "Refused name: Character 2 (U+202E) can’t be seen",
    f"{'x' * 201},a@client.example,DE": "Refused name: This has 201 characters",
    '"A\nB",a@client.example,DE': "Refused name: This must be one line.",
    "A,a@client.example,DE,,,12": "Refused phone: The number is too short",
    "A,a@client.example,RU": "Refused tin: Fill this in; it is required.",
    "A,a@client.example,DE,DE1": "Refused tin: This is not the form",
    "A,a@client.example,DE,,,,bad@": "Refused email: The part after the @ is not a domain",
    f"A,a@client.example,DE,,,,,,,,,{NINA}": "Refused manager: None of your staff has this address",
    "A,a@client.example,DE,,,,,,,,,,,perhaps": "Refused with_cloud: This must be yes, no, or empty",
}


def test_a_row_that_cant_be_added_says_why_beside_each_column(browser: Open, world: World) -> None:
    rows = [row.replace(",a@", f",a{n}@") for n, row in enumerate(BAD_ROWS)]
    olga = upload_and_check(browser(OLGA), world, *rows, header=FULL)
    said = outcomes(olga)
    for number, wanted in enumerate(BAD_ROWS.values(), start=2):
        assert said[number].startswith(wanted), number
    assert "0 customers would be added." in olga.text
    assert not [button for button in olga.page.iter("button") if "Import" in text_of(button)]


def test_all_that_is_wrong_with_a_row_is_said_at_once(browser: Open, world: World) -> None:
    olga = upload_and_check(browser(OLGA), world, ",x,XX,1,,abc", header=FULL)
    said = outcomes(olga)[2]
    assert said.index("country:") < said.index("name:") < said.index("invitation_email:")
    assert "tin:" not in said, "it is read by the rules of a country"


def test_who_stands_in_the_file_twice_is_refused_the_second_time(
    browser: Open, world: World
) -> None:
    rows = ["A,a@client.example,DE,1", "B,A@Client.example,DE,2", "C,c@client.example,DE,1"]
    olga = upload_and_check(browser(OLGA), world, *rows, header=HEADER + ",reference")
    said = outcomes(olga)
    assert said[2] == "Will be added"
    assert said[3].startswith("Refused invitation_email: Row 2 has the same address.")
    assert said[4].startswith("Refused reference: Row 2 has the same reference.")


def test_who_is_there_already_stays_as_it_is(browser: Open, world: World) -> None:
    add_customer(world, "ref@client.example", name="Old name", reference="K-1")
    rows = [
        "New name,other@client.example,FR,K-1",
        "Same address,nina@second.example,DE,",
        "Same address and another reference,NINA@second.example,DE,K-2",
    ]
    olga = upload_and_import(
        browser(OLGA), world, *rows, *csv_rows(1), header=HEADER + ",reference"
    )
    said = outcomes(olga)
    assert (said[2], said[3], said[5]) == ("Already there", "Already there", "Added")
    assert "Refused invitation_email: Row 3 has the same address." in said[4]
    assert "invitation_email: Nina GmbH already uses this address." in said[4]
    assert added_names(world) == ["Old name", "Firm 0"]


def test_the_same_file_again_adds_nobody_twice(browser: Open, world: World) -> None:
    rows = ["A,a@client.example,DE,K-1", "B,b@client.example,DE,"]
    olga = upload_and_import(browser(OLGA), world, *rows, header=HEADER + ",reference")
    assert set(outcomes(olga).values()) == {"Added"}
    upload_and_check(olga, world, *rows, header=HEADER + ",reference")
    assert set(outcomes(olga).values()) == {"Already there"}
    assert added_names(world) == ["A", "B"]


def test_one_tax_number_twice_is_imported_when_that_is_meant(browser: Open, world: World) -> None:
    add_customer(world, name="Twin", tin="DE136695976")
    header = HEADER + ",tin"
    rows = [
        "A,a@client.example,DE,DE 136695976",
        "B,b@client.example,DE,136695976",
        "C,c@client.example,RU,7707083893",
        "D,d@client.example,RU,7707083893",
    ]
    olga = upload_and_check(browser(OLGA), world, *rows, header=header)
    same = "Will be added Another customer has the same tax number."
    assert outcomes(olga) == {2: same, 3: same, 4: "Will be added", 5: same}
    assert "These are 3 rows; unless you tick this, they are refused." in olga.text
    olga.submit("Import 4 customers")
    run_imports()
    olga.get(olga.url)
    assert outcomes(olga)[4] == "Added"
    assert outcomes(olga)[2].startswith("Refused tin: Twin has the same tax number.")
    assert outcomes(olga)[5].startswith("Refused tin: C has the same tax number.")
    upload_and_check(olga, world, *rows, header=header)
    olga.submit("Import 3 customers", same_tin_is_meant=True)
    run_imports()
    olga.get(olga.url)
    assert list(outcomes(olga).values()) == ["Added", "Added", "Already there", "Added"]


def test_refused_rows_come_back_with_reasons_to_be_mended_and_uploaded(
    browser: Open, world: World
) -> None:
    olga = upload_and_import(
        browser(OLGA), world, *csv_rows(1), "=1+1,bad@,DE,+49 30 23125182", header=HEADER + ",phone"
    )
    answer = olga.get(links(olga)["Download the refused rows"])
    (row,) = parse_csv(answer)
    assert row["name"] == "'=1+1", "no program takes it for a formula"
    assert row["reasons"].startswith("invitation_email: The part after the @ is not a domain")
    upload(olga, world, format_csv([row | {"invitation_email": "mended@client.example"}]))
    run_imports()
    olga.get(olga.url)
    olga.submit("Import 1 customer")
    run_imports()
    assert added_names(world) == ["Firm 0", "=1+1"]


def test_an_export_is_imported_elsewhere_as_it_was(browser: Open, world: World) -> None:
    odd = ["=SUM(A1)", "+7 people", "-minus", "@home", "'=quoted", "''+twice", "'plain", 'a;"b",c']
    odd += ["x;=1+1;y", "a, '-b", "＝1"]
    for number, name in enumerate(odd):
        facts = {"reference": f"R{number}", "phone": "+493023125182", "description": "=1\n-2"}
        add_customer(world, f"o{number}@client.example", name=name, **facts)
    export = parse_csv(browser(OLGA).get(f"/partner/{world.north}/customers/export?q=client"))
    assert len(export) == len(odd)
    sam, south = browser("sam@south.example"), f"/partner/{world.south}/customers/import"
    sam.get(south)
    sam.submit("Upload and check", file=(io.BytesIO(format_csv(export)), "x.csv"))
    run_imports()
    sam.get(sam.url)
    sam.submit(form="begin")
    run_imports()
    again = parse_csv(sam.get(f"/partner/{world.south}/customers/export?q=client"))
    columns = customers.COLUMNS

    def cells(rows: list[dict[str, str]]) -> list[list[str]]:
        return sorted([row[column] for column in columns] for row in rows)

    assert cells(again) == cells(export)


def test_customers_of_old_are_not_invited_by_an_export(browser: Open, world: World) -> None:
    olga = upload_and_check(
        browser(OLGA), world, "A,a@client.example,DE,Inactive", header=HEADER + ",status"
    )
    assert outcomes(olga)[2].startswith("Refused status: This partnership was over")


def test_the_template_is_a_header_that_a_file_may_begin_with(browser: Open, world: World) -> None:
    olga = browser(OLGA)
    olga.get(import_path(world))
    (download,) = (a for a in olga.page.iter("a") if text_of(a) == "Download template")
    assert "data-file" in download.attrib, "or a script believes that the page is left"
    answer = olga.get(download.attrib["href"])
    header = answer.data.decode("utf-8-sig").strip()
    assert header == FULL
    upload_and_check(olga, world, "A,a@client.example,DE", header=header)
    assert outcomes(olga) == {2: "Will be added"}
