"""Linking a cloud: what it changes, what is shown before, and who hears of it."""

from __future__ import annotations

import pytest

from portal import db
from portal.domain import (
    access,
    audit,
    clouds,
    customers,
    links,
    notifications,
)
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from tests.support.clouds import (
    OWNER,
    assign_account_role,
    create_cloud,
    grant,
    link_preview,
    move_cloud,
    own_account_id,
    payer_ids,
    switch_to_paid,
)
from tests.support.world import (
    EDDIE,
    NINA,
    OLGA,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
)

# What linking does


def test_a_customer_links_an_own_cloud_to_the_partners_subaccount(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    before = all_rows()
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    assert payer_ids(shop) == [world.ninas_subaccount, own_account_id(NINA)]
    changed = {name for name, rows in all_rows().items() if rows != before[name]}
    mailed = {"notices", "jobs", "mail_deliveries", "recent_notice_mails"}
    assert changed == {"links", "audit_lines", "audit_heads"} | mailed
    assert audit.find_broken_links() == []


def test_nobody_gains_or_loses_a_role_by_a_link(app: object, world: World) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    assert access.roles_on_cloud(actor(NINA), shop) == {OWNER}
    assert access.roles_on_cloud(actor(OLGA), shop) == frozenset()


def test_whose_account_pays_now_sees_the_cloud_and_whose_paid_before_does_not(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    assert db.find(Cloud, shop, actor(VERA)) is None
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    assert db.find(Cloud, shop, actor(VERA)) is not None
    switch_to_paid(NINA)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    assert db.find(Cloud, shop, actor(VERA)) is None


def test_the_histories_of_both_customers_accounts_tell_of_the_link(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    record = db.session.get_one(Customer, world.ninas_customer)
    line = customers.history_of(record)[0]
    assert (line.action, line.thing, line.facts) == ("cloud.link", shop, {})
    switch_to_paid(NINA)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    line = customers.history_of(record)[0]
    assert (line.action, line.thing, line.facts) == ("cloud.leave", shop, {})


def test_a_link_never_ends_before_it_began_though_the_clock_is_set_back(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    switch_to_paid(NINA)
    clock.forward(minutes=10)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    clock.forward(minutes=-5)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    assert payer_ids(shop) == [own_account_id(NINA), world.ninas_subaccount, own_account_id(NINA)]


def test_the_customer_as_owner_links_back_and_the_partner_cannot_hold_the_cloud(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    switch_to_paid(NINA)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    assert payer_ids(shop)[0] == own_account_id(NINA)


# The effect


def test_the_effect_names_the_payer_only_to_who_may_see_that_account(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    mine = link_preview(shop, world.ninas_subaccount, NINA)
    assert (mine.payer_id, mine.partner_name) == (own_account_id(NINA), "North")
    assert mine.grant_left == 4000
    theirs = link_preview(shop, world.ninas_subaccount, EDDIE)
    assert (theirs.payer_id, theirs.payer_name, theirs.grant_left) == (None, None, None)
    assign_account_role(EDDIE, AccountRole.EDITOR, own_account_id(NINA))
    theirs = link_preview(shop, world.ninas_subaccount, EDDIE)
    assert (theirs.payer_id, theirs.grant_left) == (own_account_id(NINA), None)


@pytest.mark.parametrize("change", ["payer", "name", "nothing"])
def test_what_was_shown_and_has_changed_meanwhile_is_refused(
    app: object, world: World, change: str
) -> None:
    shop = create_cloud(NINA)
    switch_to_paid(NINA)
    shown = link_preview(shop, world.ninas_subaccount, NINA).digest
    if change == "payer":
        move_cloud(shop, world.ninas_subaccount, by=NINA)
        move_cloud(shop, own_account_id(NINA), by=NINA)
    elif change == "name":
        found = db.session.get_one(Cloud, shop)
        db.write(lambda: clouds.rename(found, by=actor(NINA), name="store"))

    def press() -> None:
        found = db.lock(Cloud, shop)
        to = db.lock(BillingAccount, world.ninas_subaccount)
        links.link(found, by=actor(NINA), to=to, preview_digest=shown)

    if change == "nothing":
        db.write(press)
        assert payer_ids(shop)[0] == world.ninas_subaccount
        return
    before = all_rows()
    with pytest.raises(Refused, match=r"^effect-changed$"):
        db.write(press)
    assert all_rows() == before


@pytest.mark.parametrize("shown", ["", "0" * 64, "\x00", "é"])
def test_a_made_up_digest_links_nothing(app: object, world: World, shown: str) -> None:
    shop = create_cloud(NINA)

    def press() -> None:
        to = db.lock(BillingAccount, world.ninas_subaccount)
        links.link(db.lock(Cloud, shop), by=actor(NINA), to=to, preview_digest=shown)

    with pytest.raises(Refused, match=r"^effect-changed$"):
        db.write(press)
    assert payer_ids(shop) == [own_account_id(NINA)]


# Who hears of it


def told(email: str) -> list[str]:
    """The kinds of somebody's notices, newest first."""
    return db.read(lambda: [one.kind for one in notifications.notifications_for(actor(email))])


def test_the_partner_hears_of_a_link_and_of_one_that_leaves(app: object, world: World) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    assert told(EDDIE)[0] == notifications.Kind.LINKED
    switch_to_paid(NINA)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    assert told(EDDIE)[0] == notifications.Kind.LEFT
    assert notifications.Kind.MOVED not in told(NINA)  # it was her


def test_the_owner_hears_that_somebody_else_linked_their_cloud(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    move_cloud(shop, world.ninas_subaccount, by=EDDIE)
    assert told(NINA)[0] == notifications.Kind.MOVED
    target = db.read(lambda: notifications.notifications_for(actor(NINA))[0].target)
    assert target == notifications.Target(notifications.TargetKind.CLOUD, shop)
