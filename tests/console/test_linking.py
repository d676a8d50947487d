"""*Link cloud*: from all three places, the reasons as people read them, the effect, the link."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import cloud_access, clouds, customers
from portal.domain.access import CloudRole
from portal.domain.clouds import Cloud
from tests.support.answers import notices, stored_rows
from tests.support.browser import Browser
from tests.support.clouds import (
    accept_carls_invitation,
    assign_cloud_role,
    create_cloud,
    grant,
    link_preview,
    move_cloud,
    own_account_id,
    payer_ids,
    run_customer_verb,
)
from tests.support.page import text_of
from tests.support.world import CARL, DORA, EDDIE, NINA, OLGA, SAM, VERA, Clock, World, actor

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
    assert "Until you press Link nothing changes; Nina Customer pays for it" in client.text
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


# The reasons


def too_recent(world: World) -> str:
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north)
    return ident


def insufficient(world: World) -> str:
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north, role=CloudRole.EDITOR)
    return ident


def another_customers(world: World) -> str:
    accept_carls_invitation()
    ident = create_cloud(CARL)
    grant(ident, by=CARL, to=world.north)
    return ident


def here_already(world: World) -> str:
    ident = create_cloud(NINA)
    grant(ident, by=NINA, to=world.north)
    move_cloud(ident, world.ninas_subaccount, by=NINA)
    return ident


SENTENCES = {
    too_recent: "Too little time has passed since the owner role was assigned. This row enables "
    "itself.",
    insufficient: "You hold editor. Linking needs resource-manager.clouds.owner: an owner can "
    "change the role in Access control.",
    another_customers: "As the partner you link only clouds that this customer’s user owns.",
    here_already: "Already linked to this account since 2 Mar 2026.",
}


@pytest.mark.parametrize("arranged", SENTENCES)
def test_each_cloud_that_can_not_be_linked_says_why(
    browser: Open, world: World, arranged: Callable[[World], str], clock: Clock
) -> None:
    ident = arranged(world)
    if arranged is not too_recent:
        clock.forward(minutes=5)
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    assert ready(client) == []
    assert not can_press(client)
    assert why(client, ident).startswith(SENTENCES[arranged])


def suspended(world: World) -> str:
    run_customer_verb(customers.suspend, world.ninas_customer)
    return world.ninas_subaccount


def ended(world: World) -> str:
    run_customer_verb(customers.end_partnership, world.ninas_customer)
    return world.ninas_subaccount


AGAINST_ACCOUNT = {
    (suspended, NINA): "The customer is suspended; nothing can be linked to this subaccount until "
    "the partner resumes it.",
    (ended, NINA): "This account can’t pay for a cloud now: its status is CLOSED.",
    (lambda world: world.carls_subaccount, EDDIE): "The customer has not confirmed the "
    "partnership yet",
    (lambda world: world.ninas_subaccount, VERA): "Your role on the account to link to is too "
    "weak. Linking needs editor or higher there.",
}


@pytest.mark.parametrize(("arranged", "who"), AGAINST_ACCOUNT)
def test_an_account_to_which_nothing_can_be_linked_says_why(
    browser: Open, world: World, arranged: Callable[[World], str], who: str
) -> None:
    create_cloud(NINA)
    account_id = arranged(world)
    client = browser(who)
    client.get(where(account_id))
    assert ready(client) == []
    [said] = notices(client, "warn")
    assert said.startswith("Nothing can be linked here now.")
    assert AGAINST_ACCOUNT[arranged, who] in said
    assert "Link" not in [text_of(button) for button in client.page.iter("button")]


def test_an_expired_trial_leads_to_the_switch(browser: Open, world: World, clock: Clock) -> None:
    assign_cloud_role(NINA, world.doras_cloud)
    clock.forward(days=61)
    client = browser(NINA)
    client.get(where(own_account_id(NINA)))
    assert "its status is TRIAL_EXPIRED" in notices(client, "warn")[0]
    client.click("Switch to paid")
    client.submit("Switch to paid")
    assert sorted(ready(client)) == ["default", "dora-cloud"]


def test_a_waiting_cloud_enables_itself_when_its_time_is_over(
    browser: Open, world: World, clock: Clock
) -> None:
    shop, other = too_recent(world), create_cloud(NINA, "other")
    grant(other, by=NINA, to=world.north)
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    [part] = [div for div in client.page.iter("div") if div.get("id") == "choices"]
    assert part.get("hx-trigger") == "load delay:20s"
    assert not can_press(client)
    clock.forward(seconds=20)
    client.get(f"{part.get('hx-get')}&cloud={shop}", headers={**HTMX, "HX-Target": "choices"})
    assert ready(client) == ["other", "shop"]
    assert can_press(client)
    assert [box.get("value") for box in radios(client) if "checked" in box.attrib] == [shop]
    [part] = [div for div in client.page.iter("div") if div.get("id") == "choices"]
    assert "hx-trigger" not in part.attrib
    assert part.get("data-announce") == "2 clouds are ready to link."


# The effect


def test_choosing_fetches_the_effect_alone(browser: Open, world: World, shop: str) -> None:
    client = browser(EDDIE)
    client.get(where(world.ninas_subaccount))
    target = {**HTMX, "HX-Target": "effect"}
    client.get(f"{where(world.ninas_subaccount)}?cloud={shop}", headers=target)
    assert "nothing changes; another account pays for it." in client.text
    assert "billed to this subaccount of North. North sees it and is invoiced" in client.text
    assert "Nina" not in client.text
    assert not radios(client)


def test_what_changed_meanwhile_is_shown_anew_and_not_done(
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
@pytest.mark.both_databases
def test_an_odd_query_is_no_fault(browser: Open, world: World, query: str) -> None:
    client = browser(NINA)
    assert client.get(f"{where(world.ninas_subaccount)}?{query}").status_code == 200


# Nothing to choose, and many


@pytest.mark.both_databases
def test_who_misses_a_cloud_copies_a_request(browser: Open, world: World) -> None:
    client = browser(OLGA)
    client.get(where(world.ninas_subaccount))
    [letter] = [area.text or "" for area in client.page.iter("textarea")]
    assert "please give North access to each cloud" in letter
    assert f"Partner account ID: {world.north}" in letter
    assert "Role: resource-manager.clouds.owner" in letter
    client = browser(NINA)
    client.get(where(world.ninas_subaccount))
    [letter] = [area.text or "" for area in client.page.iter("textarea")]
    assert f"E-mail: {NINA}" in letter


def test_the_fixed_notice_stands_in_the_empty_drop_down(browser: Open, world: World) -> None:
    client = browser(VERA)
    client.get(where(world.north))
    assert (
        "If you don’t link the customer’s cloud, the customer will pay for this cloud separately "
        "in Test Cloud, and it won’t be linked to the partner."
    ) in client.text


def test_a_clouds_page_says_that_it_is_not_linked_and_leads_to_linking(
    browser: Open, world: World
) -> None:
    shop = create_cloud(NINA)
    client = browser(NINA)
    client.get(f"/console/clouds/{shop}")
    assert "If you don’t link this cloud, you pay for it separately in Test Cloud." in client.text
    client.click("Nina GmbH")
    client.submit("Link")
    assert payer_ids(shop)[0] == world.ninas_subaccount
    assert client.url == f"http://localhost/console/clouds/{shop}"
    assert "If you don’t link this cloud" not in client.text
    assert "Link to another account" in client.text
    client = browser(EDDIE)
    client.get(f"/console/clouds/{shop}")
    assert "Link to another account" not in client.text


@pytest.mark.both_databases
def test_more_than_twenty_clouds_are_searched(browser: Open, world: World) -> None:
    client = browser(NINA)
    for number in range(20):
        create_cloud(NINA, f"cloud-{number}")
    client.get(where(world.ninas_subaccount))
    assert "q" in client.form(id="link-form")
    client.get(
        f"{where(world.ninas_subaccount)}?q=CLOUD-7", headers={**HTMX, "HX-Target": "choices"}
    )
    assert ready(client) == ["cloud-7"]
    client.get(where(world.ninas_subaccount))
    client.submit("Search", q="cloud-19")
    assert ready(client) == ["cloud-19"]


def test_twenty_clouds_need_no_search(browser: Open, world: World) -> None:
    client = browser(NINA)
    for number in range(19):
        create_cloud(NINA, f"cloud-{number}")
    client.get(where(world.ninas_subaccount))
    assert "q" not in client.form(id="link-form")
