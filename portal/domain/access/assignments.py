"""Role assignments of one holder on one account or cloud: assign, raise, lower, revoke.

A role assigned by hand to another person takes effect after the propagation delay. Raising a role
keeps the old one until the new one is in effect; lowering and revoking take effect at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from portal import db
from portal.domain import policy
from portal.domain.access.permissions import AccountAccess, CloudAccess
from portal.domain.access.role_table import AccountRole, CloudRole
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused

Role = AccountRole | CloudRole


class RoleState(NamedTuple):
    """A holder's strongest assignment in effect, and their strongest pending one."""

    current: Any | None
    pending: Any | None


@dataclass(frozen=True)
class Assignments:
    """The role assignments of one holder on one account or cloud.

    `ids` holds the columns that identify them: `user_id` or `partner_id`, `account_id` or
    `cloud_id`. The calling verb locks the account or cloud, checks the permission, and records the
    change.
    """

    model: type[AccountAccess] | type[CloudAccess]
    ids: Mapping[str, str]

    def existing(self) -> list[Any]:
        """The holder's assignments, pending ones included, strongest first."""
        query = select(self.model).filter_by(revoked_at=None, **self.ids)
        rows = db.session.scalars(query.execution_options(populate_existing=True))
        return sorted(rows, key=lambda row: rank(row.role))

    def require_existing(self) -> list[Any]:
        """The same. Raises Refused("no-role") if there are none."""
        rows = self.existing()
        if not rows:
            raise Refused(Code.NO_ROLE)
        return rows

    def assign(self, role: Role, *, by: Actor, effective_at: datetime) -> None:
        """Add an assignment."""
        row = self.model(
            id=db.new_id("acc"),
            role=role,
            granted_at=db.now(),
            effective_at=effective_at,
            granted_by=by.id,
            **self.ids,
        )
        db.session.add(row)
        db.session.flush()

    def assign_first(self, role: Role, *, by: Actor) -> None:
        """Assign a role to a holder without one. Raises Refused("has-role")."""
        if self.existing():
            raise Refused(Code.HAS_ROLE, field="email")
        self.assign(role, by=by, effective_at=self._propagated_at(by))

    def change(self, role: Role, *, by: Actor) -> bool:
        """Replace the holder's role; False if they already have it, or will."""
        rows = self.existing()
        current, pending = role_state(rows)
        latest = pending or current
        if latest and latest.role is role:
            return False
        keeps_current = current is not None and rank(current.role) >= rank(role)
        revoke_assignments([row for row in rows if not (row is current and keeps_current)])
        if current is None or current.role is not role:
            effective_at = self._effective_at(role, current, pending, by=by)
            self.assign(role, by=by, effective_at=effective_at)
        return True

    def _effective_at(
        self, role: Role, current: Any | None, pending: Any | None, *, by: Actor
    ) -> datetime:
        """When a changed role takes effect: a lower one at once, or when the stronger pending one
        would have; a higher one after the propagation delay."""
        if current is not None and rank(role) > rank(current.role):
            return db.now()
        if current is None and pending is not None and rank(role) > rank(pending.role):
            return pending.effective_at  # type: ignore[no-any-return]
        return self._propagated_at(by)

    def _propagated_at(self, by: Actor) -> datetime:
        """When a role assigned now takes effect; the actor's own and an operator's at once."""
        if by.is_system or self.ids.get("user_id") == by.id:
            return db.now()
        return db.now() + policy.current().access_propagation


def rank(role: Role) -> int:
    """The role's position in its enum; 0 is the strongest."""
    return list(type(role)).index(role)


def role_state(rows: list[Any]) -> RoleState:
    """The current and the pending one of a holder's assignments, which come strongest first."""
    now = db.now()
    return RoleState(
        current=next((row for row in rows if row.holds_from <= now), None),
        pending=next((row for row in rows if row.holds_from > now), None),
    )


def revoke_assignments(rows: list[Any]) -> None:
    """End these assignments at once."""
    for row in rows:
        row.revoke()
    db.session.flush()
