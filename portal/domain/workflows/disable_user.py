"""Disable a user: accounts and clouds always keep an owner who can act."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select

from portal import db
from portal.domain import access, audit, locks, team, values
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.errors import Code, Refused
from portal.domain.identity import User, as_actor, end_sessions


def disable_user(user: User, *, by: Actor, heir: User | None = None) -> None:
    """An operator disables a user and ends their sessions. The heir becomes an owner of every
    account and cloud that only this user owns; where there is no heir, that is refused.

    Raises Refused("owns-alone") with the IDs of those accounts and clouds, Refused("heir-unfit"),
    and as `team.add`.
    """
    locks.lock((User, user.id), (User, heir.id if heir else None))
    if user.disabled_at is not None:
        return
    if heir is not None and (heir is user or heir.disabled_at is not None):
        raise Refused(Code.HEIR_UNFIT)
    accounts, clouds = _only_their_accounts(user), _only_their_clouds(user)
    alone = [*(account.id for account in accounts), *(cloud.id for cloud in clouds)]
    if heir is not None:
        _pass_on(accounts, clouds, to=heir, by=by)
    elif alone:
        raise Refused(Code.OWNS_ALONE, things=alone)
    user.disabled_at = db.now()
    end_sessions(user.id)
    audit.record(
        Action.USER_DISABLE,
        by=by,
        chain=audit.INSTALLATION,
        thing=user.id,
        heir=heir.id if heir else None,
        passed_on=alone,
    )


def _only_their_accounts(user: User) -> list[BillingAccount]:
    """Accounts without another owner; held, so that two who own one together do not both go."""
    owned = access.account_ids(as_actor(user)).where(AccountAccess.role == AccountRole.OWNER)
    held = list(db.session.scalars(owned))
    locks.lock(*((BillingAccount, ident) for ident in held))
    accounts = [db.session.get_one(BillingAccount, ident) for ident in sorted(held)]
    return [account for account in accounts if access.is_last_owner(user.id, account)]


def _only_their_clouds(user: User) -> list[Cloud]:
    """The same of clouds. Where a partner's account owns a cloud, its staff can act."""
    owned = select(CloudAccess.cloud_id).where(_owns(), CloudAccess.user_id == user.id)
    held = [db.lock(Cloud, ident) for ident in sorted(db.session.scalars(owned))]
    return [cloud for cloud in held if not _has_another_owner(cloud, user)]


def _has_another_owner(cloud: Cloud, user: User) -> bool:
    able = and_(CloudAccess.user_id != user.id, User.disabled_at.is_(None))
    others = (
        select(CloudAccess.id)
        .outerjoin(User, User.id == CloudAccess.user_id)
        .where(CloudAccess.cloud_id == cloud.id, _owns())
        .where(or_(able, CloudAccess.partner_id.isnot(None)))
    )
    return db.session.scalar(others.limit(1)) is not None


def _owns() -> ColumnElement[bool]:
    return and_(
        CloudAccess.role == CloudRole.OWNER,
        CloudAccess.revoked_at.is_(None),
        CloudAccess.effective_at <= db.now(),
    )


def _pass_on(accounts: list[BillingAccount], clouds: list[Cloud], *, to: User, by: Actor) -> None:
    """The heir owns it at once, whatever they held or were to hold there."""
    for account in accounts:
        if access.is_staff(to.id, account.id):
            access.revoke(of=to, account=account, by=by)
        team.add(account, by=by, address=values.email(to.email), role=AccountRole.OWNER)
    for cloud in clouds:
        coming = select(CloudAccess).filter_by(
            cloud_id=cloud.id, user_id=to.id, role=CloudRole.OWNER, revoked_at=None
        )
        row = db.session.scalar(coming)
        if row is not None:
            row.effective_at = db.now()
        else:
            access.give_cloud_role(CloudRole.OWNER, cloud_id=cloud.id, user=to.id, by=by)
