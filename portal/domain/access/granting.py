"""Roles given, changed and taken back on an account.

Only a role given by hand to someone else waits until it has spread. Raising a role keeps the old
one until the new is effective; lowering and revoking work at once.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from portal import db
from portal.domain import audit, notice, terms
from portal.domain.access.holding import (
    Account,
    AccountAccess,
    CloudAccess,
    holders,
    in_effect,
    require,
)
from portal.domain.access.table import AccountRole, CloudRole
from portal.domain.actor import Actor
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.notice import Kind

RANK = {role: rank for rank, role in enumerate(AccountRole)}
"""Strongest first."""


def grant(role: AccountRole, *, to: User, account: Account, by: Actor) -> None:
    """Who manages an account's access gives a role to somebody who has none there.

    Raises Forbidden, Refused("has-role").
    """
    account = db.lock(type(account), account.id)
    require(by, "access.manage", account)
    if role is AccountRole.OWNER:
        require(by, "access.manage_owners", account)
    if _open_rows(to.id, account):
        raise Refused("has-role", field="email")
    _give(role, to=to.id, account=account, by=by, at=_spread(by))
    audit.record("access.grant", by=by, chain=account.chain, thing=to.id, role=role)
    _tell(role, of=to, account=account, by=by)


def change(role: AccountRole, *, of: User, account: Account, by: Actor) -> None:
    """Who manages an account's access raises or lowers somebody's role; the last owner stays one.

    Raises Forbidden, Refused("no-role", "last-owner").
    """
    account = db.lock(type(account), account.id)
    rows = _open_rows(of.id, account)
    require(by, "access.manage", account)
    if AccountRole.OWNER in (role, *(row.role for row in rows)):
        require(by, "access.manage_owners", account)
    if not rows:
        raise Refused("no-role")
    held, coming = _sorted_out(rows)
    wanted_already = coming or held
    if wanted_already and wanted_already.role is role:
        return
    if held and held.role is not role:
        _keep_an_owner(held, account)
    is_kept = held is not None and RANK[held.role] >= RANK[role]
    _revoke([row for row in rows if not (row is held and is_kept)])
    if held is None or held.role is not role:
        at = _effective_at(role, by=by, held=held, coming=coming)
        _give(role, to=of.id, account=account, by=by, at=at)
    audit.record("access.change", by=by, chain=account.chain, thing=of.id, role=role)
    _tell(role, of=of, account=account, by=by)


def revoke(*, of: User, account: Account, by: Actor) -> None:
    """Who manages an account's access takes somebody's role there, at once; the last owner stays.

    Raises Forbidden, Refused("no-role", "last-owner").
    """
    account = db.lock(type(account), account.id)
    rows = _open_rows(of.id, account)
    require(by, "access.manage", account)
    if AccountRole.OWNER in [row.role for row in rows]:
        require(by, "access.manage_owners", account)
    if not rows:
        raise Refused("no-role")
    held, _coming = _sorted_out(rows)
    if held is not None:
        _keep_an_owner(held, account)
    _revoke(rows)
    audit.record("access.revoke", by=by, chain=account.chain, thing=of.id)
    said = {"about": account.id, "path": "/console", "thing": account.name}
    notice.tell(Kind.ACCESS_TAKEN, to=[of.id], by=by, **said)


def _tell(role: AccountRole, *, of: User, account: Account, by: Actor) -> None:
    """Who has the role now hears of it, and of a new owner the other owners do."""
    said = {"about": account.id, "path": account.people_path, "thing": account.name}
    notice.tell(Kind.ACCESS_GIVEN, to=[of.id], by=by, role=role, **said)
    if role is AccountRole.OWNER:
        owners = holders(account.id, frozenset({role})) - {of.id}
        notice.tell(Kind.OWNER_ADDED, to=owners, by=by, person=of.name, **said)


def _open_rows(user_id: str, account: Account) -> list[AccountAccess]:
    """What somebody holds or is to hold, strongest first."""
    found = select(AccountAccess).where(
        AccountAccess.account_id == account.id,
        AccountAccess.user_id == user_id,
        AccountAccess.revoked_at.is_(None),
    )
    rows = db.session.scalars(found.execution_options(populate_existing=True))
    return sorted(rows, key=lambda row: RANK[row.role])


def _sorted_out(rows: list[AccountAccess]) -> tuple[AccountAccess | None, AccountAccess | None]:
    """The role in effect, which is the strongest that is, and the one that is to come."""
    now = db.now()
    held = next((row for row in rows if row.effective_at <= now), None)
    coming = next((row for row in rows if row.effective_at > now), None)
    return held, coming


def _effective_at(
    role: AccountRole, *, by: Actor, held: AccountAccess | None, coming: AccountAccess | None
) -> datetime:
    """Lowered: at once, or when the stronger one would have come. Raised: once it has spread."""
    if held is not None and RANK[role] > RANK[held.role]:
        return db.now()
    if held is None and coming is not None and RANK[role] > RANK[coming.role]:
        return coming.effective_at
    return _spread(by)


def _spread(by: Actor) -> datetime:
    """When a role given by hand now is in effect; an operator's command does not wait."""
    return db.now() if by.is_system else db.now() + terms.agreed().access_propagation


def _keep_an_owner(leaving: AccountAccess, account: Account) -> None:
    if leaving.role is AccountRole.OWNER and is_last_owner(leaving.user_id, account):
        raise Refused("last-owner")


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


def _revoke(rows: list[AccountAccess]) -> None:
    for row in rows:
        row.revoked_at = db.now()
    db.session.flush()


def give_account_role(role: AccountRole, *, to: str, account: Account, by: Actor) -> None:
    """A role on an account, in effect at once; the calling verb records it."""
    _give(role, to=to, account=account, by=by, at=db.now())


def _give(role: AccountRole, *, to: str, account: Account, by: Actor, at: datetime) -> None:
    row = AccountAccess(id=db.new_id("acc"), user_id=to, account_id=account.id, role=role)
    row.granted_at, row.effective_at = db.now(), at
    row.granted_by = by.id
    db.session.add(row)
    db.session.flush()


def give_cloud_role(
    role: CloudRole,
    *,
    cloud_id: str,
    by: Actor,
    user: str | None = None,
    partner: str | None = None,
) -> None:
    """A role on a cloud, in effect at once; the calling verb records it."""
    now = db.now()
    row = CloudAccess(id=db.new_id("acc"), user_id=user, partner_id=partner, cloud_id=cloud_id)
    row.role = role
    row.granted_at = row.effective_at = now
    row.granted_by = by.id
    db.session.add(row)
    db.session.flush()
