"""Roles given, changed and taken back on an account."""

from __future__ import annotations

from sqlalchemy import func, select

from portal import db
from portal.domain import audit
from portal.domain.access.holding import Account, AccountAccess, CloudAccess, in_effect, require
from portal.domain.access.seat import Seat, standing, take
from portal.domain.access.table import AccountRole, CloudRole
from portal.domain.actor import Actor
from portal.domain.errors import Refused
from portal.domain.identity import User


def grant(role: AccountRole, *, to: User, account: Account, by: Actor) -> None:
    """Who manages an account's access gives a role to somebody who has none there.

    Raises Forbidden, Refused("has-role").
    """
    account = db.lock(type(account), account.id)
    require(by, "access.manage", account)
    if role is AccountRole.OWNER:
        require(by, "access.manage_owners", account)
    _seat(to.id, account).fill(role, by=by)
    audit.record("access.grant", by=by, chain=account.chain, thing=to.id, role=role)


def change(role: AccountRole, *, of: User, account: Account, by: Actor) -> None:
    """Who manages an account's access raises or lowers somebody's role; the last owner stays one.

    Raises Forbidden, Refused("no-role", "last-owner").
    """
    account = db.lock(type(account), account.id)
    require(by, "access.manage", account)
    seat = _seat(of.id, account)
    rows = seat.taken()
    if AccountRole.OWNER in (role, *(row.role for row in rows)):
        require(by, "access.manage_owners", account)
    if role is not AccountRole.OWNER:
        _keep_an_owner(rows, account)
    if seat.change(role, by=by):
        audit.record("access.change", by=by, chain=account.chain, thing=of.id, role=role)


def revoke(*, of: User, account: Account, by: Actor) -> None:
    """Who manages an account's access takes somebody's role there, at once; the last owner stays.

    Raises Forbidden, Refused("no-role", "last-owner").
    """
    account = db.lock(type(account), account.id)
    require(by, "access.manage", account)
    rows = _seat(of.id, account).taken()
    if AccountRole.OWNER in [row.role for row in rows]:
        require(by, "access.manage_owners", account)
    _keep_an_owner(rows, account)
    take(rows)
    audit.record("access.revoke", by=by, chain=account.chain, thing=of.id)


def _keep_an_owner(leaving: list[AccountAccess], account: Account) -> None:
    """An account of no partner's always has an owner who can act; a subaccount has its partner."""
    held = standing(leaving).held
    if held is None or held.role is not AccountRole.OWNER or account.parent_id is not None:
        return
    others = (
        select(func.count())
        .select_from(AccountAccess)
        .join(User, User.id == AccountAccess.user_id)
        .where(
            AccountAccess.account_id == account.id,
            AccountAccess.role == AccountRole.OWNER,
            AccountAccess.user_id != held.user_id,
            User.disabled_at.is_(None),
            in_effect(),
        )
    )
    if not db.session.execute(others).scalar_one():
        raise Refused("last-owner")


def give_account_role(role: AccountRole, *, to: str, account: Account, by: Actor) -> None:
    """A role on an account, in effect at once; the calling verb records it."""
    _seat(to, account).give(role, by=by, at=db.now())


def _seat(user_id: str, account: Account) -> Seat:
    return Seat(AccountAccess, {"user_id": user_id, "account_id": account.id})


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
    Seat(CloudAccess, {**holder, "cloud_id": cloud_id}).give(role, by=by, at=db.now())
