"""What tests of imports share: a file as a person uploads it, and the worker that comes by."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import db, worker
from portal.domain.customers import Customer
from portal.domain.imports import Import
from tests.support.browser import Browser
from tests.support.page import text_of
from tests.support.world import World

HEADER = "name,invitation_email,country"


def import_path(world: World, rest: str = "") -> str:
    return f"/partner/{world.north}/customers/import{rest}"


def csv_file(*rows: str, header: str = HEADER) -> bytes:
    """A file with these rows."""
    return "\r\n".join([header, *rows]).encode()


def csv_rows(count: int, first: int = 0) -> list[str]:
    """Rows of as many customers."""
    return [f"Firm {n},f{n}@client.example,DE" for n in range(first, first + count)]


def upload(client: Browser, world: World, content: bytes) -> TestResponse:
    """Choose the file and press the button."""
    assert client.get(import_path(world)).status_code == 200
    answer = client.submit("Upload and check", file=(io.BytesIO(content), "customers.csv"))
    answer.request.environ["wsgi.input"].close()  # a large one is a temporary file of werkzeug's
    return answer


def run_worker() -> None:
    """The worker comes by, until there is nothing to do for it now."""
    while worker.run_imports():
        pass


def upload_and_check(client: Browser, world: World, *rows: str, header: str = HEADER) -> Browser:
    """The page of a file that was uploaded and checked."""
    assert upload(client, world, csv_file(*rows, header=header)).status_code == 200
    run_worker()
    client.get(client.url)
    return client


def upload_and_import(client: Browser, world: World, *rows: str, header: str = HEADER) -> Browser:
    """The page of a file whose rows were added as far as they can be."""
    upload_and_check(client, world, *rows, header=header)
    client.submit(form="begin")
    run_worker()
    client.get(client.url)
    return client


def outcomes(client: Browser) -> dict[int, str]:
    """What the page says became of each row, with the reasons, by the row's number."""
    found = [row for body in client.page.iter("tbody") for row in body.iter("tr")]
    return {int(text_of(row[0])): text_of(row[3]) for row in found}


def latest_state() -> str:
    """Of the newest import."""
    found = select(Import.state).order_by(Import.id.desc()).limit(1)
    return str(db.read(lambda: db.session.scalar(found)))


def customer_names(world: World) -> list[str]:
    """North's customers, oldest first."""
    found = select(Customer.name).where(Customer.partner_id == world.north).order_by(Customer.id)
    return db.read(lambda: list(db.session.scalars(found)))


def added_names(world: World) -> list[str]:
    """Those beside the cast's."""
    return [name for name in customer_names(world) if name not in ("Carl & Sons", "Nina GmbH")]


def parse_csv(answer: TestResponse) -> list[dict[str, str]]:
    """The rows of a file that was downloaded."""
    assert answer.mimetype == "text/csv"
    text = answer.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def format_csv(rows: Iterable[dict[str, str]]) -> bytes:
    """The same as a file again."""
    rows = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")
