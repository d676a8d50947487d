"""Checks of memberships: nobody keeps access without a role, and secrets can be decrypted."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, select

from portal import db
from portal.domain import connections
from portal.domain.doctor.check import NOW, Problem, Query, check, select_check
from portal.domain.jobs import OPEN_STATES, Job, Kind, OrderKind
from portal.domain.memberships import (
    Access,
    AccessSecret,
    Membership,
    roles_as_staff,
    roles_by_hand,
)


@select_check("memberships", "The person {1} has no role, and their access is not being revoked.")
def membership_without_role() -> Query:
    roles = (query.with_only_columns(Membership.id) for query in _role_queries())
    has_none = (Membership.id.not_in(query.correlate(None)) for query in roles)
    return select(Membership.id, Membership.user_id).where(
        Membership.revoking_at.is_(None), *has_none
    )


def _role_queries() -> tuple[Query, Query]:
    return roles_by_hand(NOW), roles_as_staff(NOW)


@select_check("memberships", "The person {1} loses their access, and no order takes it away.")
def revoke_not_ordered() -> Query:
    ordered = exists().where(
        Job.kind == Kind.CLOUDS,
        Job.subject_kind == OrderKind.REVOKE,
        Job.subject_id == Membership.id,
        Job.state.in_(OPEN_STATES),
    )
    return select(Membership.id, Membership.user_id).where(
        Membership.revoking_at.is_not(None), Membership.revoked_at.is_(None), ~ordered
    )


@select_check("memberships", "The access was to end at {1}, and is not being withdrawn.")
def access_past_its_end() -> Query:
    return select(Access.id, Access.until).where(Access.until <= NOW, Access.ending_at.is_(None))


@check("memberships")
def access_secret_unreadable() -> Iterator[Problem]:
    """A secret that no key of CREDENTIALS_KEY_FILE decrypts, or that of another access."""
    for secret in db.session.scalars(select(AccessSecret).order_by(AccessSecret.access_id)):
        if connections.open_sealed(secret.access_id, secret.sealed) is None:
            yield Problem(secret.access_id, "No key of CREDENTIALS_KEY_FILE decrypts this secret.")
