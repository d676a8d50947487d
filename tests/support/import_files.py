"""Imports in tests: upload a CSV file, run the worker, read the result."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import db
from portal.domain.customers import Customer
from portal.domain.imports import Import
from tests.support.browser import Browser
from tests.support.jobs import run_imports
from tests.support.page import text_of
from tests.support.world import World

HEADER = "name,invitation_email,country"


def import_path(world: World, suffix: str = "") -> str:
    return f"/partner/{world.north}/customers/import{suffix}"


def csv_file(*rows: str, header: str = HEADER) -> bytes:
    """A CSV file with these rows."""
    return "\r\n".join([header, *rows]).encode()


def csv_rows(count: int, first: int = 0) -> list[str]:
    """Valid rows of `count` customers."""
    return [f"Firm {n},f{n}@client.example,DE" for n in range(first, first + count)]


def upload(client: Browser, world: World, content: bytes) -> TestResponse:
    """Choose the file and submit the form."""
    assert client.get(import_path(world)).status_code == 200
    response = client.submit("Upload and check", file=(io.BytesIO(content), "customers.csv"))
    response.request.environ["wsgi.input"].close()  # a temporary file, if the upload is large
    return response


def upload_and_check(client: Browser, world: World, *rows: str, header: str = HEADER) -> Browser:
    """Upload a file and check its rows; then show its page."""
    assert upload(client, world, csv_file(*rows, header=header)).status_code == 200
    run_imports()
    client.get(client.url)
    return client


def upload_and_import(client: Browser, world: World, *rows: str, header: str = HEADER) -> Browser:
    """Upload a file, check its rows and add the valid ones; then show its page."""
    upload_and_check(client, world, *rows, header=header)
    client.submit(form="begin")
    run_imports()
    client.get(client.url)
    return client


def outcomes(client: Browser) -> dict[int, str]:
    """The outcome of each row with its reasons, as the page shows it, by the row's number."""
    rows = [row for body in client.page.iter("tbody") for row in body.iter("tr")]
    return {int(text_of(row[0])): text_of(row[3]) for row in rows}


def latest_state() -> str:
    """The state of the newest import."""
    query = select(Import.state).order_by(Import.id.desc()).limit(1)
    return str(db.read(lambda: db.session.scalar(query)))


def customer_names(world: World) -> list[str]:
    """The names of North's customers, oldest first."""
    query = select(Customer.name).where(Customer.partner_id == world.north).order_by(Customer.id)
    return db.read(lambda: list(db.session.scalars(query)))


def added_names(world: World) -> list[str]:
    """The names of North's customers without the cast's, oldest first."""
    return [name for name in customer_names(world) if name not in ("Carl & Sons", "Nina GmbH")]


def parse_csv(response: TestResponse) -> list[dict[str, str]]:
    """The rows of a downloaded CSV file."""
    assert response.mimetype == "text/csv"
    text = response.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def format_csv(rows: Iterable[dict[str, str]]) -> bytes:
    """A CSV file with these rows."""
    rows = list(rows)
    output = io.StringIO()
    writer = csv.DictWriter(output, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue().encode("utf-8-sig")
