"""Every (kind, ID) has its page, also after the page has moved to another URL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from portal import db, mail, urls
from portal.domain import notifications
from portal.domain.actors import WORKER
from portal.domain.notifications import Kind, Target, TargetKind
from tests.conftest import CachedRule
from tests.support.browser import Browser
from tests.support.mails import deliver_mails, link_in, mails_to, plain_text
from tests.support.world import CARL, NINA, OLGA, Clock, World, actor, user

Open = Callable[..., Browser]

IDENT, ACCOUNT = "b1g" + "0" * 17, "dn2" + "0" * 17


class MovedRule(CachedRule):
    """A route whose page, if `urls` knows it, has moved."""

    def __init__(self, string: str, **options: Any) -> None:
        is_known = options["endpoint"] in {endpoint for endpoint, *_ in urls.PAGES.values()}
        super().__init__(f"/moved{string}" if is_known else string, **options)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications that are built from now on have their pages elsewhere."""
    monkeypatch.setattr(Flask, "url_rule_class", MovedRule)


@pytest.mark.parametrize("of", urls.PAGES)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_every_row_of_the_table_names_a_page_and_all_its_arguments(app: Flask, of: str) -> None:
    endpoint, *arguments = urls.PAGES[of]
    values = dict(zip(arguments, (IDENT, ACCOUNT), strict=False))
    (rule,) = app.url_map.iter_rules(endpoint)
    assert rule.arguments == values.keys()
    found = urls.path(of, *values.values())
    assert app.url_map.bind("localhost").match(found, method="GET") == (endpoint, values)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_there_is_a_page_for_all_that_notices_and_mails_lead_to(app: Flask) -> None:
    assert urls.PAGES.keys() >= {*TargetKind, *mail.SIGNED_LINKS}
    with pytest.raises(KeyError):
        urls.path("nothing")


def test_old_notices_and_their_mails_lead_to_pages_that_have_moved(
    moved: None, app: Flask, world: World, browser: Open
) -> None:
    customer = f"/moved/partner/{world.north}/customers/{world.ninas_customer}"
    olga = browser(OLGA)
    olga.get("/moved/notices")
    olga.submit("Nina GmbH confirmed the partnership")
    assert olga.url.endswith(customer)
    assert link_in(mails_to(OLGA)[-1]) == customer


def test_all_that_a_notice_can_lead_to_is_found_where_it_has_moved(
    moved: None, app: Flask, world: World, clock: Clock, browser: Open
) -> None:
    pages = {
        OLGA: {
            Target(TargetKind.CUSTOMER, world.ninas_customer, world.north): (
                f"/moved/partner/{world.north}/customers/{world.ninas_customer}"
            ),
            Target(TargetKind.TEAM, world.north): f"/moved/partner/{world.north}/team",
            Target(TargetKind.STATEMENT, world.ninas_statement): (
                f"/moved/console/statements/{world.ninas_statement}"
            ),
        },
        NINA: {
            Target(TargetKind.ACCOUNT, world.ninas_subaccount): (
                f"/moved/console/billing/{world.ninas_subaccount}"
            ),
            Target(TargetKind.CLOUD, world.ninas_cloud): (
                f"/moved/console/clouds/{world.ninas_cloud}"
            ),
            notifications.CONSOLE: "/moved/console",
        },
    }
    assert {target.kind for of in pages.values() for target in of} == set(TargetKind)
    for email, targets in pages.items():
        to, client = [user(email).id], browser(email)
        for target, page in targets.items():
            tell = {"to": to, "about": "x", "target": target, "by": WORKER, "cloud": "shop"}
            db.write(lambda tell=tell: notifications.notify(Kind.MOVED, **tell))
            client.get("/moved/notices")
            newest = notifications.notifications_for(actor(email))[0].id
            token = client.form(f"/notices/{newest}/read")["csrf_token"]
            answer = client.post(f"/notices/{newest}/read", data={"csrf_token": token})
            assert answer.location == page
            assert client.get(page).status_code == 200
            clock.forward(minutes=10)  # else they share a mail
            assert link_in(mails_to(email)[-1]) == page


def test_every_link_of_a_mail_leads_to_the_page_that_has_moved(
    moved: None, app: Flask, world: World
) -> None:
    assert link_in(mails_to(CARL)[0]) == f"/moved/invite/accept/{world.carls_subaccount}"
    for letter in deliver_mails():
        found = re.findall(r"http://localhost(\S+)", plain_text(letter))
        assert found
        assert all(path.startswith("/moved/") for path in found), found


@pytest.mark.parametrize("page", ["/moved/notices", "/moved/console"])
def test_every_link_of_a_page_leads_to_the_page_that_has_moved(
    moved: None, app: Flask, world: World, browser: Open, page: str
) -> None:
    olga = browser(OLGA)
    olga.get(page)
    found = {urlsplit(link.get("href", "")).path for link in olga.page.iter("a")} - {""}
    assert "/moved/console" in found
    for path in found:
        app.url_map.bind("localhost").match(path)
