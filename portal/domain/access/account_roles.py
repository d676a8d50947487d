"""Roles given, changed and taken back on an account."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import audit, notifications
from portal.domain.access.assignments import Assignments, revoke_assignments, role_state
from portal.domain.access.permissions import (
    Account,
    AccountAccess,
    CloudAccess,
    in_effect,
    is_staff,
    require,
    users_with_role,
)
from portal.domain.access.role_table import AccountRole, CloudRole
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.notifications import CONSOLE, Kind


def grant(role: AccountRole, *, to: User, account: Account, by: Actor) -> None:
    """Who manages an account's access gives a role to somebody who has none there.

    Raises Forbidden, Refused("has-role").
    """
    account = db.lock(type(account), account.id)
    require(by, Action.ACCESS_MANAGE, account)
    if role is AccountRole.OWNER:
        require(by, Action.ACCESS_MANAGE_OWNERS, account)
    _assignments(to.id, account).fill(role, by=by)
    audit.record(Action.ACCESS_GRANT, by=by, chain=account.chain, thing=to.id, role=role)
    _notify(role, of=to, account=account, by=by)


def change(role: AccountRole, *, of: User, account: Account, by: Actor) -> None:
    """Who manages an account's access raises or lowers somebody's role; the last owner stays one.

    Raises Forbidden, Refused("no-role", "last-owner").
    """
    account = db.lock(type(account), account.id)
    require(by, Action.ACCESS_MANAGE, account)
    seat = _assignments(of.id, account)
    rows = seat.taken()
    if AccountRole.OWNER in (role, *(row.role for row in rows)):
        require(by, Action.ACCESS_MANAGE_OWNERS, account)
    if role is not AccountRole.OWNER:
        _require_another_owner(rows, account)
    if seat.change(role, by=by):
        audit.record(Action.ACCESS_CHANGE, by=by, chain=account.chain, thing=of.id, role=role)
        _notify(role, of=of, account=account, by=by)


def revoke(*, of: User, account: Account, by: Actor) -> None:
    """Who manages an account's access takes somebody's role there, at once; the last owner stays,
    and a partner's staff leave the customer's people the last role on their subaccount.

    Raises Forbidden, Refused("no-role", "last-owner", "customers-last-role").
    """
    account = db.lock(type(account), account.id)
    require(by, Action.ACCESS_MANAGE, account)
    rows = _assignments(of.id, account).taken()
    if AccountRole.OWNER in [row.role for row in rows]:
        require(by, Action.ACCESS_MANAGE_OWNERS, account)
    _require_another_owner(rows, account)
    _require_customers_role(of, account, by=by)
    revoke_assignments(rows)
    audit.record(Action.ACCESS_REVOKE, by=by, chain=account.chain, thing=of.id)
    said = {"about": account.id, "thing": account.name}
    notifications.notify(Kind.ACCESS_TAKEN, to=[of.id], target=CONSOLE, by=by, **said)


def _notify(role: AccountRole, *, of: User, account: Account, by: Actor) -> None:
    """Who has the role now hears of it, and of a new owner the other owners do."""
    target, said = account.people_target, {"about": account.id, "thing": account.name}
    notifications.notify(Kind.ACCESS_GIVEN, to=[of.id], target=target, by=by, role=role, **said)
    if role is AccountRole.OWNER:
        owners = users_with_role(account.id, frozenset({role})) - {of.id}
        notifications.notify(
            Kind.OWNER_ADDED, to=owners, target=target, by=by, person=of.name, **said
        )


def _require_another_owner(leaving: list[AccountAccess], account: Account) -> None:
    held = role_state(leaving).held
    if held and held.role is AccountRole.OWNER and is_last_owner(held.user_id, account):
        raise Refused(Code.LAST_OWNER)


def _require_customers_role(of: User, account: Account, *, by: Actor) -> None:
    partner_id = account.parent_id
    if partner_id is None or not is_staff(by.id, partner_id) or is_staff(of.id, partner_id):
        return
    others = users_with_role(account.id, frozenset(AccountRole)) - {of.id}
    if all(is_staff(user_id, partner_id) for user_id in others):
        raise Refused(Code.CUSTOMERS_LAST_ROLE)


def is_last_owner(user_id: str, account: Account) -> bool:
    """Whether nobody else could act as owner of an account that the caller holds; an account of no
    partner's always has such an owner, a subaccount has its partner."""
    if account.parent_id is not None:
        return False
    others = (
        select(AccountAccess.id)
        .join(User, User.id == AccountAccess.user_id)
        .where(
            AccountAccess.account_id == account.id,
            AccountAccess.role == AccountRole.OWNER,
            AccountAccess.user_id != user_id,
            User.disabled_at.is_(None),
            in_effect(),
        )
    )
    return db.session.scalar(others.limit(1)) is None


def give_account_role(role: AccountRole, *, to: str, account: Account, by: Actor) -> None:
    """A role on an account, in effect at once; the calling verb records it."""
    _assignments(to, account).give(role, by=by, at=db.now())


def _assignments(user_id: str, account: Account) -> Assignments:
    return Assignments(AccountAccess, {"user_id": user_id, "account_id": account.id})


def give_cloud_role(
    role: CloudRole,
    *,
    cloud_id: str,
    by: Actor,
    user: str | None = None,
    partner: str | None = None,
) -> None:
    """A role on a cloud, in effect at once; the calling verb records it."""
    holder = {"user_id": user} if user is not None else {"partner_id": partner or ""}
    Assignments(CloudAccess, {**holder, "cloud_id": cloud_id}).give(role, by=by, at=db.now())
