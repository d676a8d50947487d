"""Rotate SECRET_KEY: what an old key signed stays valid, and new signatures are the new key's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from portal import config, db, tokens
from tests.conftest import make_app
from tests.support.browser import Browser
from tests.support.world import DORA

Open = Callable[..., Browser]

NEW = "the-new-key-0123456789-abcdefghijklm"


@pytest.fixture
def app_with_keys(app: Flask) -> Iterator[Callable[..., Flask]]:
    """`app_with_keys(key, *old)` is the application again, on the same database, with these."""
    apps = []

    def build(key: str, *old: str) -> Flask:
        url = config.current().database_url
        apps.append(make_app(url, SECRET_KEY=key, SECRET_KEY_OLD=", ".join(old)))
        return apps[-1]

    yield build
    for built in apps:
        with built.app_context():
            db.extension.engine.dispose()


def carry_cookie(client: Browser, app: Flask) -> Browser:
    """Another application's browser with the session's cookie of this one."""
    cookie = client.get_cookie("portal")
    assert cookie is not None
    other: Browser = app.test_client()  # type: ignore[assignment]
    other.set_cookie("portal", cookie.value)
    return other


def test_an_old_key_is_accepted_for_cookies_links_and_open_forms(
    app: Flask, app_with_keys: Callable[..., Flask], browser: Open
) -> None:
    old = str(app.secret_key)
    dora = browser(DORA)
    dora.get("/profile")
    form = dora.form("/profile")
    link = tokens.sign("verification", "somebody", epoch="")

    rotated = app_with_keys(NEW, "k" * 40, old)
    after = carry_cookie(dora, rotated)
    assert after.get("/profile").status_code == 200
    assert after.post("/profile", data=form).status_code == 303
    with rotated.app_context():
        assert tokens.read("verification", link, epoch="") == "somebody"
        assert tokens.read("password-reset", link, epoch="") is None, "each is for one purpose"
        new_link = tokens.sign("verification", "somebody", epoch="")

    done = app_with_keys(NEW)
    assert carry_cookie(after, done).get("/profile").status_code == 200, "signed by the new key"
    with done.app_context():
        assert tokens.read("verification", new_link, epoch="") == "somebody"
        assert tokens.read("verification", link, epoch="") is None
    assert carry_cookie(dora, done).get("/profile").status_code == 303, "signed by a removed key"
