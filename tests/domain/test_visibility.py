"""What an actor may not see does not exist: not by its ID, not in a list, not in a count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import db
from portal.domain import access, accounts, clouds, customers, identity, invitations
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, WORKER, Actor
from portal.domain.clouds import Cloud, Folder
from portal.domain.customers import Customer, CustomerNote, Filter, SavedView
from portal.domain.identity import SavedForm, User
from portal.domain.imports import Import
from portal.domain.invitations import Invitation
from portal.domain.memberships import Access
from portal.domain.notifications import Notification
from portal.domain.partner_profiles import PartnerProfile
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NAMES,
    NINA,
    OLGA,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    actor,
    user,
)

STAFF = {OLGA, AMIR, EDDIE, ACE, VERA}
UNKNOWN = "dn2" + "0" * 17
NOBODY = Actor(id="")
"""Somebody without an ID or an address, as no code should ever make one."""

HAVE_A_RULE = {
    "Access",
    "BillingAccount",
    "Claim",
    "Cloud",
    "Connection",
    "Customer",
    "CustomerNote",
    "Delivery",
    "Drift",
    "Feedback",
    "Folder",
    "HiddenSteps",
    "Import",
    "Invitation",
    "Job",
    "SavedForm",
    "Notification",
    "PartnerProfile",
    "SavedView",
    "Statement",
    "UsageKey",
    "UsageSource",
    "User",
}
"""Models that are looked up by an ID from outside."""

SEEN_BY: dict[str, tuple[type[Any], Callable[[World], str], set[str]]] = {
    "a partner's account": (BillingAccount, lambda w: w.north, STAFF),
    "a waiting subaccount": (BillingAccount, lambda w: w.carls_subaccount, STAFF),
    "a confirmed subaccount": (BillingAccount, lambda w: w.ninas_subaccount, STAFF | {NINA}),
    "a direct account": (BillingAccount, lambda w: w.direct, {DORA}),
    "a partner's account in trial": (BillingAccount, lambda w: w.trial, {TINA}),
    "a partner's profile": (PartnerProfile, lambda w: w.north, STAFF | {NINA}),
    "a waiting customer": (Customer, lambda w: w.carls_customer, STAFF),
    "a confirmed customer": (Customer, lambda w: w.ninas_customer, STAFF),
    "another partner's customer": (Customer, lambda w: w.souths_customer, {SAM}),
    "a note on a confirmed customer": (CustomerNote, lambda w: w.ninas_note, STAFF),
    "somebody's saved view": (SavedView, lambda w: w.olgas_view, {OLGA}),
    "a person": (User, lambda w: w.eddie, {EDDIE}),
    "a partner's import": (Import, lambda w: w.norths_import, STAFF),
    "a waiting customer's cloud": (Cloud, lambda w: w.carls_cloud, STAFF),
    "a confirmed customer's cloud": (Cloud, lambda w: w.ninas_cloud, STAFF | {NINA}),
    "a cloud of one's own": (Cloud, lambda w: w.doras_cloud, {DORA}),
    "a confirmed customer's folder": (Folder, lambda w: w.ninas_folder, STAFF | {NINA}),
    "a folder of one's own": (Folder, lambda w: w.doras_folder, {DORA}),
    "an open invitation": (Invitation, lambda w: w.carls_subaccount, {CARL}),
    "an access to a cloud": (Access, lambda w: w.olgas_access, {OLGA}),
    "a notice": (Notification, lambda w: w.olgas_notice, {OLGA}),
    "an answered invitation": (Invitation, lambda w: w.ninas_subaccount, {NINA}),
}


def models() -> list[type[Any]]:
    return sorted((m.class_ for m in db.Base.registry.mappers), key=lambda model: model.__name__)


def rows(model: type[Any], who: Actor) -> set[str]:
    """The IDs of all rows of the model that exist for this actor."""
    key = next(iter(model.__table__.primary_key))
    return set(db.session.scalars(select(key).select_from(model).where(model.visible_to(who))))


def test_the_models_that_say_who_sees_them_are_these() -> None:
    own = {model.__name__ for model in models() if "visible_to" in vars(model)}
    assert own == HAVE_A_RULE
    assert len(models()) > len(own)


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_a_model_without_a_rule_is_seen_by_nobody(model: type[Any]) -> None:
    if model.__name__ in HAVE_A_RULE:
        assert model.visible_to(WORKER) is not None
        return
    for who in (NOBODY, COMMAND):
        with pytest.raises(NotImplementedError, match=model.__name__):
            model.visible_to(who)


@pytest.mark.parametrize("what", SEEN_BY)
def test_a_thing_exists_for_those_and_for_nobody_else(app: object, world: World, what: str) -> None:
    model, ident, expected = SEEN_BY[what]
    seen = {email for email in NAMES if ident(world) in rows(model, actor(email))}
    assert seen == expected
    assert ident(world) in rows(model, COMMAND)


@pytest.mark.parametrize("what", [w for w in SEEN_BY if SEEN_BY[w][0] is not Invitation])
def test_unknown_and_foreign_are_the_same_none(app: object, world: World, what: str) -> None:
    model, ident, expected = SEEN_BY[what]
    stranger = next(email for email in NAMES if email not in expected)
    friend = next(iter(expected))
    assert db.find(model, ident(world), actor(stranger)) is None
    assert db.find(model, UNKNOWN, actor(stranger)) is None
    assert db.find(model, UNKNOWN, actor(friend)) is None
    found = db.find(model, ident(world), actor(friend))
    assert found is not None
    assert found.id == ident(world)


@pytest.mark.both_databases
@pytest.mark.parametrize("model", [m for m in models() if m.__name__ in HAVE_A_RULE])
def test_for_nobody_in_particular_nothing_exists(
    app: object, world: World, model: type[Any]
) -> None:
    db.write(lambda: identity.save_form(user(OLGA).id, {"name": ["typed"]}))
    assert rows(model, NOBODY) == set()
    assert len(rows(model, COMMAND)) == db.session.scalar(select(func.count()).select_from(model))


def test_a_kept_form_exists_for_who_typed_it(app: object, world: World) -> None:
    key = db.write(lambda: identity.save_form(user(OLGA).id, {"name": ["typed"]}))
    assert {email for email in NAMES if db.find(SavedForm, key, actor(email))} == {OLGA}


def change_access(email: str, ident: str, **values: Any) -> None:
    """The user's one role on the account, as later verbs will leave it."""

    def unit() -> None:
        found = db.session.query(access.AccountAccess)
        row = found.filter_by(user_id=user(email).id, account_id=ident).one()
        for name, value in values.items():
            setattr(row, name, value)

    db.write(unit)


@pytest.mark.parametrize("model", [BillingAccount, Customer, Cloud, Folder])
def test_a_revoked_role_shows_nothing_of_the_partners_any_more(
    app: object, world: World, clock: Clock, model: type[Any]
) -> None:
    own = accounts.first_own_account(user(EDDIE))
    assert own is not None
    change_access(EDDIE, world.north, revoked_at=clock.now + timedelta(minutes=1))
    assert rows(model, actor(EDDIE)) == ({own.id} if model is BillingAccount else set())


def test_a_role_on_an_account_shows_it_when_it_takes_effect(
    app: object, world: World, clock: Clock
) -> None:
    def hire() -> None:
        partner = db.session.get_one(BillingAccount, world.north)
        access.assign_account_role(
            AccountRole.VIEWER, to=user(DORA).id, account=partner, by=actor(OLGA)
        )

    def sees() -> bool:
        return db.read(lambda: world.carls_customer in rows(Customer, actor(DORA)))

    db.write(hire)
    assert sees()
    change_access(DORA, world.north, effective_at=clock.now + timedelta(seconds=180))
    assert not sees()
    clock.forward(seconds=180)
    assert sees()


def test_a_stranger_lists_and_counts_nothing_of_another_partner(app: object, world: World) -> None:
    north, sam = db.session.get_one(BillingAccount, world.north), actor(SAM)
    assert customers.page_for(sam, north, Filter()) == []
    assert customers.page_for(sam, north, Filter(search=world.carls_customer)) == []
    assert customers.counts_for(sam, north).total == 0
    assert set(customers.counts_for(sam, north).by_status.values()) == {0}


@pytest.mark.parametrize("email", [SAM, DORA, CARL])
def test_a_stranger_finds_nothing_by_its_id_or_name(app: object, world: World, email: str) -> None:
    who = actor(email)
    for text in (world.north, world.ninas_subaccount, "North", "Nina GmbH"):
        assert accounts.accounts_for(who, search=text) == []
        assert customers.subaccount_cards(who, search=text) == []
    foreign = {world.ninas_cloud, world.carls_cloud}
    assert foreign.isdisjoint(row.id for row in clouds.other_clouds_for(who))
    assert invitations.find_by_link(who, world.ninas_subaccount) is None


def test_a_partners_search_stays_among_its_own_customers(app: object, world: World) -> None:
    north, olga = db.session.get_one(BillingAccount, world.north), actor(OLGA)
    for text in ("Elsewhere", "other@else.example", world.souths_customer, "%", "_"):
        assert customers.page_for(olga, north, Filter(search=text)) == []
    names = {row.name for row in customers.page_for(olga, north, Filter())}
    assert names == {"Carl & Sons", "Nina GmbH"}


def test_the_customers_card_shows_its_own_subaccount_only(app: object, world: World) -> None:
    cards = customers.subaccount_cards(actor(NINA))
    assert [(card.account.id, card.partner_name) for card in cards] == [
        (world.ninas_subaccount, "North")
    ]
    assert [row.id for row in cards[0].clouds] == [world.ninas_cloud]
