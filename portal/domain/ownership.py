"""Accounts and clouds always have an owner who can act: who is the last one is not disabled."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, select, update

from portal import db
from portal.domain import access, audit
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.account import BillingAccount
from portal.domain.actor import Actor
from portal.domain.cloud import Cloud
from portal.domain.errors import Refused
from portal.domain.identity import User, end_sessions


def disable(user: User, *, by: Actor, heir: User | None = None) -> None:
    """An operator shuts a user out at once. What only this user owns becomes `heir`'s too, or else
    it is refused.

    Raises Refused("owns-alone") with the IDs of what would be nobody's, Refused("heir-unfit").
    """
    for ident in sorted({user.id, heir.id if heir else user.id}):
        db.lock(User, ident)
    if user.disabled_at is not None:
        return
    if heir is not None and (heir is user or heir.disabled_at is not None):
        raise Refused("heir-unfit")
    accounts, clouds = _only_their_accounts(user), _only_their_clouds(user)
    alone = [*accounts, *clouds]
    if heir is None and alone:
        raise Refused("owns-alone", things=alone)
    if heir is not None:
        _pass_on(accounts, clouds, to=heir, by=by)
    user.disabled_at = db.now()
    end_sessions(user.id)
    audit.record(
        "user.disable",
        by=by,
        chain=audit.INSTALLATION,
        thing=user.id,
        heir=heir.id if heir else None,
        passed_on=alone,
    )


def _only_their_accounts(user: User) -> list[str]:
    """Open accounts that would have no owner without the user; held, so that two who own one
    together are not both disabled. A subaccount has its partner's owner."""
    held = select(AccountAccess.account_id).where(_owns_account(), AccountAccess.user_id == user.id)
    mine = select(BillingAccount.id).where(
        BillingAccount.id.in_(held),
        BillingAccount.parent_id.is_(None),
        BillingAccount.closed_at.is_(None),
    )
    others = select(AccountAccess.account_id).join(User, User.id == AccountAccess.user_id)
    others = others.where(_owns_account(), User.id != user.id, User.disabled_at.is_(None))
    return _alone(BillingAccount, mine, others)


def _only_their_clouds(user: User) -> list[str]:
    """The same of open clouds. Where a partner's account owns a cloud, its staff can act."""
    held = select(CloudAccess.cloud_id).where(_owns_cloud(), CloudAccess.user_id == user.id)
    mine = select(Cloud.id).where(Cloud.id.in_(held), Cloud.closed_at.is_(None))
    enabled = exists().where(
        User.id == CloudAccess.user_id, User.id != user.id, User.disabled_at.is_(None)
    )
    others = select(CloudAccess.cloud_id).where(
        _owns_cloud(), enabled | CloudAccess.partner_id.isnot(None)
    )
    return _alone(Cloud, mine, others)


def _alone(model: type[Any], mine: Any, others: Any) -> list[str]:
    candidates = sorted(db.session.scalars(mine))
    for ident in candidates:
        db.lock(model, ident)
    shared = set(db.session.scalars(others.where(others.selected_columns[0].in_(candidates))))
    return [ident for ident in candidates if ident not in shared]


def _pass_on(accounts: list[str], clouds: list[str], *, to: User, by: Actor) -> None:
    for ident in accounts:
        held = (AccountAccess.user_id == to.id) & (AccountAccess.account_id == ident)
        if not _hastened(AccountAccess, held, AccountRole.OWNER):
            account = db.session.get_one(BillingAccount, ident)
            access.give_account_role(AccountRole.OWNER, to=to.id, account=account, by=by)
    for ident in clouds:
        held = (CloudAccess.user_id == to.id) & (CloudAccess.cloud_id == ident)
        if not _hastened(CloudAccess, held, CloudRole.OWNER):
            access.give_cloud_role(CloudRole.OWNER, cloud_id=ident, user=to.id, by=by)


def _hastened(model: type[Any], held: ColumnElement[bool], role: object) -> bool:
    """Whether the heir holds the role already, but it was to take effect later: now it does."""
    moved: Any = db.session.execute(
        update(model)
        .where(held, model.role == role, model.revoked_at.is_(None))
        .values(effective_at=db.now())
    )
    return bool(moved.rowcount)


def _owns_account() -> ColumnElement[bool]:
    return (
        (AccountAccess.role == AccountRole.OWNER)
        & AccountAccess.revoked_at.is_(None)
        & (AccountAccess.effective_at <= db.now())
    )


def _owns_cloud() -> ColumnElement[bool]:
    return (
        (CloudAccess.role == CloudRole.OWNER)
        & CloudAccess.revoked_at.is_(None)
        & (CloudAccess.effective_at <= db.now())
    )
