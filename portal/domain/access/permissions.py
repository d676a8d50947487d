"""Permissions: the roles in effect on an account or a cloud, and what they allow.

Roles on a partner's account also apply to its subaccounts. A partner account's role on a cloud
applies to its staff with the role editor or higher.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    and_,
    bindparam,
    case,
    or_,
    select,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.access.role_table import (
    ACCOUNT_TABLE,
    CLOUD_TABLE,
    INVITED_TABLE,
    STAFF_ROLES,
    AccountRole,
    CloudRole,
)
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Forbidden
from portal.domain.notifications import Target

NOW = bindparam("now", callable_=db.now, type_=db.UtcDateTime(), unique=True)
"""The instant of the unit of work that executes the statement."""


class Account(Protocol):
    """The attributes of a billing account that `access` uses."""

    id: Any
    parent_id: Any
    name: Any

    @property
    def chain(self) -> str: ...

    @property
    def people_target(self) -> Target: ...


class Assignment:
    """The times of a role. The clock may be set back between two of them."""

    granted_at: Mapped[datetime]
    effective_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    @hybrid_property
    def holds_from(self) -> datetime:
        """When the role takes effect. One that was given without a delay has taken effect, even if
        the clock was set back since."""
        is_delayed = self.effective_at > self.granted_at
        return self.effective_at if is_delayed else min(self.effective_at, db.now())

    @holds_from.inplace.expression
    @classmethod
    def _holds_from(cls) -> ColumnElement[datetime]:
        is_as_stored = or_(cls.effective_at > cls.granted_at, cls.effective_at <= NOW)
        return case((is_as_stored, cls.effective_at), else_=NOW)

    def revoke(self) -> None:
        """End the role now, but never before it began: the clock may have been set back."""
        self.revoked_at = max(db.now(), self.granted_at)


class AccountAccess(Assignment, db.Base):
    """A dated role of a user on a billing account."""

    __tablename__ = "account_access"
    __table_args__ = (
        CheckConstraint("revoked_at IS NULL OR revoked_at >= granted_at", name="revoked_later"),
        Index(
            "uq_account_access_open",
            "user_id",
            "account_id",
            "role",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_account_access_account_id", "account_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    role: Mapped[AccountRole] = mapped_column(db.enum_column(AccountRole, "role"))
    granted_at: Mapped[datetime]
    effective_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    granted_by: Mapped[str]


class CloudAccess(Assignment, db.Base):
    """A dated role of a user, or of a partner account, on a cloud."""

    __tablename__ = "cloud_access"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (partner_id IS NULL)", name="one_holder"),
        CheckConstraint("revoked_at IS NULL OR revoked_at >= granted_at", name="revoked_later"),
        *(
            Index(
                f"uq_cloud_access_open_{holder}",
                f"{holder}_id",
                "cloud_id",
                "role",
                unique=True,
                sqlite_where=text("revoked_at IS NULL"),
                postgresql_where=text("revoked_at IS NULL"),
            )
            for holder in ("user", "partner")
        ),
        Index("ix_cloud_access_cloud_id", "cloud_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    partner_id: Mapped[str | None] = mapped_column(ForeignKey("billing_accounts.id"))
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    role: Mapped[CloudRole] = mapped_column(db.enum_column(CloudRole, "role"))
    granted_at: Mapped[datetime]
    effective_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    granted_by: Mapped[str]


def roles_on_account(actor: Actor, account: Account) -> frozenset[AccountRole]:
    """The actor's roles in effect on the account, including those on its partner's account."""
    ids = [account.id] if account.parent_id is None else [account.id, account.parent_id]

    def load() -> frozenset[AccountRole]:
        is_theirs = AccountAccess.account_id.in_(ids), AccountAccess.user_id == actor.id
        query = select(AccountAccess.role).where(*is_theirs, in_effect())
        return frozenset(db.session.scalars(query))

    return db.load_once(("roles_on_account", actor.id, *ids), load)


def roles_on_cloud(actor: Actor, cloud_id: str) -> frozenset[CloudRole]:
    """The actor's roles in effect on the cloud, including those of their partner account."""

    def load() -> frozenset[CloudRole]:
        query = select(CloudAccess.role).where(
            CloudAccess.cloud_id == cloud_id,
            CloudAccess.revoked_at.is_(None),
            CloudAccess.holds_from <= NOW,
            _has_role(actor),
        )
        return frozenset(db.session.scalars(query))

    return db.load_once(("roles_on_cloud", actor.id, cloud_id), load)


def may(actor: Actor, action: Action, thing: Any) -> bool:
    """Whether the actor may do `action` to this account, cloud or invitation."""
    if action in INVITED_TABLE:  # first: a system actor is never the invited person
        return bool(thing.email_key == actor.email_key)
    if actor.is_system:
        return True
    if action in CLOUD_TABLE:
        return not CLOUD_TABLE[action].isdisjoint(roles_on_cloud(actor, thing.id))
    return not ACCOUNT_TABLE[action].isdisjoint(roles_on_account(actor, thing))


def require(actor: Actor, action: Action, thing: Any) -> None:
    """Raises Forbidden unless `may(actor, action, thing)`."""
    if not may(actor, action, thing):
        raise Forbidden(action)


def require_operator(actor: Actor, action: Action) -> None:
    """Raises Forbidden unless the actor is an operator or the system itself."""
    if not (actor.is_operator or actor.is_system):
        raise Forbidden(action)


def administers(actor: Actor, account: Account) -> bool:
    """Whether the actor has a role on the account itself that allows ending its partnership."""
    return actor.id in users_with_role(account.id, ACCOUNT_TABLE[Action.ACCESS_MANAGE])


def users_with_role(account_id: str, roles: frozenset[AccountRole]) -> set[str]:
    """The IDs of the users with one of these roles in effect on the account itself."""
    query = select(AccountAccess.user_id).where(
        AccountAccess.account_id == account_id, AccountAccess.role.in_(roles), in_effect()
    )
    return set(db.session.scalars(query))


def cloud_owners(cloud_id: str) -> set[str]:
    """The IDs of the users with the role owner in effect on the cloud itself."""
    query = select(CloudAccess.user_id).where(
        CloudAccess.cloud_id == cloud_id,
        CloudAccess.role == CloudRole.OWNER,
        CloudAccess.user_id.is_not(None),
        CloudAccess.revoked_at.is_(None),
        CloudAccess.holds_from <= NOW,
    )
    return {user_id for user_id in db.session.scalars(query) if user_id}


def staff_ids(partner_id: str) -> set[str]:
    """The IDs of the users with any role on the partner's account, pending ones included."""

    def load() -> set[str]:
        query = select(AccountAccess.user_id).where(
            AccountAccess.account_id == partner_id, AccountAccess.revoked_at.is_(None)
        )
        return set(db.session.scalars(query))

    return set(db.load_once(("staff_ids", partner_id), load))


def is_staff(user_id: str, partner_id: str) -> bool:
    """Whether the user is in `staff_ids`."""
    # Compare in Python: PostgreSQL rejects a query for a forged ID that contains NUL.
    return user_id in staff_ids(partner_id)


def account_ids(actor: Actor, *, staff: bool = False, allowing: Action | None = None) -> Any:
    """A sub-select of the IDs of accounts on which the actor has a role in effect; with `staff`,
    one of STAFF_ROLES; with `allowing`, one that allows the action."""
    query = select(AccountAccess.account_id).where(AccountAccess.user_id == actor.id, in_effect())
    if allowing is not None:
        query = query.where(AccountAccess.role.in_(ACCOUNT_TABLE[allowing]))
    return query.where(AccountAccess.role.in_(STAFF_ROLES)) if staff else query


def ids_with(actor: Actor, action: Action, ids: Collection[str]) -> set[str]:
    """Those of these accounts on which the actor has a role of their own that allows the action."""
    if actor.is_system:
        return set(ids)
    allowed = AccountAccess.account_id.in_(ids), AccountAccess.role.in_(ACCOUNT_TABLE[action])
    return set(db.session.scalars(account_ids(actor).where(*allowed)))


def cloud_ids(actor: Actor, *, direct_only: bool = False) -> Any:
    """A sub-select of the IDs of clouds on which the actor or their partner account
    (unless `direct_only`) has a role, pending ones included."""
    has_role = CloudAccess.user_id == actor.id if direct_only else _has_role(actor)
    return select(CloudAccess.cloud_id).where(CloudAccess.revoked_at.is_(None), has_role)


def _has_role(actor: Actor) -> ColumnElement[bool]:
    """The condition for cloud roles of the actor or their partner account."""
    return or_(
        CloudAccess.user_id == actor.id,
        CloudAccess.partner_id.in_(account_ids(actor, staff=True)),
    )


@cache
def in_effect() -> ColumnElement[bool]:
    """The condition for account roles that are in effect now."""
    return and_(AccountAccess.revoked_at.is_(None), AccountAccess.holds_from <= NOW)
