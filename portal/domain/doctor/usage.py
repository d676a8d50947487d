"""Checks of usage: rows, groups, keys, periods and deliveries have one sum, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
from sqlalchemy import ColumnElement, Subquery, and_, exists, func, select
from sqlalchemy.orm import aliased

from portal import usage_files
from portal.domain.doctor.check import Problem, Query, check, select_check, stream
from portal.domain.usage import (
    Delivery,
    DeliveryKey,
    DeliveryPart,
    DeliveryScope,
    Mode,
    State,
    UsageGroup,
    UsageKey,
    exact,
    parts_of,
)

RESTS_OF_MICRO = 10**9
Key = tuple[str, ...]


@select_check("I9", "The rows of the delivery are not those of its groups.")
def groups_differ_from_delivery() -> Query:
    groups = _sums(UsageGroup, UsageGroup.delivery_id)
    query = select(Delivery.id).outerjoin(groups, groups.c.delivery_id == Delivery.id)
    return query.where(_has_rows(), _differ(Delivery, groups))


@select_check("I9", "The delivery says of the key {1} something else than its groups.")
def groups_differ_from_key() -> Query:
    columns = UsageGroup.delivery_id, UsageGroup.key_id, UsageGroup.scope_on
    groups = _sums(UsageGroup, *columns)
    is_same = and_(
        groups.c.delivery_id == DeliveryKey.delivery_id,
        groups.c.key_id == DeliveryKey.key_id,
        groups.c.scope_on == DeliveryKey.scope_on,
    )
    query = select(DeliveryKey.delivery_id, DeliveryKey.key_id).join(
        Delivery, Delivery.id == DeliveryKey.delivery_id
    )
    return query.outerjoin(groups, is_same).where(_has_rows(), _differ(DeliveryKey, groups))


@select_check("I9", "The delivery says of the period {1} something else than its keys.")
def keys_differ_from_period() -> Query:
    keys = _sums(DeliveryKey, DeliveryKey.delivery_id, DeliveryKey.scope_on)
    is_same = and_(
        keys.c.delivery_id == DeliveryScope.delivery_id,
        keys.c.scope_on == DeliveryScope.scope_on,
    )
    query = select(DeliveryScope.delivery_id, DeliveryScope.scope_on)
    return query.outerjoin(keys, is_same).where(_differ(DeliveryScope, keys))


@select_check("I9", "The sum of the delivery is not that of its periods.")
def periods_differ_from_delivery() -> Query:
    scopes = _sums(DeliveryScope, DeliveryScope.delivery_id)
    query = select(Delivery.id).outerjoin(scopes, scopes.c.delivery_id == Delivery.id)
    return query.where(
        Delivery.state.in_((State.PUBLISHED, State.REMOVED)), _differ(Delivery, scopes)
    )


@select_check("I9", "What the delivery says of the period {1} was replaced, and is in force.")
def replaced_period_in_force() -> Query:
    """A snapshot ends all that was published before it in its periods."""
    later, later_scope = aliased(Delivery), aliased(DeliveryScope)
    is_later = exists().where(
        later.source_id == Delivery.source_id,
        later.mode == Mode.OVERWRITE,
        later.published_at > Delivery.published_at,
        later_scope.delivery_id == later.id,
        later_scope.scope_on == DeliveryScope.scope_on,
    )
    query = select(Delivery.id, DeliveryScope.scope_on).join(
        DeliveryScope, DeliveryScope.delivery_id == Delivery.id
    )
    return query.where(
        DeliveryScope.ended_at.is_(None), Delivery.published_at.is_not(None), is_later
    )


@check("I9")
def kept_rows_differ() -> Iterator[Problem]:
    """The rows are compared while they are kept."""
    has_parts = exists().where(DeliveryPart.delivery_id == Delivery.id)
    is_kept = has_parts, Delivery.rows_purged_at.is_(None)
    query = select(Delivery.id).where(Delivery.state == State.PUBLISHED, _has_rows(), *is_kept)
    for (delivery_id,) in list(stream(query)):
        try:
            kept = usage_files.group_pieces(parts_of(delivery_id))
        except duckdb.Error:
            yield Problem(delivery_id, "The kept rows can't be read.")
            continue
        if _groups_of(delivery_id) != kept:
            yield Problem(delivery_id, "The kept rows have other sums than the groups.")


def _groups_of(delivery_id: str) -> dict[Key, tuple[int, Decimal]]:
    """As `usage_files.group_pieces`, by the stored groups."""
    query = (
        select(
            UsageKey.key,
            UsageGroup.service,
            UsageGroup.category,
            UsageGroup.usage_on,
            UsageGroup.period_on,
            UsageGroup.rows,
            UsageGroup.micros,
            UsageGroup.rest,
        )
        .join(UsageKey, UsageKey.id == UsageGroup.key_id)
        .where(UsageGroup.delivery_id == delivery_id)
    )
    return {
        tuple(map(str, values)): (rows, exact(micros, rest))
        for *values, rows, micros, rest in stream(query)
    }


def _has_rows() -> ColumnElement[bool]:
    """The condition for published deliveries whose groups are kept: a scope is in force."""
    is_open = exists().where(
        DeliveryScope.delivery_id == Delivery.id, DeliveryScope.ended_at.is_(None)
    )
    return and_(Delivery.state == State.PUBLISHED, is_open)


def _sums(model: Any, *columns: Any) -> Subquery:
    """Rows, micros and rest by these columns."""
    sums = [func.sum(getattr(model, name)).label(name) for name in ("rows", "micros", "rest")]
    query = select(*columns, *sums)
    return query.group_by(*columns).subquery()


def _differ(whole: Any, parts: Subquery) -> ColumnElement[bool]:
    """The condition for another number of rows or another amount. Both amounts are equal if their
    micros differ by as much as their rests, which are a thousandth of a millionth. Without parts
    the whole is 0: a day on which nothing was used."""
    rows, micros, rest = (
        getattr(whole, name) - func.coalesce(parts.c[name], 0)
        for name in ("rows", "micros", "rest")
    )
    is_equal = and_(rows == 0, rest % RESTS_OF_MICRO == 0, micros == -rest / RESTS_OF_MICRO)
    return ~is_equal
