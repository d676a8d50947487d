"""Why somebody may do what they may on a cloud: each ability with the rows that give it."""

from __future__ import annotations

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
from portal.domain.clouds import Cloud
from portal.domain.identity import User

SEE = Action.CLOUD_SEE


class Ground(NamedTuple):
    """A row that gives something: a role on the cloud, the person's own or (`partner_name`) their
    partner account's, or a role on the account that pays for it, or on its partner's. ID and role
    of the latter are None where that account does not exist for the reader. In effect from
    `effective_at`."""

    row_id: str | None
    role: CloudRole | AccountRole | None
    partner_name: str | None
    granted_at: datetime
    effective_at: datetime
    seen_at: datetime
    """Since when the cloud exists for the person by this row; a pending role shows it already."""

    @property
    def is_now(self) -> bool:
        return self.effective_at <= db.now()

    @property
    def is_on_cloud(self) -> bool:
        return isinstance(self.role, CloudRole)


class Ability(NamedTuple):
    """What a person may do, and by which rows; none: they may not."""

    action: Action
    grounds: list[Ground]

    @property
    def is_now(self) -> bool:
        return any(ground.is_now for ground in self.grounds)

    @property
    def begins_at(self) -> datetime | None:
        """From when on they may; None: not even soon."""
        return min((ground.effective_at for ground in self.grounds), default=None)


def explain(found: Cloud, user: User | None, *, reader: Actor) -> list[Ability]:
    """What the person may do on the cloud now or soon. Nobody, and somebody without a role, are
    the same answer."""
    on_cloud, on_payer = [], []
    if user is not None and user.disabled_at is None:
        on_cloud, on_payer = grants_of_user(found, user.id), _on_payer(found, user, reader)
    seen = [row._replace(effective_at=row.seen_at) for row in (*on_cloud, *on_payer)]
    return [
        Ability(SEE, seen),
        *(
            Ability(action, [row for row in on_cloud if row.role in roles])
            for action, roles in access.CLOUD_TABLE.items()
        ),
    ]


def grants_of_user(found: Cloud, user_id: str) -> list[Ground]:
    """Somebody's own rows, and those of the partners on whose staff they are with editor or
    higher, strongest first."""
    staff = (
        select(AccountAccess.account_id, func.min(AccountAccess.effective_at).label("since"))
        .where(
            AccountAccess.user_id == user_id,
            AccountAccess.role.in_(access.STAFF_ROLES),
            AccountAccess.revoked_at.is_(None),
        )
        .group_by(AccountAccess.account_id)
        .subquery()
    )
    rows = (
        select(CloudAccess, BillingAccount.name, staff.c.since)
        .outerjoin(BillingAccount, BillingAccount.id == CloudAccess.partner_id)
        .outerjoin(staff, staff.c.account_id == CloudAccess.partner_id)
        .where(CloudAccess.cloud_id == found.id, CloudAccess.revoked_at.is_(None))
        .where(or_(CloudAccess.user_id == user_id, staff.c.account_id.is_not(None)))
        .order_by(CloudAccess.id)
    )
    strongest = sorted(db.session.execute(rows), key=lambda found: rank(found[0].role))
    return [_ground(row, name, since) for row, name, since in strongest]


def _ground(row: CloudAccess, partner_name: str | None, staff_at: datetime | None) -> Ground:
    began = staff_at or row.granted_at
    effective_at, seen_at = max(row.effective_at, began), max(row.granted_at, began)
    return Ground(row.id, row.role, partner_name, row.granted_at, effective_at, seen_at)


def _on_payer(found: Cloud, user: User, reader: Actor) -> list[Ground]:
    account = clouds.payer_of(found)
    holding = {account.id, account.parent_id or account.id}
    known = {ident for ident in holding if db.find(BillingAccount, ident, reader)}
    rows = select(AccountAccess).where(
        AccountAccess.account_id.in_(holding),
        AccountAccess.user_id == user.id,
        AccountAccess.role.in_(access.ACCOUNT_TABLE[Action.ACCOUNT_SEE]),
        AccountAccess.revoked_at.is_(None),
    )
    return [
        Ground(
            row_id=row.id if row.account_id in known else None,
            role=row.role if row.account_id in known else None,
            partner_name=None,
            granted_at=row.granted_at,
            effective_at=row.effective_at,
            seen_at=row.effective_at,
        )
        for row in db.session.scalars(rows.order_by(AccountAccess.id))
    ]
