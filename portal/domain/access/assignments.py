"""The roles that one holder has on one thing: given, raised, lowered, taken back.

Only a role given by hand to someone else waits until it has spread. Raising a role keeps the old
one until the new is effective; lowering and revoking work at once.
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
    """Of a holder's rows the one in effect, which is the strongest that is, and the one to come."""

    held: Any | None
    coming: Any | None


@dataclass(frozen=True)
class Assignments:
    """Where the rows of one holder on one thing stand: their table, and the columns that say whose
    they are (`user_id` or `partner_id`) and on what (`account_id` or `cloud_id`). The calling verb
    holds the thing's row, has asked whether it may, and records what it did."""

    table: type[AccountAccess] | type[CloudAccess]
    ids: Mapping[str, str]

    def rows(self) -> list[Any]:
        """What the holder has or is to have, strongest first."""
        found = select(self.table).filter_by(revoked_at=None, **self.ids)
        rows = db.session.scalars(found.execution_options(populate_existing=True))
        return sorted(rows, key=lambda row: rank(row.role))

    def taken(self) -> list[Any]:
        """Those rows. Raises Refused("no-role") where there are none."""
        rows = self.rows()
        if not rows:
            raise Refused(Code.NO_ROLE)
        return rows

    def give(self, role: Role, *, by: Actor, at: datetime) -> None:
        """One more row, in effect from `at` on."""
        row = self.table(
            id=db.new_id("acc"),
            role=role,
            granted_at=db.now(),
            effective_at=at,
            granted_by=by.id,
            **self.ids,
        )
        db.session.add(row)
        db.session.flush()

    def fill(self, role: Role, *, by: Actor) -> None:
        """A first role, in effect once it has spread. Raises Refused("has-role")."""
        if self.rows():
            raise Refused(Code.HAS_ROLE, field="email")
        self.give(role, by=by, at=self._spread(by))

    def change(self, role: Role, *, by: Actor) -> bool:
        """Another role instead; False where it is theirs already, or to come."""
        rows = self.rows()
        held, coming = role_state(rows)
        wanted_already = coming or held
        if wanted_already and wanted_already.role is role:
            return False
        is_kept = held is not None and rank(held.role) >= rank(role)
        revoke_assignments([row for row in rows if not (row is held and is_kept)])
        if held is None or held.role is not role:
            self.give(role, by=by, at=self._effective_at(role, held, coming, by=by))
        return True

    def _effective_at(
        self, role: Role, held: Any | None, coming: Any | None, *, by: Actor
    ) -> datetime:
        """Lowered: at once, or when the stronger one would have come. Raised: once it has
        spread."""
        if held is not None and rank(role) > rank(held.role):
            return db.now()
        if held is None and coming is not None and rank(role) > rank(coming.role):
            return coming.effective_at  # type: ignore[no-any-return]
        return self._spread(by)

    def _spread(self, by: Actor) -> datetime:
        """When a role given by hand now is in effect; one's own and an operator's do not wait."""
        if by.is_system or self.ids.get("user_id") == by.id:
            return db.now()
        return db.now() + policy.current().access_propagation


def rank(role: Role) -> int:
    """0 is the strongest."""
    return list(type(role)).index(role)


def role_state(rows: list[Any]) -> RoleState:
    """How the holder of these rows, strongest first, stands now."""
    now = db.now()
    return RoleState(
        next((row for row in rows if row.effective_at <= now), None),
        next((row for row in rows if row.effective_at > now), None),
    )


def revoke_assignments(rows: list[Any]) -> None:
    """These rows are over, at once."""
    for row in rows:
        row.revoked_at = db.now()
    db.session.flush()
