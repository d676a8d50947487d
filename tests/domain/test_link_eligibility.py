"""Who may link a cloud where: each reason against it, with what heals it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import db
from portal.domain import (
    access,
    cloud_access,
    customers,
    links,
    policy,
    values,
)
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from tests.support.clouds import (
    OWNER,
    accept_carls_invitation,
    assign_account_role,
    assign_cloud_role,
    create_cloud,
    find_refusal,
    grant,
    link_preview,
    move_cloud,
    own_account_id,
    payer_ids,
    refusal_code,
    run_customer_verb,
    switch_to_paid,
)
from tests.support.money import owe
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    signed_in,
    user,
)


def test_role_too_recent_heals_by_itself(app: object, world: World, clock: Clock) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) == "role-too-recent"
    why = find_refusal(shop, world.ninas_subaccount, EDDIE)
    assert why is not None
    spread = policy.current().access_propagation
    assert spread - timedelta(seconds=1) < why.facts["until"] - clock.now < spread
    clock.forward(seconds=spread.total_seconds())
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) is None
    move_cloud(shop, world.ninas_subaccount, by=EDDIE)


def test_a_users_own_role_waits_like_the_partner_accounts(
    app: object, world: World, clock: Clock
) -> None:
    sams = create_cloud(SAM)
    found = db.session.get_one(Cloud, sams)

    db.write(
        lambda: cloud_access.grant(found, by=signed_in(SAM), role=OWNER, to=values.email(CARL))
    )
    switch_to_paid(CARL)
    assert refusal_code(sams, own_account_id(CARL), by=CARL) == "role-too-recent"
    clock.forward(seconds=180)
    assert refusal_code(sams, own_account_id(CARL), by=CARL) is None


def test_role_insufficient_heals_when_the_role_is_changed(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north, role=CloudRole.EDITOR)
    clock.forward(minutes=5)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) == "role-insufficient"
    found = db.session.get_one(Cloud, shop)
    db.write(lambda: cloud_access.change(found, by=signed_in(NINA), role=OWNER, of=world.north))
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) == "role-too-recent"
    clock.forward(minutes=5)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) is None


@pytest.mark.parametrize("email", [ACE, VERA])
def test_account_role_missing_heals_when_one_becomes_editor(
    app: object, world: World, clock: Clock, email: str
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    assert refusal_code(shop, world.ninas_subaccount, by=email) == "account-role-missing"
    north = db.session.get_one(BillingAccount, world.north)
    db.write(
        lambda: access.change(AccountRole.EDITOR, of=user(email), account=north, by=actor(OLGA))
    )
    clock.forward(minutes=5)
    assert refusal_code(shop, world.ninas_subaccount, by=email) is None


def test_not_this_customers_heals_when_the_customers_user_owns_the_cloud(
    app: object, world: World, clock: Clock
) -> None:
    accept_carls_invitation()
    shop = create_cloud(CARL)
    grant(shop, by=CARL, to=world.north)
    clock.forward(minutes=5)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) == "not-this-customers"
    assert refusal_code(shop, world.carls_subaccount, by=EDDIE) is None
    assign_cloud_role(NINA, shop)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) is None


def test_a_partner_takes_a_cloud_to_its_own_account_only_where_the_customer_is_inactive(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    assert refusal_code(shop, world.north, by=EDDIE) == "not-this-customers"
    run_customer_verb(customers.suspend, world.ninas_customer)
    assert refusal_code(shop, world.north, by=EDDIE) == "not-this-customers"
    run_customer_verb(customers.end_partnership, world.ninas_customer)
    assert refusal_code(shop, world.north, by=EDDIE) is None


def test_a_partners_role_on_a_cloud_links_it_to_no_account_of_somebody_else(
    app: object, world: World, clock: Clock
) -> None:
    """Neither to the staff's own account nor to another partner's customer."""
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    assign_account_role(EDDIE, AccountRole.EDITOR, world.south)
    assert refusal_code(shop, own_account_id(EDDIE), by=EDDIE) == "not-this-customers"
    assert refusal_code(shop, world.south, by=EDDIE) == "not-this-customers"


def test_staff_stay_within_their_customer_by_a_role_of_their_own_too(
    app: object, world: World
) -> None:
    doras = world.doras_cloud
    assign_cloud_role(EDDIE, doras)
    assert refusal_code(doras, world.ninas_subaccount, by=EDDIE) == "not-this-customers"
    assign_cloud_role(NINA, doras)
    assert refusal_code(doras, world.ninas_subaccount, by=EDDIE) is None


def test_the_customers_colleague_with_a_role_on_the_subaccount_links_an_own_cloud(
    app: object, world: World
) -> None:
    assert (
        refusal_code(world.doras_cloud, world.ninas_subaccount, by=DORA) == "account-role-missing"
    )
    assign_account_role(DORA, AccountRole.EDITOR, world.ninas_subaccount)
    assert refusal_code(world.doras_cloud, world.ninas_subaccount, by=DORA) is None


def test_customer_not_confirmed_heals_when_the_customer_confirms(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(CARL)
    grant(shop, by=CARL, to=world.north)
    clock.forward(minutes=5)
    assert refusal_code(shop, world.carls_subaccount, by=EDDIE) == "customer-not-confirmed"
    accept_carls_invitation()
    assert refusal_code(shop, world.carls_subaccount, by=EDDIE) is None


def test_customer_suspended_heals_when_the_partner_resumes(app: object, world: World) -> None:
    shop = create_cloud(NINA)
    run_customer_verb(customers.suspend, world.ninas_customer)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) == "customer-suspended"
    run_customer_verb(customers.resume, world.ninas_customer)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) is None


def test_a_suspended_customer_may_link_away(app: object, world: World) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    switch_to_paid(NINA)
    run_customer_verb(customers.suspend, world.ninas_customer)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    assert payer_ids(shop)[0] == own_account_id(NINA)


def test_account_not_active_heals_when_an_expired_trial_is_switched_to_paid(
    app: object, world: World, clock: Clock
) -> None:
    assign_cloud_role(NINA, world.doras_cloud)
    assert refusal_code(world.doras_cloud, own_account_id(NINA), by=NINA) is None
    clock.forward(days=61)
    assert refusal_code(world.doras_cloud, own_account_id(NINA), by=NINA) == "account-not-active"
    switch_to_paid(NINA)
    assert refusal_code(world.doras_cloud, own_account_id(NINA), by=NINA) is None


def test_a_negative_balance_stops_links_to_that_account_alone_until_it_is_settled(
    app: object, world: World
) -> None:
    assign_cloud_role(NINA, world.doras_cloud)
    shop, own = create_cloud(NINA), own_account_id(NINA)
    owe(own)
    owe(world.north)
    assert refusal_code(world.doras_cloud, own, by=NINA) == "balance-negative"
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) is None
    owe(own, "-1")
    assert refusal_code(world.doras_cloud, own, by=NINA) is None


def test_nothing_is_linked_to_the_subaccount_of_an_ended_partnership(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    run_customer_verb(customers.end_partnership, world.ninas_customer)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) == "account-not-active"


def test_already_linked_heals_when_it_is_linked_elsewhere(app: object, world: World) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) == "already-linked"
    switch_to_paid(NINA)
    move_cloud(shop, own_account_id(NINA), by=NINA)
    assert refusal_code(shop, world.ninas_subaccount, by=NINA) is None


def test_paid_to_trial_heals_when_that_account_is_switched_to_paid(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    move_cloud(shop, world.ninas_subaccount, by=NINA)
    assert refusal_code(shop, own_account_id(NINA), by=NINA) == "paid-to-trial"
    switch_to_paid(NINA)
    assert refusal_code(shop, own_account_id(NINA), by=NINA) is None


def test_a_cloud_moves_from_trial_to_trial(app: object, world: World) -> None:
    assign_cloud_role(NINA, world.doras_cloud)
    move_cloud(world.doras_cloud, own_account_id(NINA), by=NINA)
    assert payer_ids(world.doras_cloud) == [own_account_id(NINA), world.direct]


def test_a_closed_cloud_is_linked_nowhere(app: object, world: World) -> None:
    switch_to_paid(NINA)
    run_customer_verb(customers.end_partnership, world.ninas_customer)
    assert refusal_code(world.ninas_cloud, own_account_id(NINA), by=NINA) == "cloud-closed"


def test_a_role_revoked_is_no_role_any_more(app: object, world: World, clock: Clock) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) is None
    found = db.session.get_one(Cloud, shop)
    db.write(lambda: cloud_access.revoke_partner(found, by=actor(NINA), of=world.north))
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) == "role-insufficient"


def test_what_lasts_is_said_before_what_passes(app: object, world: World, clock: Clock) -> None:
    """Nobody waits three minutes to read that it was in vain."""
    accept_carls_invitation()
    shop = create_cloud(CARL)
    grant(shop, by=CARL, to=world.north)
    assert refusal_code(shop, world.ninas_subaccount, by=EDDIE) == "not-this-customers"


def test_somebody_disabled_while_the_form_is_on_its_way_links_nothing(
    app: object, world: World
) -> None:
    shop = create_cloud(NINA)
    nina = actor(NINA)
    shown = link_preview(shop, world.ninas_subaccount, NINA).digest

    def press() -> None:
        user(NINA).disabled_at = db.now()
        found, to = db.lock(Cloud, shop), db.lock(BillingAccount, world.ninas_subaccount)
        links.link(found, by=nina, to=to, preview_digest=shown)

    with pytest.raises(Refused, match=r"^user-disabled$"):
        db.write(press)


def test_staff_of_all_strengths_from_editor_up_link(
    app: object, world: World, clock: Clock
) -> None:
    shop = create_cloud(NINA)
    grant(shop, by=NINA, to=world.north)
    clock.forward(minutes=5)
    allowed = {who for who in (OLGA, AMIR, EDDIE, ACE, VERA) if not reason_of(shop, world, who)}
    assert allowed == {OLGA, AMIR, EDDIE}


def reason_of(shop: str, world: World, who: str) -> str | None:
    return refusal_code(shop, world.ninas_subaccount, by=who)
