"""*Get access*, *Show* and *Withdraw* on a cloud's page; what Access control says of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal import db
from portal.domain import connections, memberships, people, work
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.drift import Drift, DriftKind
from portal.domain.errors import Refused
from portal.domain.identity import BlockReason
from portal.domain.jobs import Job, OrderKind
from portal.domain.memberships import Access, Membership
from tests.support.answers import errors, notices
from tests.support.browser import Browser
from tests.support.cloud_access import access_path, give, grant, revoke
from tests.support.memberships import (
    add_memberships,
    memberships_of,
    order_access,
    pretend_connection,
    put_on,
)
from tests.support.page import text_of
from tests.support.work import appoint_operator
from tests.support.world import DORA, EDDIE, NINA, SAM, TINA, Clock, World, user

Open = Callable[..., Browser]
SECRET = 'clouds:\n  shop: {auth: <secret & "quoted">}'


@pytest.fixture
def shop(app: Flask, world: World) -> Iterator[str]:
    """The path of Dora's cloud, which is at a connection."""
    db.write(lambda: put_on(pretend_connection(), world.doras_cloud))
    yield f"/console/clouds/{world.doras_cloud}"
    connections.configure_keys(list)


def own_access(client: Browser) -> str:
    """What the page says of the user's own access."""
    (found,) = (part for part in client.page.iter("section") if part.get("id") == "accesses")
    return text_of(found)


def waiting() -> list[str]:
    """The IDs of the accesses that the connection has not made yet."""
    query = select(Access.id).where(Access.made_at.is_(None), Access.ending_at.is_(None))
    return list(db.session.scalars(query))


def job_of_kind(kind: OrderKind) -> Job:
    """The job that is the only order of this kind."""
    return db.read(lambda: db.session.scalars(select(Job).where(Job.subject_kind == kind)).one())


def make(text: str = SECRET, how: str = "clouds.yaml") -> None:
    """The connection has carried out what is ordered."""

    def unit() -> None:
        is_ordered = Membership.role.is_(None), Membership.revoking_at.is_(None)
        for row in db.session.scalars(select(Membership).where(*is_ordered)).all():
            memberships.record_granted(row.id, CloudRole.OWNER)
        for access_id in waiting():
            memberships.record_made(access_id, how=how, text=text)

    db.write(unit)


def get_access(client: Browser, shop: str) -> str:
    """Order an access by its form; its ID."""
    client.get(f"{shop}/accesses/get")
    client.submit("Get access", name="Laptop", days="7")
    return db.read(waiting)[0]


def test_an_access_is_ordered_shown_once_and_withdrawn(browser: Open, shop: str) -> None:
    client = browser(DORA)
    client.get(shop)
    assert "You have taken no access yet." in own_access(client)
    access_id = get_access(client, shop)
    assert "Laptop" in own_access(client)
    assert "Being made" in own_access(client)
    make()
    client.get(shop)
    client.click("Show Laptop")
    assert "auth" not in client.text

    assert client.submit("Show").headers["Cache-Control"] == "no-store"

    assert SECRET in "".join(client.page.itertext())
    assert "Save the file as ~/.config/openstack/clouds.yaml" in client.text
    assert "export OS_CLOUD=shop" in client.text
    (download,) = (link for link in client.page.iter("a") if link.get("download"))
    assert download.get("download") == "clouds.yaml"
    assert (download.get("href") or "").startswith("data:text/plain;charset=utf-8,clouds%3A%0A")
    client.get(f"{shop}/accesses/{access_id}/show")
    assert client.submit("Show").status_code == 422
    assert "was shown before" in notices(client)[0]
    client.get(shop)
    client.click("Withdraw Laptop")
    client.submit("Withdraw")
    assert "Being withdrawn, still works" in own_access(client)


def test_an_access_to_lxd_is_shown_with_the_commands_that_use_it(
    browser: Open, shop: str, world: World
) -> None:
    settings = {"url": "https://lxd.example:8443"}
    db.write(lambda: db.session.execute(update(Connection).values(kind="lxd", settings=settings)))
    client = browser(DORA)
    access_id = get_access(client, shop)
    make("-----BEGIN CERTIFICATE-----", "text")
    client.get(f"{shop}/accesses/{access_id}/show")
    client.submit("Show")
    command = f"lxc remote add {world.doras_cloud} https://lxd.example:8443 --project"
    assert f"{command} external-{world.doras_cloud}" in client.text


def primary(client: Browser) -> list[str]:
    """The main buttons of the page’s head."""
    buttons = (part for part in client.page.iter("a") if "btn-primary" in part.get("class", ""))
    return [text_of(button) for button in buttons if button.get("id")]


def test_the_main_button_gets_access_first_and_then_opens_the_console(
    browser: Open, shop: str
) -> None:
    settings = {"console_url": "https://console.example/{id}"}
    db.write(lambda: db.session.execute(update(Connection).values(settings=settings)))
    client = browser(DORA)
    client.get(shop)
    assert primary(client) == ["Get access"]
    get_access(client, shop)
    client.get(shop)
    assert primary(client) == ["Open console"]


def test_who_has_a_role_to_come_reads_when_it_gives_access(
    browser: Open, shop: str, world: World, clock: Clock
) -> None:
    grant(world.doras_cloud, CloudRole.EDITOR, to=SAM)
    client = browser(SAM)
    page = client.get(shop).get_data(as_text=True)
    assert "Your role takes effect in 20 s; then you can get access." in client.text
    assert "every 5s" in page, "it polls"
    clock.forward(seconds=20)
    client.get(shop)
    client.click("Get access")


def test_of_a_blocked_person_and_a_suspended_cloud_nothing_is_said_to_work(
    browser: Open, shop: str, world: World
) -> None:
    def unit() -> None:
        add_memberships(SAM, world.doras_cloud)
        db.lock(Cloud, world.doras_cloud).is_suspended_there = True
        people.block(user(TINA), by=COMMAND, reason=BlockReason.STOLEN)

    for email in (SAM, TINA):
        give(world.doras_cloud, CloudRole.EDITOR, to=email)
    db.write(unit)
    client = browser(DORA)
    for page in (access_path(world.doras_cloud), shop):
        client.get(page)
        assert "Up to date" not in client.text
        assert "Refused while the cloud is suspended" in client.text
        assert "Tina Trial blocked" in client.text
        assert "no access while blocked" in client.text


def test_the_page_says_why_no_access_can_be_had(browser: Open, shop: str, world: World) -> None:
    def suspend() -> None:
        db.lock(Cloud, world.doras_cloud).is_suspended_there = True

    db.write(suspend)
    client = browser(DORA)
    client.get(f"{shop}/accesses/get")
    assert "suspended" in notices(client, "warn")[0]
    assert client.submit("Get access", name="Laptop", days="7").status_code == 422
    assert "suspended" in notices(client)[0]
    client.submit("Get access", name="", days="7")
    assert "name" in errors(client)


def test_who_may_not_sees_no_way_to_get_access(browser: Open, shop: str, world: World) -> None:
    give(world.doras_cloud, CloudRole.MEMBER, to=SAM)
    client = browser(SAM)
    client.get(shop)
    assert "Your access" not in client.text
    assert client.get(f"{shop}/accesses/get").status_code == 403


def test_a_cloud_of_the_portal_alone_offers_no_access(browser: Open, world: World) -> None:
    client = browser(NINA)
    client.get(f"/console/clouds/{world.ninas_cloud}")
    assert "Your access" not in client.text


def test_the_access_of_another_is_not_found(browser: Open, shop: str, world: World) -> None:
    access_id = get_access(browser(DORA), shop)
    give(world.doras_cloud, CloudRole.OWNER, to=SAM)
    client = browser(SAM)
    for page in ("show", "withdraw"):
        assert client.get(f"{shop}/accesses/{access_id}/{page}").status_code == 404


def test_a_link_opens_the_console_and_is_shown_again(browser: Open, shop: str) -> None:
    client = browser(DORA)
    get_access(client, shop)
    make("https://console.example/", "link")
    client.get(shop)
    (link,) = (a for a in client.page.iter("a") if text_of(a) == "Open console")
    assert link.get("href") == "https://console.example/"


@pytest.mark.parametrize("text", ["javascript:alert(1)", "https://console.example/\0"])
def test_a_link_that_is_a_script_or_none_is_shown_as_text(
    browser: Open, shop: str, text: str
) -> None:
    client = browser(DORA)
    get_access(client, shop)
    make(text, "link")
    client.get(shop)
    assert not [a for a in client.page.iter("a") if (a.get("href") or "") == text]
    assert "Ready" in own_access(client)


def test_who_reads_a_role_on_a_cloud_reads_whether_it_is_carried_out(
    browser: Open, shop: str, world: World, clock: Clock
) -> None:
    cloud_id, dora, sam = world.doras_cloud, browser(DORA), browser(SAM)
    give(cloud_id, CloudRole.EDITOR, to=SAM)
    give(cloud_id, CloudRole.EDITOR, to=world.north)
    db.write(lambda: add_memberships(SAM, cloud_id))
    order_access(EDDIE, cloud_id)
    sam.get(access_path(cloud_id))
    assert "In the cloud: Up to date" in sam.text
    dora.get(access_path(cloud_id))
    assert "of its staff has access" not in dora.text, "Eddie's role is not carried out yet"

    revoke(cloud_id, of=SAM)
    explained = access_path(cloud_id, f"/explain?email={SAM}")
    dora.get(explained)
    assert "In the cloud Active Being revoked, still works" in text_of(dora.page)
    membership_id = memberships_of(SAM)[0].id
    db.write(lambda: memberships.record_revoked(membership_id, None))
    running = "New sign-ins are refused from now on; open sign-ins end by"
    for page in (explained, shop):
        dora.get(page)
        assert running in dora.text
    clock.forward(minutes=6)
    dora = browser(DORA)
    dora.get(shop)
    assert running not in dora.text


def test_a_role_whose_order_an_operator_cancelled_has_failed_until_it_is_ordered_again(
    browser: Open, shop: str
) -> None:
    client = browser(DORA)
    get_access(client, shop)
    order, by = job_of_kind(OrderKind.GRANT), appoint_operator()
    db.write(lambda: work.cancel(order, by=by))
    client.get(shop)
    assert "Being made" not in own_access(client)
    assert "Failed An operator cancelled it." in own_access(client)
    get_access(client, shop)
    make()
    client.get(shop)
    assert own_access(client).count("Ready") == 2


def kind_is(kind: str) -> None:
    db.write(lambda: db.session.execute(update(Connection).values(kind=kind)))


def test_revoke_and_stop_is_offered_where_an_open_console_outlives_a_revoke(
    browser: Open, shop: str, world: World
) -> None:
    cloud_id, client, path = world.doras_cloud, browser(DORA), access_path(world.doras_cloud)
    give(cloud_id, CloudRole.EDITOR, to=SAM)
    give(cloud_id, CloudRole.EDITOR, to=world.north)
    revoke_sam, revoke_north = f"/{user(SAM).id}/revoke", f"/{world.north}/revoke-partner"
    client.get(path + revoke_sam)
    assert "Revoke and stop" not in client.text
    with pytest.raises(Refused) as refusal:
        revoke(cloud_id, of=SAM, stop=True)
    assert refusal.value.code == "cloud-cant-stop"

    kind_is("lxd")
    client.get(path + revoke_sam)
    assert "Revoke and stop" not in client.text, "no access was taken"
    db.write(lambda: add_memberships(SAM, cloud_id))
    db.write(lambda: add_memberships(EDDIE, cloud_id))
    client.get(path + revoke_sam)
    assert "an open console of an instance goes on until that instance is stopped." in client.text
    client.submit("Revoke")
    give(cloud_id, CloudRole.EDITOR, to=EDDIE)
    for revoke_one in (f"/{user(EDDIE).id}/revoke", f"/{world.north}/revoke"):
        client.get(path + revoke_one)
        assert "Eddie Editor keeps access to this cloud by:" in client.text
        assert "Revoke and stop" not in client.text
        assert "access was taken" not in client.text
    client.get(path + revoke_north)
    client.submit("Revoke and stop")
    assert [row.stops for email in (SAM, EDDIE) for row in memberships_of(email)] == [False, True]

    for email in (SAM, EDDIE):
        row_id = memberships_of(email)[0].id
        db.write(partial(memberships.record_revoked, row_id, None))
    client.get(path)
    assert "an open console of an instance goes on" in client.text, "of Sam"
    assert "and all instances were stopped" in client.text, "of Eddie"


def test_access_control_says_what_is_carried_out(
    browser: Open, shop: str, world: World, clock: Clock
) -> None:
    cloud_id = world.doras_cloud
    give(cloud_id, CloudRole.EDITOR, to=SAM)
    give(cloud_id, CloudRole.EDITOR, to=world.north)
    db.write(lambda: add_memberships(SAM, cloud_id))
    db.write(lambda: add_memberships(EDDIE, cloud_id))
    client = browser(DORA)
    client.get(access_path(cloud_id))
    assert "1 of its staff has access" in client.text
    assert "no access taken yet" in client.text, "of Dora"
    assert "Up to date" in client.text

    client.get(access_path(cloud_id, f"/{user(SAM).id}/revoke"))
    assert "new sign-ins are refused as soon as this is carried out there" in client.text
    revoke(cloud_id, of=SAM)
    assert "every 5s" in client.get(access_path(cloud_id)).get_data(as_text=True), "it polls"
    assert "Sam Stranger: being revoked since" in notices(client, "warn")[0]
    assert "still works" in notices(client, "warn")[0]
    membership_id = memberships_of(SAM)[0].id
    db.write(lambda: memberships.record_fault(OrderKind.REVOKE, membership_id, "refused"))
    client.get(access_path(cloud_id))
    assert "the operator knows" in notices(client, "warn")[0]

    db.write(lambda: memberships.record_revoked(membership_id, None))
    client.get(access_path(cloud_id))
    assert "Sam Stranger: revoked at" in client.text
    assert "New sign-ins are refused from now on; open sign-ins end by" in client.text
    clock.forward(days=2)
    client = browser(DORA)
    client.get(access_path(cloud_id))
    assert "Sam Stranger" not in client.text


def test_while_a_cloud_is_suspended_by_hand_it_offers_no_access(
    browser: Open, world: World, shop: str
) -> None:
    def get_access() -> list[str | None]:
        """The reasons for which each *Get access* of the page is off."""
        dora.get(shop)
        found = [*dora.page.iter("a"), *dora.page.iter("button")]
        return [it.get("aria-describedby") for it in found if text_of(it) == "Get access"]

    dora, cloud = browser(DORA), db.session.get_one(Cloud, world.doras_cloud)
    facts = {"connection_id": cloud.connection_id, "external_id": cloud.external_id}
    assert get_access() == [None]
    suspended = Drift(id=db.new_id("drf"), cloud_id=cloud.id, kind=DriftKind.SUSPENDED, **facts)
    suspended.found_at, suspended.theirs, suspended.role = db.now(), "", ""
    db.write(lambda: db.session.add(suspended))
    assert get_access() == ["state"]
