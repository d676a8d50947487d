"""Responses in tests: errors, notices, links and definition lists of a page, and stored rows."""

from __future__ import annotations

import re

from werkzeug.test import TestResponse

from portal import db
from portal.domain.identity import UserSession
from tests.support.browser import Browser
from tests.support.page import text_of
from tests.support.world import all_rows


def csrf_token(client: Browser) -> str:
    """A CSRF token that is valid for any form in this browser."""
    client.get("/sign-in?switch=1")
    token: str = client.form("/sign-in")["csrf_token"]
    return token


def normalized_html(response: TestResponse) -> str:
    """The HTML of the page with its tokens, request ID and `next` links blanked."""
    text = response.get_data(as_text=True)
    text = re.sub(r'(name="csrf_token"[^>]*value=)"[^"]*"', r'\1"…"', text)
    text = re.sub(r'(<span class="id">|data-copy=")[0-9a-f]{16}\b', r"\1…", text)
    text = re.sub(r'(name="next" value=")[^"]*', r"\1…", text)
    return re.sub(r"(\bnext=)[^\"]*?(?=&amp;|\")", r"\1…", text)


def errors(client: Browser) -> dict[str, str]:
    """The errors of the last page, by the field's ID."""
    return {
        element.attrib["id"].removesuffix("-error"): text_of(element)
        for element in client.page.iter()
        if isinstance(element.tag, str) and element.get("id", "").endswith("-error")
    }


def notices(client: Browser, kind: str = "danger") -> list[str]:
    """The texts of the last page's notices of this kind."""
    return [
        text_of(element)
        for element in client.page.iter()
        if isinstance(element.tag, str) and f"notice-{kind}" in element.get("class", "").split()
    ]


def links(client: Browser) -> dict[str, str]:
    """The targets of the last page's links, by their text."""
    return {text_of(link): link.attrib["href"] for link in client.page.iter("a")}


def definition_list(client: Browser) -> dict[str, str]:
    """The last page's definition lists: the definition of each term."""
    definitions: dict[str, str] = {}
    for element in client.page.iter("dl"):
        terms = [text_of(term) for term in element.iter("dt")]
        definitions |= dict(zip(terms, map(text_of, element.iter("dd")), strict=True))
    return definitions


def table_rows(client: Browser, heading: str) -> list[list[str]]:
    """The cells of the last page's table under the heading with this ID, by row."""
    (table,) = [
        table for table in client.page.iter("table") if table.get("aria-labelledby") == heading
    ]
    rows = [[text_of(cell) for cell in row if cell.tag in ("th", "td")] for row in table.iter("tr")]
    return rows[1:]


def stored_rows() -> dict[str, list[str]]:
    """All rows of all tables, by table, without what a refused request may change: when a session
    was last seen, and the counters of rate limits."""
    rows = all_rows()
    del rows["tries"]
    table = UserSession.__table__
    columns = [column for column in table.columns if column.name != "seen_at"]
    query = table.select().with_only_columns(*columns)
    rows["sessions"] = db.read(lambda: sorted(map(repr, db.session.execute(query))))
    return rows
