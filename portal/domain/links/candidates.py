"""The clouds one may choose from: those that can be linked, then the others, each with its reason.

However many clouds somebody has, the same number of questions is asked and of rows looked at.
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
from portal.domain.links.eligibility import OWNERS, Candidate, OpenRole, Target, find_refusal
from portal.domain.values import search_key

SEARCHED_FROM = 20
"""More clouds than this are searched, not looked through."""
PAGE = 50
WINDOW = 200
"""How many of the newest clouds of each holder are looked at; older ones are found by search."""


@dataclass(frozen=True)
class Choice:
    """A cloud with what speaks against linking it."""

    cloud: Candidate
    reason: Refused | None

    @property
    def ready_at(self) -> datetime | None:
        """When it enables itself, if it waits for nothing but time."""
        return self.reason.facts.get("until") if self.reason else None


@dataclass(frozen=True)
class Choices:
    """What the drop-down shows: `has_more` where there may be others beyond these."""

    ready: list[Choice]
    others: list[Choice]
    has_more: bool

    @property
    def next_at(self) -> datetime | None:
        """When the earliest waiting time is over."""
        return min((one.ready_at for one in self.others if one.ready_at), default=None)

    @property
    def is_searched(self) -> bool:
        return self.has_more or len(self.ready) + len(self.others) > SEARCHED_FROM


def list_candidates(at: Target, *, search: str = "", shown: int = PAGE) -> Choices:
    """The first `shown` clouds on which the actor, or their partner account, holds a role, pending
    ones too; those that can be linked come first, then the newest."""
    shown = max(1, min(shown, WINDOW))
    page = _page(at, search_key(search), shown + 1)
    found = _clouds(at).join(page, page.c.cloud_id == Cloud.id)
    rows = list(db.session.execute(found.order_by(page.c.ready.desc(), Cloud.id.desc())))
    ordered = [Choice(one, find_refusal(at, one)) for one in _with_roles(at, rows[:shown])]
    return Choices(
        ready=[one for one in ordered if one.reason is None],
        others=[one for one in ordered if one.reason is not None],
        has_more=len(rows) > shown or len(rows) >= WINDOW,
    )


def find_candidate(at: Target, found: Cloud) -> Candidate:
    """One cloud, found by the caller, as it is now."""
    rows = list(db.session.execute(_clouds(at).where(Cloud.id == found.id)))
    return _with_roles(at, rows)[0]


def _page(at: Target, key: str, limit: int) -> Subquery:
    """The clouds to show. `ready` orders only; whether one can be linked is for `why_not`."""
    newest = union_all(*_parts(at, key)).subquery()
    ready = func.max(newest.c.ready).label("ready")
    found = select(newest.c.cloud_id, ready).group_by(newest.c.cloud_id)
    return found.order_by(ready.desc(), newest.c.cloud_id.desc()).limit(limit).subquery()


def _parts(at: Target, key: str) -> Iterator[Select[Any]]:
    """The newest clouds of each holder. Where staff act for a customer, those shared with its user
    are looked at apart, and only they can be ready: a partner may own thousands of others."""
    is_customers = at.partner_id is not None and at.account.parent_id is not None
    yield _part(at, _newest(CloudAccess.user_id == at.actor.id, key), can_be_ready=not is_customers)
    for partner in at.staffed:
        is_usable = partner == at.partner_id and not is_customers
        yield _part(at, _newest(CloudAccess.partner_id == partner, key), can_be_ready=is_usable)
    if is_customers and at.confirmed_by is not None:
        row = _newest(CloudAccess.user_id == at.confirmed_by, key)
        mine = aliased(CloudAccess)
        shared = exists().where(
            mine.cloud_id == row.c.cloud_id,
            mine.revoked_at.is_(None),
            or_(mine.user_id == at.actor.id, mine.partner_id == at.partner_id),
        )
        yield _part(at, row, shared.where(_owned(mine)), can_be_ready=True).where(shared)


def _newest(holds: ColumnElement[bool], key: str) -> Subquery:
    """A holder's roles on the newest clouds. Nothing else is joined before the limit, or a planner
    might look through all clouds for it."""
    found = select(CloudAccess.cloud_id, CloudAccess.role, CloudAccess.effective_at)
    found = found.where(CloudAccess.revoked_at.is_(None), holds)
    if key:
        named = or_(Cloud.name_key.contains(key, autoescape=True), Cloud.id == key)
        found = found.join(Cloud, Cloud.id == CloudAccess.cloud_id).where(named)
    return found.order_by(CloudAccess.cloud_id.desc()).limit(WINDOW).subquery()


def _part(
    at: Target, row: Subquery, *beside: ColumnElement[bool], can_be_ready: bool
) -> Select[Any]:
    is_elsewhere = Link.account_id != at.account.id
    ready = and_(literal(value=can_be_ready), _owned(row.c), is_elsewhere, *beside)
    return (
        select(row.c.cloud_id, case((ready, 1), else_=0).label("ready"))
        .join(Cloud, Cloud.id == row.c.cloud_id)
        .join(Link, and_(Link.cloud_id == row.c.cloud_id, Link.until_at.is_(None)))
        .where(Cloud.closed_at.is_(None))
    )


def _owned(row: Any) -> ColumnElement[bool]:
    return and_(row.role.in_(OWNERS), row.effective_at <= db.now())


def _clouds(at: Target) -> Any:
    return (
        select(
            Cloud.id,
            Cloud.name,
            Cloud.closed_at,
            Link.id,
            Link.since_at,
            Link.account_id,
            BillingAccount.mode,
            *clouds.payer_columns_for(at.actor),
        )
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
    )


def _with_roles(at: Target, rows: list[Any]) -> list[Candidate]:
    matters = or_(
        CloudAccess.user_id == at.actor.id,
        CloudAccess.partner_id.in_(at.staffed),
        and_(_is_customers(at), CloudAccess.role.in_(OWNERS)),
    )
    found = select(
        CloudAccess.cloud_id,
        CloudAccess.user_id,
        CloudAccess.partner_id,
        CloudAccess.role,
        CloudAccess.effective_at,
        _is_customers(at),
    ).where(
        CloudAccess.cloud_id.in_([row[0] for row in rows]),
        CloudAccess.revoked_at.is_(None),
        matters,
    )
    held: dict[str, list[OpenRole]] = {row[0]: [] for row in rows}
    for one in db.session.execute(found):
        held[one[0]].append(OpenRole(*one))
    return [Candidate._make((*row, tuple(held[row[0]]))) for row in rows]


def _is_customers(at: Target) -> ColumnElement[bool]:
    """The person is the customer's whose subaccount it is; where it is the partner's own account,
    a live customer's."""
    if at.partner_id is None or (at.account.parent_id and not at.confirmed_by):
        return literal(value=False)
    if at.account.parent_id is not None:
        return CloudAccess.user_id.is_not(None) & (CloudAccess.user_id == at.confirmed_by)
    return exists().where(
        Invitation.answered_by == CloudAccess.user_id,
        Invitation.partner_id == at.partner_id,
        Invitation.answer == Answer.CONFIRMED,
        BillingAccount.id == Invitation.subaccount_id,
        BillingAccount.closed_at.is_(None),
    )
