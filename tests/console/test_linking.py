"""*Link cloud*: from all three places, the effect, the link."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import cloud_access, clouds
from portal.domain.clouds import Cloud
from tests.support.answers import notices, stored_rows
from tests.support.browser import Browser
from tests.support.clouds import (
    create_cloud,
    grant,
    link_preview,
    move_cloud,
    own_account_id,
    payer_ids,
)
from tests.support.money import row
from tests.support.page import text_of
from tests.support.usage import deliver
from tests.support.world import DORA, EDDIE, NINA, OLGA, SAM, Clock, World, actor

Open = Callable[..., Browser]
HTMX = {"HX-Request": "true"}


def where(account_id: str) -> str:
    return f"/console/billing/{account_id}/link"


def ready(client: Browser) -> list[str]:
    """The names of the clouds that can be chosen."""
    return [name_of_cloud(box, client) for box in radios(client) if "disabled" not in box.attrib]


def radios(client: Browser) -> list:  # type: ignore[type-arg]
    return [box for box in client.page.iter("input") if box.get("type") == "radio"]


def name_of_cloud(box, client: Browser) -> str:  # type: ignore[no-untyped-def]
    found = db.read(lambda: db.session.get_one(Cloud, box.get("value")).name)
    db.session.rollback()
    return found


def why(client: Browser, cloud_id: str) -> str:
    """The reason that stands at a disabled cloud."""
    [text] = [one for one in client.page.iter("span") if one.get("id") == f"why-{cloud_id}"]
    return text_of(text)


def can_press(client: Browser) -> bool:
    """Whether *Link* waits to be pressed; else what is chosen from says why not."""
    [press] = [one for one in client.page.iter("button") if one.get("id") == "press"]
    [chosen] = [one for one in client.page.iter("span") if one.get("id") == "chosen"]
    is_off = press.get("aria-disabled") == "true"
    assert is_off == (press.get("aria-describedby") == "chosen")
    assert is_off == ("None of these can be linked now" in text_of(chosen))
    return not is_off


@pytest.fixture
def shop(app: object, world: World, clock: Clock) -> str:
    """Nina's own cloud, on which North's owner role is in effect."""
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north)
    clock.forward(minutes=5)
    return ident


# Three ways in


def test_a_customer_links_from_the_menu_of_the_partners_subaccount(
    browser: Open, world: World
) -> None:
    shop = create_cloud(NINA)
    client = browser(NINA)
    client.get("/console")
    client.click("Link cloud")
    assert ready(client) == ["shop"]
    client.submit("Show what linking does", cloud=shop)
    assert "Now paid by Nina Customer" in client.text
    assert "From now on North pays for it in this subaccount, and sees its usage." in client.text
    client.submit("Link")
    assert client.url == "http://localhost/console"
    assert notices(client, "success") == ["shop is linked. From now on North pays for it."]
    assert payer_ids(shop) == [world.ninas_subaccount, own_account_id(NINA)]


def test_a_partner_links_from_the_same_menu_of_their_own_homepage(
    browser: Open, world: World, shop: str
) -> None:
    client = browser(EDDIE)
    client.get("/console?q=Nina")
    client.click("Link cloud")
    client.submit("Show what linking does", cloud=shop)
    client.submit("Link")
    assert client.url == "http://localhost/console?q=Nina"
    assert payer_ids(shop)[0] == world.ninas_subaccount


def test_a_partner_links_from_the_customers_account_under_billing(
    browser: Open, world: World, shop: str
) -> None:
    client = browser(EDDIE)
    client.get("/console/billing")
    client.get(f"/console/billing/{world.ninas_subaccount}")
    client.click("Link cloud")
    client.submit("Show what linking does", cloud=shop)
    client.submit("Link")
    assert client.url == f"http://localhost/console/billing/{world.ninas_subaccount}"
    assert payer_ids(shop)[0] == world.ninas_subaccount


def test_with_a_script_the_dialog_leaves_for_where_one_was(
    browser: Open, world: World, shop: str
) -> None:
    client = browser(NINA)
    client.get("/console")
    address = f"{where(world.ninas_subaccount)}?next=/console&dialog=1"
    client.get(address, headers=HTMX)
    assert [heading.tag for heading in client.page.iter() if heading.tag in ("h1", "h2")] == ["h2"]
    data = client.form(id="link-form")
    shown = link_preview(shop, world.ninas_subaccount, NINA).digest
    answer = client.post(address, data={**data, "cloud": shop, "shown": shown}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/console")
    assert payer_ids(shop)[0] == world.ninas_subaccount


def test_the_customer_leaves_the_same_way_and_the_trial_is_switched_on_the_way(
    browser: Open, world: World
) -> None:
    """The reason, the switch, and back to where one was."""
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    client = browser(NINA)
    client.get(f"/console/billing/{own_account_id(NINA)}")
    client.click("Link cloud")
    assert "this account is in trial" in why(client, shop)
    links = {a.get("href") for a in client.page.iter("a") if text_of(a) == "Switch to paid"}
    client.get(links.pop() or "")
    client.submit("Switch to paid")
    assert client.url.startswith(f"http://localhost{where(own_account_id(NINA))}?")
    client.submit("Show what linking does", cloud=shop)
    client.submit("Link")
    assert payer_ids(shop)[0] == own_account_id(NINA)
    assert client.url == f"http://localhost/console/billing/{own_account_id(NINA)}"


# The effect


def test_choosing_fetches_the_effect_alone(browser: Open, world: World, shop: str) -> None:
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    target = {**HTMX, "HX-Target": "effect"}
    client.get(f"{where(world.ninas_subaccount)}?cloud={shop}", headers=target)
    assert "Now paid by another account From now on North pays for it" in client.text
    assert "Nina" not in client.text
    assert not radios(client)


def test_who_paid_for_the_cloud_last_month_reads_what_it_cost(
    browser: Open, world: World, shop: str, clock: Clock
) -> None:
    deliver(row("318.4", shop))
    clock.forward(days=31)
    for email, sees in ((NINA, True), (OLGA, False)):
        client = browser(email)
        client.get(f"{where(world.ninas_subaccount)}?cloud={shop}")
        assert "Now paid by" in client.text
        cost = "Cost in March 2026 €318.40, charged to Nina Customer"
        assert (cost in client.text, "318" in client.text) == (sees, sees)


def test_what_changed_meanwhile_is_shown_again_and_not_done(
    browser: Open, world: World, shop: str
) -> None:
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    client.submit("Show what linking does", cloud=shop)
    found = db.session.get_one(Cloud, shop)
    db.write(lambda: clouds.rename(found, by=actor(NINA), name="store"))
    answer = client.submit("Link")
    assert answer.status_code == 422
    assert any("Something changed since this was shown." in text for text in notices(client))
    assert "What linking store does" in client.text
    assert payer_ids(shop) == [own_account_id(NINA)]
    client.submit("Link")
    assert payer_ids(shop)[0] == world.ninas_subaccount


def test_another_cloud_than_the_one_shown_is_not_linked_but_shown(
    browser: Open, world: World, shop: str
) -> None:
    other = create_cloud(NINA, "other")
    client = browser(NINA)
    client.get(where(world.ninas_subaccount))
    client.submit("Show what linking does", cloud=shop)
    assert client.submit("Link", cloud=other).status_code == 422
    assert "What linking other does" in client.text
    assert payer_ids(other) == [own_account_id(NINA)]


def test_a_role_revoked_while_the_page_is_open_is_said_when_one_links(
    browser: Open, world: World, shop: str
) -> None:
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    client.submit("Show what linking does", cloud=shop)
    found = db.session.get_one(Cloud, shop)
    db.write(lambda: cloud_access.revoke_partner(found, by=actor(NINA), of=world.north))
    answer = client.submit("Link")
    assert answer.status_code == 422
    assert payer_ids(shop) == [own_account_id(NINA)]
    assert shop not in client.text


# Bad input


@pytest.mark.parametrize("ident", ["", "nonsense", "b1g" + "0" * 17, "\x00", "’" * 40, "x" * 999])
def test_a_cloud_that_is_none_links_nothing(browser: Open, world: World, ident: str) -> None:
    create_cloud(NINA)
    client = browser(NINA)
    client.get(where(world.ninas_subaccount))
    before = stored_rows()
    data = client.form(id="link-form") | {"cloud": ident, "shown": "0" * 64}
    assert client.post(where(world.ninas_subaccount), data=data).status_code == 422
    assert stored_rows() == before


def test_a_strangers_cloud_reads_like_one_that_does_not_exist(browser: Open, world: World) -> None:
    create_cloud(NINA)
    client = browser(NINA)
    client.get(where(world.ninas_subaccount))
    data = client.form(id="link-form") | {"shown": "0" * 64}
    said = []
    for ident in (world.doras_cloud, "b1g" + "0" * 17):
        client.post(where(world.ninas_subaccount), data=data | {"cloud": ident})
        said.append(notices(client))
    assert said[0] == said[1]
    assert payer_ids(world.doras_cloud) == [world.direct]


def test_a_cloud_that_is_seen_but_not_offered_says_why(browser: Open, world: World) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    client = browser(OLGA)
    client.get(f"{where(world.north)}?cloud={shop}")
    assert "You have no role on this cloud." in client.text


@pytest.mark.parametrize("who", [SAM, DORA])
def test_a_strangers_account_is_not_found(browser: Open, world: World, who: str) -> None:
    client = browser(who)
    assert client.get(where(world.ninas_subaccount)).status_code == 404
    assert client.post(where(world.ninas_subaccount)).status_code == 404


@pytest.mark.parametrize("query", ["q=" + "x" * 5000, "shown=-1", "shown=1e9", "shown=99999999999"])
def test_an_odd_query_is_no_fault(browser: Open, world: World, query: str) -> None:
    client = browser(NINA)
    assert client.get(f"{where(world.ninas_subaccount)}?{query}").status_code == 200
