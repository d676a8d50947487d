"""The clouds one may choose from: those that can be linked, then the others, each with its reason.

However many clouds somebody has, the same number of questions is asked and of rows looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    exists,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.orm import aliased

from portal import db
from portal.domain import cloud
from portal.domain.access import CloudAccess
from portal.domain.account import BillingAccount
from portal.domain.cloud import Cloud, Link
from portal.domain.contact import search_key
from portal.domain.errors import Refused
from portal.domain.invitation import Answer, Invitation
from portal.domain.linking.reason import OWNERS, Candidate, Held, Target, why_not

SEARCHED_FROM = 20
"""More clouds than this are searched, not looked through."""
PAGE = 50
WINDOW = 500
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
    """What the drop-down shows: `has_more` where there are others beyond these."""

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


def choices(at: Target, *, search: str = "", shown: int = PAGE) -> Choices:
    """The first `shown` clouds on which the actor, or their partner account, holds a role, pending
    ones too; those that can be linked come first, then the newest."""
    shown = max(1, min(shown, WINDOW))
    window = _window(at, search_key(search)).subquery()
    found = _clouds(at).join(window, window.c.cloud_id == Cloud.id)
    found = found.order_by(_looks_ready(at).desc(), Cloud.id.desc()).limit(shown + 1)
    rows = list(db.session.execute(found))
    ordered = [Choice(one, why_not(at, one)) for one in _with_roles(at, rows[:shown])]
    return Choices(
        ready=[one for one in ordered if one.reason is None],
        others=[one for one in ordered if one.reason is not None],
        has_more=len(rows) > shown,
    )


def candidate(at: Target, found: Cloud) -> Candidate:
    """One cloud, found by the caller, as it is now."""
    rows = list(db.session.execute(_clouds(at).where(Cloud.id == found.id)))
    return _with_roles(at, rows)[0]


def _window(at: Target, key: str) -> CompoundSelect[Any]:
    """The clouds to look at. The customer's come first: a partner may own thousands of others."""
    own = CloudAccess.user_id == at.actor.id
    holders = [own, *(CloudAccess.partner_id == partner for partner in at.staffed)]
    parts = [_newest(holds, key) for holds in holders]
    if at.confirmed_by is not None and at.partner_id is not None:
        other = aliased(CloudAccess)
        shared = exists().where(
            other.cloud_id == CloudAccess.cloud_id,
            other.revoked_at.is_(None),
            or_(other.user_id == at.actor.id, other.partner_id == at.partner_id),
        )
        parts.append(_newest(and_(CloudAccess.user_id == at.confirmed_by, shared), key))
    return union(*parts)


def _newest(holds: ColumnElement[bool], key: str) -> Select[Any]:
    found = select(CloudAccess.cloud_id).where(CloudAccess.revoked_at.is_(None), holds)
    if key:
        named = or_(Cloud.name_key.contains(key, autoescape=True), Cloud.id == key)
        found = found.join(Cloud, Cloud.id == CloudAccess.cloud_id).where(named)
    newest = found.order_by(CloudAccess.cloud_id.desc()).limit(WINDOW).subquery()
    return select(newest.c.cloud_id)


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
            *cloud.payer_for(at.actor),
        )
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
    )


def _looks_ready(at: Target) -> ColumnElement[bool]:
    """Orders only; whether a cloud can be linked is for `why_not` to say."""
    row = aliased(CloudAccess)

    def owned(*holds: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(
            row.cloud_id == Cloud.id,
            row.revoked_at.is_(None),
            row.effective_at <= db.now(),
            row.role.in_(OWNERS),
            or_(*holds),
        )

    ready = [Link.account_id != at.account.id]
    if at.partner_id is None:
        ready.append(owned(row.user_id == at.actor.id))
    else:
        ready.append(owned(row.user_id == at.actor.id, row.partner_id == at.partner_id))
        if at.confirmed_by is not None:
            ready.append(owned(row.user_id == at.confirmed_by))
    return and_(*ready)


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
    held: dict[str, list[Held]] = {row[0]: [] for row in rows}
    for one in db.session.execute(found):
        held[one[0]].append(Held(*one))
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
