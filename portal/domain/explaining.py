"""Why somebody may do what they may on a cloud: each ability with the rows that give it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select

from portal import db
from portal.domain import access
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.account import BillingAccount
from portal.domain.cloud import Cloud, Link
from portal.domain.identity import User

SEE = "cloud.see"


class Ground(NamedTuple):
    """A row that gives something: a role on the cloud, the person's own or (`partner_name`) their
    partner account's, or a role on the account that pays for it. In effect from `effective_at`."""

    row_id: str
    role: CloudRole | AccountRole
    partner_name: str | None
    granted_at: datetime
    effective_at: datetime
    seen_at: datetime
    """Since when the cloud exists for the person by this row; a pending role shows it already."""

    @property
    def is_now(self) -> bool:
        return self.effective_at <= db.now()


class Ability(NamedTuple):
    """What a person may do, and by which rows; none: they may not."""

    action: str
    grounds: list[Ground]

    @property
    def is_now(self) -> bool:
        return any(ground.is_now for ground in self.grounds)


def explain(found: Cloud, user: User | None) -> list[Ability]:
    """What the person may do on the cloud now or soon. Nobody, and somebody without a role, are
    the same answer."""
    on_cloud, on_payer = [], []
    if user is not None and user.disabled_at is None:
        on_cloud, on_payer = _on_cloud(found, user), _on_payer(found, user)
    seen = [row._replace(effective_at=row.seen_at) for row in (*on_cloud, *on_payer)]
    return [
        Ability(SEE, seen),
        *(
            Ability(action, [row for row in on_cloud if row.role in roles])
            for action, roles in access.CLOUD_TABLE.items()
        ),
    ]


def _on_cloud(found: Cloud, user: User) -> list[Ground]:
    """Own rows, and those of the partners on whose staff the person is with editor or higher."""
    staff = (
        select(AccountAccess.account_id, AccountAccess.effective_at)
        .where(
            AccountAccess.user_id == user.id,
            AccountAccess.role.in_(access.STAFF_ROLES),
            AccountAccess.revoked_at.is_(None),
        )
        .subquery()
    )
    rows = (
        select(CloudAccess, BillingAccount.name, staff.c.effective_at)
        .outerjoin(BillingAccount, BillingAccount.id == CloudAccess.partner_id)
        .outerjoin(staff, staff.c.account_id == CloudAccess.partner_id)
        .where(CloudAccess.cloud_id == found.id, CloudAccess.revoked_at.is_(None))
        .where(or_(CloudAccess.user_id == user.id, staff.c.account_id.is_not(None)))
        .order_by(CloudAccess.id)
    )
    return [_ground(row, name, since) for row, name, since in db.session.execute(rows)]


def _ground(row: CloudAccess, partner_name: str | None, staff_at: datetime | None) -> Ground:
    began = staff_at or row.granted_at
    effective_at, seen_at = max(row.effective_at, began), max(row.granted_at, began)
    return Ground(row.id, row.role, partner_name, row.granted_at, effective_at, seen_at)


def _on_payer(found: Cloud, user: User) -> list[Ground]:
    payer = select(BillingAccount).join(Link, Link.account_id == BillingAccount.id)
    payer = payer.where(Link.cloud_id == found.id, Link.until_at.is_(None))
    account = db.session.scalars(payer).one()
    rows = select(AccountAccess).where(
        AccountAccess.account_id.in_([account.id, account.parent_id or account.id]),
        AccountAccess.user_id == user.id,
        AccountAccess.role.in_(access.ACCOUNT_TABLE["account.see"]),
        AccountAccess.revoked_at.is_(None),
    )
    return [
        Ground(row.id, row.role, None, row.granted_at, row.effective_at, row.effective_at)
        for row in db.session.scalars(rows.order_by(AccountAccess.id))
    ]
