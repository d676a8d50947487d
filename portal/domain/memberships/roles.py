"""The roles of persons on clouds that give access: by hand, or as staff of a partner."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from portal import db
from portal.domain.access import CLOUD_TABLE, STAFF_ROLES, AccountAccess, CloudAccess, CloudRole
from portal.domain.access.assignments import rank
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.clouds import Cloud
from portal.domain.identity import User
from portal.domain.memberships.record import Membership

GIVING_ACCESS = CLOUD_TABLE[Action.CLOUD_GET_ACCESS]


def agreed_roles(*conditions: ColumnElement[bool]) -> dict[str, CloudRole]:
    """The strongest role that gives access now, by the ID of the membership. `conditions` are on
    memberships."""
    strongest: dict[str, CloudRole] = {}
    for query in (roles_by_hand(db.now()), roles_as_staff(db.now())):
        for membership_id, role in db.session.execute(query.where(*conditions)):
            held = strongest.get(membership_id, role)
            strongest[membership_id] = min(held, role, key=rank)
    return strongest


def effective_since_settled() -> ColumnElement[bool]:
    """The condition for memberships of which a role took effect since they were settled."""
    now, since = db.now(), Membership.settled_at
    is_new = or_(CloudAccess.effective_at > since, AccountAccess.effective_at > since)
    by_hand = roles_by_hand(now).where(CloudAccess.effective_at > since)
    as_staff = roles_as_staff(now).where(is_new)
    ids = (query.with_only_columns(Membership.id) for query in (by_hand, as_staff))
    return or_(*(Membership.id.in_(each) for each in ids))


def holds(assignment: type[AccountAccess | CloudAccess], now: Any) -> ColumnElement[bool]:
    """The condition for an assignment in effect, as `Assignment.holds_from`; `now` may be a
    parameter."""
    is_delayed = assignment.effective_at > assignment.granted_at
    is_now = or_(~is_delayed, assignment.effective_at <= now)
    return and_(assignment.revoked_at.is_(None), is_now)


def roles_by_hand(now: Any) -> Any:
    """The query of memberships' IDs and the roles that their persons hold by hand."""
    is_own = and_(
        CloudAccess.cloud_id == Membership.cloud_id, CloudAccess.user_id == Membership.user_id
    )
    return _that_give_access(is_own).where(holds(CloudAccess, now))


def roles_as_staff(now: Any) -> Any:
    """The same for the roles of a partner's account, which hold for its staff."""
    is_partners = and_(
        CloudAccess.cloud_id == Membership.cloud_id, CloudAccess.partner_id.is_not(None)
    )
    is_staff = and_(
        AccountAccess.account_id == CloudAccess.partner_id,
        AccountAccess.user_id == Membership.user_id,
        AccountAccess.role.in_(STAFF_ROLES),
    )
    is_partner = and_(
        BillingAccount.id == CloudAccess.partner_id, BillingAccount.kind == Kind.PARTNER
    )
    query = _that_give_access(is_partners).join(AccountAccess, is_staff)
    query = query.join(BillingAccount, is_partner)
    return query.where(holds(CloudAccess, now), holds(AccountAccess, now))


def _that_give_access(is_role: ColumnElement[bool]) -> Any:
    """No role gives access to an inactive user, or to a closed cloud."""
    query: Any = select(Membership.id, CloudAccess.role).join(CloudAccess, is_role)
    query = query.join(Cloud, Cloud.id == Membership.cloud_id)
    query = query.join(User, User.id == Membership.user_id)
    is_open = User.is_active, Cloud.closed_at.is_(None)
    return query.where(*is_open, CloudAccess.role.in_(GIVING_ACCESS))
