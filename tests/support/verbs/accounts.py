"""Verbs of accounts, their access and views."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from portal import db
from portal.domain import (
    access,
    accounts,
    budgets,
    customers,
    first_steps,
    ledger,
    partner_profiles,
    prices,
    statements,
    team,
    values,
)
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.budgets import Steps
from portal.domain.customers import Customer, SavedView
from portal.domain.errors import Forbidden
from portal.domain.partner_profiles import ProfileDraft
from portal.domain.statements import Statement
from tests.support.logos import picture_file
from tests.support.months import may_release
from tests.support.verbs.verb import Verb, north
from tests.support.world import DORA, EDDIE, World, signed_in, user


def _see_account(world: World, by: Actor) -> None:
    if db.find(BillingAccount, world.north, by) is None:
        raise Forbidden("account.see")


def _see_money(world: World, by: Actor) -> None:
    ledger.money_for(db.session.get_one(BillingAccount, world.north), by=by)


def _see_customer(world: World, by: Actor) -> None:
    if db.find(Customer, world.carls_customer, by) is None:
        raise Forbidden("account.see")


def _switch_to_paid(world: World, by: Actor) -> None:
    accounts.switch_to_paid(db.session.get_one(BillingAccount, world.trial), by=signed_in(by))


def _edit_profile(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    draft = ProfileDraft(legal_name="North Integration GmbH", country="DE")
    partner_profiles.edit(partner, by=by, draft=draft, version=0)


def _set_logo(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    logo = values.picture(picture_file(size=(32, 32)))
    partner_profiles.set_logo(partner, by=by, logo=logo)


def _remove_logo(world: World, by: Actor) -> None:
    partner_profiles.remove_logo(db.session.get_one(BillingAccount, world.north), by=by)


def _set_rate(world: World, by: Actor) -> None:
    north, starts_on = db.session.get_one(BillingAccount, world.north), date(2026, 3, 1)
    prices.set_rate(north, percent=Decimal(10), starts_on=starts_on, by=by)


def _publish_prices(world: World, by: Actor) -> None:
    prices.publish(db.session.get_one(BillingAccount, world.north), by=by)


def _withdraw_prices(world: World, by: Actor) -> None:
    prices.withdraw(db.session.get_one(BillingAccount, world.north), by=by)


def _set_budget(world: World, by: Actor) -> None:
    north = db.session.get_one(BillingAccount, world.north)
    budgets.set_budget(north, amount=Decimal(100), by=by)


def _remove_budget(world: World, by: Actor) -> None:
    budgets.remove(db.session.get_one(BillingAccount, world.north), by=by)


def _budget_customer(world: World, by: Actor, steps: Steps | None = None) -> None:
    nina = db.session.get_one(Customer, world.ninas_customer)
    budgets.set_for_customer(nina, amount=Decimal(100), by=by, steps=steps)


def _choose_steps(world: World, by: Actor) -> None:
    _budget_customer(world, by, Steps(stops_clouds=True, suspends_at=120))


def _remove_customers_budget(world: World, by: Actor) -> None:
    nina = db.session.get_one(Customer, world.ninas_customer)
    budgets.remove_for_customer(nina, by=by)


def _may_release(world: World, _by: Actor) -> None:
    may_release(world)


def _release_statement(world: World, by: Actor) -> None:
    statements.release(db.session.get_one(Statement, world.ninas_statement), by=by)


def _lack_prices(world: World, _by: Actor) -> None:
    db.session.get_one(Statement, world.ninas_statement).missing = 1
    db.session.flush()


def _set_missing_prices(world: World, by: Actor) -> None:
    draft = db.session.get_one(Statement, world.ninas_statement)
    statements.set_missing_prices(draft, percent=Decimal(10), by=by)


def _add_staff(world: World, by: Actor) -> None:
    partner, address = db.session.get_one(BillingAccount, world.north), values.email(DORA)
    team.add(partner, by=by, address=address, role=AccountRole.VIEWER)


def _grant(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    access.grant(AccountRole.VIEWER, to=user(DORA), account=partner, by=by)


def _grant_owner(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    access.grant(AccountRole.OWNER, to=user(DORA), account=partner, by=signed_in(by))


def _change_role(world: World, by: Actor) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    team.change(AccountRole.VIEWER, of=user(EDDIE), partner=partner, by=by)


def _revoke(world: World, by: Actor) -> None:
    team.remove(of=user(EDDIE), partner=db.session.get_one(BillingAccount, world.north), by=by)


def _save_view(world: World, by: Actor) -> None:
    north = db.session.get_one(BillingAccount, world.north)
    customers.save_view(north, by=by, name="sample", query="status=Active")


def _sample_view(by: Actor) -> SavedView:
    return db.session.query(SavedView).filter_by(user_id=by.id, name="sample").one()


def _rename_view(_world: World, by: Actor) -> None:
    customers.rename_view(_sample_view(by), by=by, name="renamed")


def _move_view(_world: World, by: Actor) -> None:
    customers.move_view(_sample_view(by), by=by, to=0)


def _remove_view(_world: World, by: Actor) -> None:
    customers.remove_view(_sample_view(by), by=by)


def _hide_steps(world: World, by: Actor) -> None:
    first_steps.hide(db.session.get_one(BillingAccount, world.north), by=by)


def _show_steps(world: World, by: Actor) -> None:
    first_steps.show(db.session.get_one(BillingAccount, world.north), by=by)


def _copy_link(world: World, by: Actor) -> None:
    customers.copy_link(db.session.get_one(Customer, world.carls_customer), by=by)


REMOVED = "budget.remove"
VERBS = (
    Verb("account.see", lambda world: world.north, _see_account),
    Verb("account.see", lambda world: world.north, _see_customer),
    Verb("account.see_money", north, _see_money),
    Verb("account.see", north, _save_view),
    Verb("account.see", north, _rename_view, prepare=_save_view),
    Verb("account.see", north, _move_view, prepare=_save_view),
    Verb("account.see", north, _remove_view, prepare=_save_view),
    Verb("account.see", north, _hide_steps),
    Verb("account.see", north, _show_steps, prepare=_hide_steps),
    Verb("account.see", north, _copy_link, ("invitation.copy_link",)),
    Verb("account.switch_to_paid", lambda world: world.trial, _switch_to_paid),
    Verb("partner.edit_profile", north, _edit_profile),
    Verb("partner.edit_profile", north, _set_logo, ("partner.set_logo",)),
    Verb("partner.edit_profile", north, _remove_logo, ("partner.remove_logo",)),
    Verb("price.set_rate", north, _set_rate),
    Verb("price.set_rate", north, _set_missing_prices, prepare=_lack_prices),
    Verb("price.publish", north, _publish_prices),
    Verb("price.withdraw", north, _withdraw_prices),
    Verb("statement.release", north, _release_statement, prepare=_may_release),
    Verb("budget.set", north, _set_budget),
    Verb("budget.set", north, _remove_budget, ("budget.set", REMOVED), prepare=_set_budget),
    Verb("budget.set_for_customer", north, _budget_customer),
    Verb("budget.choose_steps", north, _choose_steps, ("budget.set_for_customer",)),
    Verb(
        "budget.set_for_customer",
        north,
        _remove_customers_budget,
        ("budget.set_for_customer", REMOVED),
        prepare=_budget_customer,
    ),
    Verb("access.manage", north, _add_staff, ("access.grant",)),
    Verb("access.manage", north, _grant, ("access.grant",)),
    Verb("access.manage", north, _change_role, ("access.change",)),
    Verb("access.manage", north, _revoke, ("access.revoke",)),
    Verb("access.manage_owners", north, _grant_owner, ("access.grant",)),
)
