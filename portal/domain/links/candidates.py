"""Candidates: the clouds that an actor could link to an account, eligible ones first.

The number of statements and of rows read doesn't grow with the number of the actor's clouds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import clouds
from portal.domain.access import CloudAccess
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud, Link
from portal.domain.errors import Refused
from portal.domain.invitations import Answer, Invitation
from portal.domain.links.eligibility import OWNERS, Candidate, CandidateRole, Target, find_refusal
from portal.domain.values import search_key

SEARCH_THRESHOLD = 20
"""The drop-down offers a search for more clouds than this."""
PAGE = 50
WINDOW = 200
"""How many of each holder's newest clouds are read; search finds older ones."""


@dataclass(frozen=True)
class Option:
    """A candidate, and why it can't be linked (None: it can)."""

    candidate: Candidate
    refusal: Refused | None

    @property
    def eligible_at(self) -> datetime | None:
        """When it can be linked, if it only needs time; else None."""
        return self.refusal.facts.get("until") if self.refusal else None


@dataclass(frozen=True)
class CandidateList:
    """The options of the drop-down. `has_more`: there may be clouds that it leaves out."""

    eligible: list[Option]
    ineligible: list[Option]
    has_more: bool

    @property
    def next_eligible_at(self) -> datetime | None:
        """When the next option becomes eligible by time; None if none does."""
        times = (option.eligible_at for option in self.ineligible)
        return min((time for time in times if time), default=None)

    @property
    def is_searchable(self) -> bool:
        return self.has_more or len(self.eligible) + len(self.ineligible) > SEARCH_THRESHOLD


def list_candidates(target: Target, *, search: str = "", limit: int = PAGE) -> CandidateList:
    """The first `limit` (at most WINDOW) open clouds on which the actor or their partner account
    holds a role, pending ones too: eligible ones first, then the newest. `search` matches a part of
    the name, or the whole ID."""
    limit = max(1, min(limit, WINDOW))
    page = _page(target, search_key(search), limit + 1)
    query = _clouds(target).join(page, page.c.cloud_id == Cloud.id)
    rows = list(db.session.execute(query.order_by(page.c.ready.desc(), Cloud.id.desc())))
    options = [
        Option(candidate, find_refusal(target, candidate))
        for candidate in _with_roles(target, rows[:limit])
    ]
    return CandidateList(
        eligible=[option for option in options if option.refusal is None],
        ineligible=[option for option in options if option.refusal is not None],
        has_more=len(rows) > limit or len(rows) >= WINDOW,
    )


def find_candidate(target: Target, cloud: Cloud) -> Candidate:
    """The cloud as a candidate, as it is now. The caller has checked that the actor sees it."""
    rows = list(db.session.execute(_clouds(target).where(Cloud.id == cloud.id)))
    return _with_roles(target, rows)[0]


def _page(target: Target, key: str, limit: int) -> Subquery:
    """IDs of the clouds to show. `ready` only orders them; `find_refusal` decides."""
    newest = union_all(*_newest_by_holder(target, key)).subquery()
    ready = func.max(newest.c.ready).label("ready")
    query = select(newest.c.cloud_id, ready).group_by(newest.c.cloud_id)
    return query.order_by(ready.desc(), newest.c.cloud_id.desc()).limit(limit).subquery()


def _newest_by_holder(target: Target, key: str) -> Iterator[Select[Any]]:
    """One query for each holder's newest clouds. Where staff act for a customer, clouds shared with
    the customer's user get a query of their own, and only they can be ready: a partner may own
    thousands of other clouds."""
    actor_id, partner_id = target.actor.id, target.partner_id
    is_for_customer = partner_id is not None and target.account.parent_id is not None
    roles = _newest_roles(CloudAccess.user_id == actor_id, key)
    yield _clouds_of(target, roles, can_be_ready=not is_for_customer)
    for staff_partner_id in target.staff_partner_ids:
        roles = _newest_roles(CloudAccess.partner_id == staff_partner_id, key)
        is_usable = staff_partner_id == partner_id and not is_for_customer
        yield _clouds_of(target, roles, can_be_ready=is_usable)
    if is_for_customer and target.customer_user_id is not None:
        roles = _newest_roles(CloudAccess.user_id == target.customer_user_id, key)
        actors = aliased(CloudAccess)
        shared = exists().where(
            actors.cloud_id == roles.c.cloud_id,
            actors.revoked_at.is_(None),
            or_(actors.user_id == actor_id, actors.partner_id == partner_id),
        )
        is_owned = shared.where(_owns_now(actors))
        yield _clouds_of(target, roles, is_owned, can_be_ready=True).where(shared)


def _newest_roles(is_holders: ColumnElement[bool], key: str) -> Subquery:
    """A holder's roles on their newest clouds."""
    # Without other joins before the limit: for them a planner might read all clouds.
    query = select(CloudAccess.cloud_id, CloudAccess.role, CloudAccess.holds_from)
    query = query.where(CloudAccess.revoked_at.is_(None), is_holders)
    if key:
        matches = or_(Cloud.name_key.contains(key, autoescape=True), Cloud.id == key)
        query = query.join(Cloud, Cloud.id == CloudAccess.cloud_id).where(matches)
    return query.order_by(CloudAccess.cloud_id.desc()).limit(WINDOW).subquery()


def _clouds_of(
    target: Target, roles: Subquery, *conditions: ColumnElement[bool], can_be_ready: bool
) -> Select[Any]:
    """IDs of the open clouds of these roles, and whether they look ready under `conditions`."""
    is_elsewhere = Link.account_id != target.account.id
    is_kept = Cloud.closes_at.is_(None)
    can_be = literal(value=can_be_ready)
    ready = and_(can_be, _owns_now(roles.c), is_elsewhere, is_kept, *conditions)
    return (
        select(roles.c.cloud_id, case((ready, 1), else_=0).label("ready"))
        .join(Cloud, Cloud.id == roles.c.cloud_id)
        .join(Link, and_(Link.cloud_id == roles.c.cloud_id, Link.until_at.is_(None)))
        .where(Cloud.closed_at.is_(None))
    )


def _owns_now(roles: Any) -> ColumnElement[bool]:
    return and_(roles.role.in_(OWNERS), roles.holds_from <= db.now())


def _clouds(target: Target) -> Any:
    """A query for all fields of `Candidate` but `roles`."""
    return (
        select(
            Cloud.id,
            Cloud.name,
            Cloud.closed_at,
            Cloud.closes_at,
            Link.id,
            Link.since_at,
            Link.account_id,
            BillingAccount.mode,
            *clouds.payer_columns_for(target.actor),
        )
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
    )


def _with_roles(target: Target, rows: list[Any]) -> list[Candidate]:
    """The rows of `_clouds` as candidates, with the roles that `find_refusal` reads."""
    is_relevant = or_(
        CloudAccess.user_id == target.actor.id,
        CloudAccess.partner_id.in_(target.staff_partner_ids),
        and_(_is_customers(target), CloudAccess.role.in_(OWNERS)),
    )
    query = select(
        CloudAccess.cloud_id,
        CloudAccess.user_id,
        CloudAccess.partner_id,
        CloudAccess.role,
        CloudAccess.holds_from,
        _is_customers(target),
    ).where(
        CloudAccess.cloud_id.in_([row[0] for row in rows]),
        CloudAccess.revoked_at.is_(None),
        is_relevant,
    )
    roles: dict[str, list[CandidateRole]] = {row[0]: [] for row in rows}
    for role_row in db.session.execute(query):
        roles[role_row[0]].append(CandidateRole(*role_row))
    return [Candidate._make((*row, tuple(roles[row[0]]))) for row in rows]


def _is_customers(target: Target) -> ColumnElement[bool]:
    """Whether the customer's user holds the role, for a subaccount; for the partner's own account,
    whether the user of any of its live customers does."""
    if target.partner_id is None or (target.account.parent_id and not target.customer_user_id):
        return literal(value=False)
    if target.account.parent_id is not None:
        return CloudAccess.user_id.is_not(None) & (CloudAccess.user_id == target.customer_user_id)
    return exists().where(
        Invitation.answered_by == CloudAccess.user_id,
        Invitation.partner_id == target.partner_id,
        Invitation.answer == Answer.CONFIRMED,
        BillingAccount.id == Invitation.subaccount_id,
        BillingAccount.closed_at.is_(None),
    )
