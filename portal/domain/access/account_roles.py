"""Roles on billing accounts: grant, change, revoke; the last owner is kept."""

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
from portal.domain.identity import User, require_recent
from portal.domain.notifications import CONSOLE, Kind


def grant(role: AccountRole, *, to: User, account: Account, by: Actor) -> None:
    """Grant a role on the account to a user without one there.

    Raises ReauthenticationRequired for the owner role, Forbidden, Refused("has-role").
    """
    require_recent_for(by, role)
    account = db.lock(type(account), account.id)
    require(by, Action.ACCESS_MANAGE, account)
    if role is AccountRole.OWNER:
        require(by, Action.ACCESS_MANAGE_OWNERS, account)
    _assignments(to.id, account).assign_first(role, by=by)
    audit.record(Action.ACCESS_GRANT, by=by, chain=account.chain, thing=to.id, role=role)
    _notify_granted(role, user=to, account=account, by=by)


def change(role: AccountRole, *, of: User, account: Account, by: Actor) -> None:
    """Raise or lower a user's role on the account, but never the last owner's.

    Raises ReauthenticationRequired for the owner role, Forbidden, Refused("no-role", "last-owner").
    """
    require_recent_for(by, role)
    account = db.lock(type(account), account.id)
    require(by, Action.ACCESS_MANAGE, account)
    assignments = _assignments(of.id, account)
    rows = assignments.require_existing()
    if AccountRole.OWNER in (role, *(row.role for row in rows)):
        require(by, Action.ACCESS_MANAGE_OWNERS, account)
    if role is not AccountRole.OWNER:
        _require_another_owner(rows, account)
    if assignments.change(role, by=by):
        audit.record(Action.ACCESS_CHANGE, by=by, chain=account.chain, thing=of.id, role=role)
        _notify_granted(role, user=of, account=account, by=by)


def revoke(*, of: User, account: Account, by: Actor) -> None:
    """Revoke a user's role on the account at once, but never the last owner's; a partner's staff
    can't revoke the last role that the customer's people have on their subaccount.

    Raises Forbidden, Refused("no-role", "last-owner", "customers-last-role").
    """
    account = db.lock(type(account), account.id)
    require(by, Action.ACCESS_MANAGE, account)
    rows = _assignments(of.id, account).require_existing()
    if AccountRole.OWNER in [row.role for row in rows]:
        require(by, Action.ACCESS_MANAGE_OWNERS, account)
    _require_another_owner(rows, account)
    _require_customers_role(of, account, by=by)
    revoke_assignments(rows)
    audit.record(Action.ACCESS_REVOKE, by=by, chain=account.chain, thing=of.id)
    notifications.notify(
        Kind.ACCESS_TAKEN, to=[of.id], about=account.id, target=CONSOLE, by=by, thing=account.name
    )


def require_recent_for(actor: Actor, role: AccountRole | CloudRole) -> None:
    """Require a recent authentication of the actor to give the owner role. A verb calls it before
    it locks anything. Raises ReauthenticationRequired."""
    if role in (AccountRole.OWNER, CloudRole.OWNER):
        require_recent(actor)


def _notify_granted(role: AccountRole, *, user: User, account: Account, by: Actor) -> None:
    """Notify the user of their role, and the other owners of a new owner."""
    target, facts = account.people_target, {"about": account.id, "thing": account.name}
    notifications.notify(Kind.ACCESS_GIVEN, to=[user.id], target=target, by=by, role=role, **facts)
    if role is AccountRole.OWNER:
        owners = users_with_role(account.id, frozenset({role})) - {user.id}
        notifications.notify(
            Kind.OWNER_ADDED, to=owners, target=target, by=by, person=user.name, **facts
        )


def _require_another_owner(leaving: list[AccountAccess], account: Account) -> None:
    """Raises Refused("last-owner") if these are the assignments of the account's last owner."""
    current = role_state(leaving).current
    if current and current.role is AccountRole.OWNER and is_last_owner(current.user_id, account):
        raise Refused(Code.LAST_OWNER)


def _require_customers_role(user: User, account: Account, *, by: Actor) -> None:
    """Raises Refused("customers-last-role") if the partner's staff would revoke the last role of
    the customer's people on their subaccount."""
    partner_id = account.parent_id
    if partner_id is None or not is_staff(by.id, partner_id) or is_staff(user.id, partner_id):
        return
    others = users_with_role(account.id, frozenset(AccountRole)) - {user.id}
    if all(is_staff(user_id, partner_id) for user_id in others):
        raise Refused(Code.CUSTOMERS_LAST_ROLE)


def is_last_owner(user_id: str, account: Account) -> bool:
    """Whether no other enabled user owns the account, which the caller has locked. Never true of a
    subaccount: its partner can act."""
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


def assign_account_role(role: AccountRole, *, to: str, account: Account, by: Actor) -> None:
    """Assign a role on the account, in effect at once, to the user with the ID `to`. The calling
    verb checks the permission and records the change."""
    _assignments(to, account).assign(role, by=by, effective_at=db.now())


def _assignments(user_id: str, account: Account) -> Assignments:
    return Assignments(AccountAccess, {"user_id": user_id, "account_id": account.id})


def assign_cloud_role(
    role: CloudRole,
    *,
    cloud_id: str,
    by: Actor,
    user_id: str | None = None,
    partner_id: str | None = None,
) -> None:
    """Assign a role on the cloud, in effect at once, to a user or a partner's account. The calling
    verb checks the permission and records the change."""
    holder = {"user_id": user_id} if user_id is not None else {"partner_id": partner_id or ""}
    assignments = Assignments(CloudAccess, {**holder, "cloud_id": cloud_id})
    assignments.assign(role, by=by, effective_at=db.now())
