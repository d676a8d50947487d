"""After a restore everybody signs in again, and links that were mailed before are over."""

from __future__ import annotations

from collections.abc import Callable

from portal import db
from portal.domain import identity, values, workflows
from tests.support.answers import links
from tests.support.browser import Browser
from tests.support.mails import link_in, mails_to
from tests.support.world import DORA, NINA, OLGA, PASSWORD, signed_in

Open = Callable[..., Browser]

OVER = "All links end when the portal is restored from a backup."


def request_links() -> dict[str, str]:
    """For each kind of signed link, one that was mailed."""
    new, changed = (values.email(f"{name}@comer.example") for name in ("new", "changed"))
    asked = {"name": "New", "next_path": "/", "language": "en", "invited": False}
    nina = signed_in(NINA)
    db.write(lambda: identity.sign_up(new, **asked))
    db.write(lambda: identity.request_email_change(nina, changed))
    db.write(lambda: identity.request_password_reset(values.email(DORA)))
    addresses = {"sign-up": new.display, "email": changed.display, "reset": DORA}
    return {kind: link_in(mails_to(address)[-1]) for kind, address in addresses.items()}


def sign_in(browser: Open, email: str) -> Browser:
    client = browser()
    client.get("/sign-in")
    client.submit("Sign in", email=email, password=PASSWORD)
    return client


def test_sessions_and_mailed_links_of_before_are_over_and_new_ones_are_offered(
    browser: Open,
) -> None:
    mailed = request_links()
    olga, nina, visitor = browser(OLGA), browser(NINA), browser()
    readers = {"sign-up": visitor, "email": nina, "reset": visitor}
    for kind, reader in readers.items():
        assert reader.get(mailed[kind]).status_code == 200
    assert olga.get("/console").status_code == 200

    db.write(workflows.finish_restore, while_restoring=True)

    for client in (olga, nina):
        assert client.get("/console").headers["Location"].startswith("/sign-in")
    readers["email"] = sign_in(browser, NINA)
    ways = {
        "sign-up": "Sign up again",
        "email": "Ask for a new mail",
        "reset": "Ask for a new link",
    }
    for kind, reader in readers.items():
        assert reader.get(mailed[kind]).status_code == 404
        assert OVER in reader.text
        assert ways[kind] in links(reader)

    again = request_links()
    readers["email"] = sign_in(browser, NINA)
    for kind, reader in readers.items():
        assert reader.get(again[kind]).status_code == 200, kind
        assert again[kind] != mailed[kind]
