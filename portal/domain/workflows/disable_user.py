"""Disable a user: accounts and clouds always keep an owner who can act."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select

from portal import db
from portal.domain import access, audit, identity, locks, memberships, notifications, team, values
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import WORKER, Actor
from portal.domain.clouds import Cloud
from portal.domain.errors import Code, Forbidden, Refused
from portal.domain.identity import User, as_actor, end_sessions


def disable_user(user: User, *, by: Actor, heir: User | None = None) -> None:
    """An operator disables another user and ends their sessions. The heir becomes an owner of every
    account and cloud that only this user owns.

    Raises ReauthenticationRequired, Forbidden, Refused("owns-alone") with the IDs of those accounts
    and clouds if there is no heir, Refused("heir-unfit") if the heir is the same user, disabled or
    blocked, and as `team.add`.
    """
    people = user.id, heir.id if heir else None, None if by.is_system else by.id
    locks.lock(*((User, user_id) for user_id in people))
    identity.require_recent(by)
    access.require_operator(by, Action.USER_DISABLE)
    if user.id == by.id:
        raise Forbidden(Action.USER_DISABLE)
    if user.disabled_at is not None:
        return
    if heir is not None and (heir is user or not heir.is_active):
        raise Refused(Code.HEIR_UNFIT)
    accounts, clouds = _solely_owned_accounts(user), _solely_owned_clouds(user)
    memberships.lock_people(user.id, heir.id if heir else None)
    solely_owned = [*(account.id for account in accounts), *(cloud.id for cloud in clouds)]
    if heir is not None:
        # The line about the user says which operator it was, who has no role on these.
        _transfer(accounts, clouds, to=heir, by=by if by.is_system else WORKER)
    elif solely_owned:
        raise Refused(Code.OWNS_ALONE, things=solely_owned)
    user.disabled_at = db.now()
    end_sessions(user.id, by=by, why="disabled")
    notifications.cancel_mails(user)
    memberships.settle_user(user.id)
    if heir is not None:
        memberships.settle_user(heir.id)
    audit.record(
        Action.USER_DISABLE,
        by=by,
        chain=audit.INSTALLATION,
        thing=user.id,
        heir=heir.id if heir else None,
        passed_on=solely_owned,
    )


def _solely_owned_accounts(user: User) -> list[BillingAccount]:
    """The accounts without another owner; locked, so that two owners are not disabled at once."""
    query = access.account_ids(as_actor(user)).where(AccountAccess.role == AccountRole.OWNER)
    account_ids = sorted(db.session.scalars(query))
    locks.lock(*((BillingAccount, account_id) for account_id in account_ids))
    accounts = [db.session.get_one(BillingAccount, account_id) for account_id in account_ids]
    return [account for account in accounts if access.is_last_owner(user.id, account)]


def _solely_owned_clouds(user: User) -> list[Cloud]:
    """The clouds without another owner, locked. A partner account that owns a cloud counts as an
    owner: its staff can act."""
    query = select(CloudAccess.cloud_id).where(_is_owner(), CloudAccess.user_id == user.id)
    clouds = [db.lock(Cloud, cloud_id) for cloud_id in sorted(db.session.scalars(query))]
    return [cloud for cloud in clouds if not _has_another_owner(cloud, user)]


def _has_another_owner(cloud: Cloud, user: User) -> bool:
    is_enabled_user = and_(CloudAccess.user_id != user.id, User.disabled_at.is_(None))
    others = (
        select(CloudAccess.id)
        .outerjoin(User, User.id == CloudAccess.user_id)
        .outerjoin(BillingAccount, BillingAccount.id == CloudAccess.partner_id)
        .where(CloudAccess.cloud_id == cloud.id, _is_owner())
        .where(or_(is_enabled_user, BillingAccount.kind == Kind.PARTNER))
    )
    return db.session.scalar(others.limit(1)) is not None


def _is_owner() -> ColumnElement[bool]:
    return and_(
        CloudAccess.role == CloudRole.OWNER,
        CloudAccess.revoked_at.is_(None),
        CloudAccess.holds_from <= db.now(),
    )


def _transfer(accounts: list[BillingAccount], clouds: list[Cloud], *, to: User, by: Actor) -> None:
    """Make the heir an owner at once, in place of the roles they have there, pending or not."""
    for account in accounts:
        if access.is_staff(to.id, account.id):
            team.remove(of=to, partner=account, by=by)
        team.add(account, by=by, address=values.email(to.email), role=AccountRole.OWNER)
    for cloud in clouds:
        query = select(CloudAccess).filter_by(
            cloud_id=cloud.id, user_id=to.id, role=CloudRole.OWNER, revoked_at=None
        )
        row = db.session.scalar(query)
        if row is not None:
            row.effective_at = db.now()
        else:
            access.assign_cloud_role(CloudRole.OWNER, cloud_id=cloud.id, user_id=to.id, by=by)
