"""Explain a user's access to a cloud: each ability with the rows that grant it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, or_, select

from portal import db
from portal.domain import access, clouds
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.access.assignments import rank
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.cloud_access.members import open_grants
from portal.domain.clouds import Cloud
from portal.domain.identity import User

SEE = Action.CLOUD_SEE


class Grant(NamedTuple):
    """A row that grants a user something on a cloud, in effect from `effective_at`.

    It is one of: the user's role on the cloud; the role of a partner account (`partner_name`) on
    whose staff they are; their role on the account that pays for the cloud, or on that account's
    partner. In the last case ID and role are None if the reader can't see the account.
    """

    row_id: str | None
    role: CloudRole | AccountRole | None
    partner_name: str | None
    granted_at: datetime
    effective_at: datetime
    seen_at: datetime
    """Since when the user sees the cloud by this row; a pending role already shows it."""

    @property
    def is_now(self) -> bool:
        return self.effective_at <= db.now()

    @property
    def is_on_cloud(self) -> bool:
        return isinstance(self.role, CloudRole)


class Ability(NamedTuple):
    """An action and the rows that allow it to a user; without rows it is not allowed."""

    action: Action
    grants: list[Grant]

    @property
    def is_now(self) -> bool:
        return any(grant.is_now for grant in self.grants)

    @property
    def begins_at(self) -> datetime | None:
        """When the action is allowed from; None: never."""
        return min((grant.effective_at for grant in self.grants), default=None)


def explain(cloud: Cloud, user: User | None, *, reader: Actor) -> list[Ability]:
    """Every action on the cloud, with the rows that allow it to the user now or will. The answer is
    the same, by the same statements, for no user, an inactive user and a user without a role."""
    user_id = user.id if user is not None and user.is_active else ""
    on_cloud, on_payer = grants_of_user(cloud, user_id), _grants_on_payer(cloud, user_id, reader)
    showing = [grant._replace(effective_at=grant.seen_at) for grant in (*on_cloud, *on_payer)]
    return [
        Ability(SEE, showing),
        *(
            Ability(action, [grant for grant in on_cloud if grant.role in roles])
            for action, roles in access.CLOUD_TABLE.items()
        ),
    ]


def grants_of_user(cloud: Cloud, user_id: str) -> list[Grant]:
    """The user's roles on the cloud, and those of the partners on whose staff they are with the
    role editor or higher; strongest first."""
    staff = (
        select(AccountAccess.account_id, func.min(AccountAccess.holds_from).label("since"))
        .where(
            AccountAccess.user_id == user_id,
            AccountAccess.role.in_(access.STAFF_ROLES),
            AccountAccess.revoked_at.is_(None),
        )
        .group_by(AccountAccess.account_id)
        .subquery()
    )
    query = (
        select(CloudAccess, BillingAccount.name, staff.c.since)
        .outerjoin(BillingAccount, BillingAccount.id == CloudAccess.partner_id)
        .outerjoin(staff, staff.c.account_id == CloudAccess.partner_id)
        .where(CloudAccess.cloud_id == cloud.id, CloudAccess.revoked_at.is_(None))
        .where(or_(CloudAccess.user_id == user_id, staff.c.account_id.is_not(None)))
        .order_by(CloudAccess.id)
    )
    strongest = sorted(db.session.execute(query), key=lambda row: rank(row[0].role))
    return [_grant(row, name, since) for row, name, since in strongest]


def kept_grants(cloud: Cloud, holder_ids: Collection[str]) -> dict[User, list[Grant]]:
    """The roles that people keep on the cloud if those of these holders, users and partner
    accounts, are revoked; strongest first. Without those who keep none."""
    rows = open_grants(cloud)
    leaving = {row.id for row in rows if row.user_id in holder_ids or row.partner_id in holder_ids}
    partners = [row.partner_id for row in rows if row.partner_id and row.partner_id in holder_ids]
    people = {holder_id for holder_id in holder_ids if not holder_id.startswith("dn2")}
    people |= set[str]().union(*(access.staff_ids(partner_id) for partner_id in partners))
    users = db.session.scalars(select(User).where(User.id.in_(people)).order_by(User.name, User.id))
    kept = {
        user: [grant for grant in grants_of_user(cloud, user.id) if grant.row_id not in leaving]
        for user in users
    }
    return {user: grants for user, grants in kept.items() if grants}


def _grant(row: CloudAccess, partner_name: str | None, staff_since: datetime | None) -> Grant:
    granted_at = min(row.granted_at, db.now())  # the clock may have been set back
    since = staff_since or granted_at
    return Grant(
        row_id=row.id,
        role=row.role,
        partner_name=partner_name,
        granted_at=row.granted_at,
        effective_at=max(row.holds_from, since),
        seen_at=max(granted_at, since),
    )


def _grants_on_payer(cloud: Cloud, user_id: str, reader: Actor) -> list[Grant]:
    payer = clouds.payer_of(cloud)
    account_ids = {payer.id, payer.parent_id or payer.id}
    visible_ids = {
        account_id for account_id in account_ids if db.find(BillingAccount, account_id, reader)
    }
    query = select(AccountAccess).where(
        AccountAccess.account_id.in_(account_ids),
        AccountAccess.user_id == user_id,
        AccountAccess.role.in_(access.ACCOUNT_TABLE[Action.ACCOUNT_SEE]),
        AccountAccess.revoked_at.is_(None),
    )
    return [
        Grant(
            row_id=row.id if row.account_id in visible_ids else None,
            role=row.role if row.account_id in visible_ids else None,
            partner_name=None,
            granted_at=row.granted_at,
            effective_at=row.holds_from,
            seen_at=row.holds_from,
        )
        for row in db.session.scalars(query.order_by(AccountAccess.id))
    ]
