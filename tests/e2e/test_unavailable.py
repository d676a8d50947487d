"""Without a database the open page stays as it is, and says why; afterwards it works again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from tests.support.database_faults import cause
from tests.support.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("kind", ["sqlite"])]


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_form_in_a_page_keeps_what_was_typed_and_says_why(
    chrome: Browser, url: str, cast: tuple[str, World]
) -> None:
    page = chrome.new_page(locale="en")
    page.goto(f"{url}/help/invitation")
    page.get_by_text("No", exact=True).click()
    page.get_by_label("Other", exact=True).check()
    comment = page.get_by_role("textbox")
    comment.fill("Typed with care")
    with cause("away", cast[0]):
        page.get_by_role("button", name="Send").click()
        message = page.locator("#announce:not(.visually-hidden)")
        expect(message).to_contain_text("its database does not answer. Nothing was saved.")
        expect(comment).to_have_value("Typed with care")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Thank you for saying so.")).to_be_visible()
    expect(message).to_have_count(0)
    page.close()
