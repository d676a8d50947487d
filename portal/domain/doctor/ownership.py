"""Checks of ownership: an account has an owner, an open cloud one who can act (I8)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, or_, select

from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.clouds import Cloud
from portal.domain.doctor.check import NOW, Query, raw, select_check
from portal.domain.identity import User


def _holds(assignment: type[AccountAccess | CloudAccess]) -> ColumnElement[bool]:
    """As `Assignment.holds_from`, which would keep the first instant in the query for good."""
    is_delayed = assignment.effective_at > assignment.granted_at
    return or_(~is_delayed, assignment.effective_at <= NOW)


@select_check("I8", "The account (kind: {1}) has no enabled user as owner.")
def account_without_owner() -> Query:
    owners = (
        select(AccountAccess.id)
        .join(User, User.id == AccountAccess.user_id)
        .where(
            AccountAccess.account_id == BillingAccount.id,
            AccountAccess.role == AccountRole.OWNER,
            AccountAccess.revoked_at.is_(None),
            _holds(AccountAccess),
            User.disabled_at.is_(None),
        )
    )
    return select(BillingAccount.id, raw(BillingAccount.kind)).where(
        BillingAccount.kind != Kind.SUBACCOUNT, ~owners.exists()
    )


@select_check("I8", "The cloud has no owner who can act: an enabled user, or a partner.")
def cloud_without_effective_owner() -> Query:
    """A closed cloud can't be changed, so it needs none."""
    users = and_(User.id == CloudAccess.user_id, User.disabled_at.is_(None))
    partners = and_(
        BillingAccount.id == CloudAccess.partner_id, BillingAccount.kind == Kind.PARTNER
    )
    owners = and_(
        CloudAccess.cloud_id == Cloud.id,
        CloudAccess.role == CloudRole.OWNER,
        CloudAccess.revoked_at.is_(None),
        _holds(CloudAccess),
        or_(exists().where(users), exists().where(partners)),
    )
    return select(Cloud.id).where(Cloud.closed_at.is_(None), ~exists().where(owners))
