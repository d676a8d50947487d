"""Checks of links: a cloud has one open link, and its links form one chain without a gap (I3)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, func, select

from portal.domain.clouds import Cloud, Link
from portal.domain.doctor.check import Query, is_true, select_check

INSTANT = "%Y-%m-%d %H:%M:%S.%f"


@select_check("I3", "The cloud is linked to no account.")
def cloud_without_open_link() -> Query:
    open_links = and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None))
    return select(Cloud.id).outerjoin(Link, open_links).where(Link.id.is_(None))


@select_check("I3", "The cloud has {1} open links.")
def cloud_with_several_open_links() -> Query:
    count, key = func.count(), Link.cloud_id
    return select(key, count).where(Link.until_at.is_(None)).group_by(key).having(count > 1)


@select_check(
    "I3",
    f"The link {{1}} of the cloud begins at {{2:{INSTANT}}} UTC, which is not when the one before"
    " it ended.",
)
def links_overlap_or_leave_gap() -> Query:
    links = _links_with_previous()
    is_open_twice = and_(links.c.until_at.is_(None), links.c.previous_until_at.is_(None))
    is_continued = links.c.previous_until_at == links.c.since_at
    return select(links.c.cloud_id, links.c.id, links.c.since_at).where(
        links.c.previous_id.is_not(None), ~is_open_twice, ~is_true(is_continued)
    )


@select_check("I3", "The oldest link {1} of the cloud continues another one, which is missing.")
def link_history_cut() -> Query:
    links = _links_with_previous()
    return select(links.c.cloud_id, links.c.id).where(
        links.c.previous_id.is_(None), links.c.continues_at.is_not(None)
    )


def _links_with_previous() -> Subquery:
    """Each link with the ID and the end of the one before it on the same cloud."""
    return select(
        Link.id,
        Link.cloud_id,
        Link.since_at,
        Link.until_at,
        Link.continues_at,
        _before(Link.id).label("previous_id"),
        _before(Link.until_at).label("previous_until_at"),
    ).subquery()


def _before(column: Any) -> ColumnElement[Any]:
    return func.lag(column).over(partition_by=Link.cloud_id, order_by=Link.since_at)
