"""What an answer says: its errors by field, its markup without what differs each time."""

from __future__ import annotations

import re

from werkzeug.test import TestResponse

from portal import db
from portal.domain.identity import UserSession
from tests.support.browser import Browser
from tests.support.page import text_of
from tests.support.world import all_rows


def csrf_token(client: Browser) -> str:
    """A CSRF token that is good for any form in this browser."""
    client.get("/sign-in?switch=1")
    found: str = client.form("/sign-in")["csrf_token"]
    return found


def normalized_html(response: TestResponse) -> str:
    """The page without its tokens, its request ID and the way back to it."""
    text = response.get_data(as_text=True)
    text = re.sub(r'(name="csrf_token"[^>]*value=)"[^"]*"', r'\1"…"', text)
    text = re.sub(r'(<span class="id">|data-copy=")[0-9a-f]{16}\b', r"\1…", text)
    text = re.sub(r'(name="next" value=")[^"]*', r"\1…", text)
    return re.sub(r"(\bnext=)[^\"]*?(?=&amp;|\")", r"\1…", text)


def errors(client: Browser) -> dict[str, str]:
    """What the last page says beside its fields, by the field's ID."""
    return {
        element.attrib["id"].removesuffix("-error"): text_of(element)
        for element in client.page.iter()
        if isinstance(element.tag, str) and element.get("id", "").endswith("-error")
    }


def notices(client: Browser, kind: str = "danger") -> list[str]:
    """What the notices of this kind on the last page say."""
    return [
        text_of(element)
        for element in client.page.iter()
        if isinstance(element.tag, str) and f"notice-{kind}" in element.get("class", "").split()
    ]


def links(client: Browser) -> dict[str, str]:
    """Where the links of the last page lead, by what they say."""
    return {text_of(link): link.attrib["href"] for link in client.page.iter("a")}


def definition_list(client: Browser) -> dict[str, str]:
    """The last page's definition lists: what stands beside each term."""
    found: dict[str, str] = {}
    for entries in client.page.iter("dl"):
        terms = [text_of(entry) for entry in entries.iter("dt")]
        found |= dict(zip(terms, map(text_of, entries.iter("dd")), strict=True))
    return found


def stored_rows() -> dict[str, list[str]]:
    """All rows of all tables, but for the moment at which each session was last seen, and for the
    count of tries, which a refused one adds to."""
    rows = all_rows()
    del rows["tries"]
    table = UserSession.__table__
    seen = [column for column in table.columns if column.name != "seen_at"]
    select = table.select().with_only_columns(*seen)
    rows["sessions"] = db.read(lambda: sorted(map(repr, db.session.execute(select))))
    return rows
