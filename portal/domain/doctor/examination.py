"""The examination: runs all checks, each in a reading transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from portal import db
from portal.domain.doctor import (
    audit_log,
    claims,
    connections,
    constraints,
    copies,
    customers,
    deliveries,
    links,
    memberships,
    money,
    ownership,
    prices,
    schema,
    statements,
    states,
    totals,
    usage,
)
from portal.domain.doctor.check import Check, Problem

LISTED = 20
"""Problems of a check that are listed; the others are counted."""


def _checks_of(module: ModuleType) -> list[Check]:
    return [value for value in vars(module).values() if isinstance(value, Check)]


SCHEMA_CHECKS = (*_checks_of(schema), *_checks_of(constraints))
CHECKS = (
    *SCHEMA_CHECKS,
    *_checks_of(connections),
    *_checks_of(claims),
    *_checks_of(customers),
    *_checks_of(deliveries),
    *_checks_of(links),
    *_checks_of(memberships),
    *_checks_of(states),
    *_checks_of(audit_log),
    *_checks_of(copies),
    *_checks_of(ownership),
    *_checks_of(usage),
    *_checks_of(money),
    *_checks_of(totals),
    *_checks_of(prices),
    *_checks_of(statements),
)
"""All checks in the order in which they run."""


class Result(NamedTuple):
    """What a check has found: the total number of problems, and the first of them."""

    check: str
    invariant: str
    total: int
    problems: list[Problem]


def run(
    *, limit: int | None = LISTED, on_check: Callable[[Check], object] = lambda _check: None
) -> list[Result]:
    """The result of each check; the database is healthy if all totals are 0.

    Lists `limit` problems of each check; None lists all. `on_check` is called before each check.
    Call it outside a unit of work: a transaction for each check keeps none open for minutes. If the
    database is not at the migrations' head, no further check runs.
    """
    results = []
    for check in CHECKS:
        on_check(check)
        results.append(_examine_safely(check, limit))
        if check is schema.migrations_not_at_head and results[-1].total:
            break
    return results


def examine(check: Check, limit: int | None = LISTED) -> Result:
    """The result of one check, in the current transaction."""
    total, problems = 0, []
    for problem in check.find():
        total += 1
        if limit is None or total <= limit:
            problems.append(problem)
    return Result(check.name, check.invariant, total, problems)


def _examine_safely(check: Check, limit: int | None) -> Result:
    """As `examine`, in a transaction of its own. A query that fails is a problem as well: values
    that a column can't hold make it fail."""
    try:
        return db.read(partial(examine, check, limit))
    except (SQLAlchemyError, LookupError, ValueError) as error:
        problem = Problem("", f"The check failed: {type(error).__name__}: {error}".splitlines()[0])
        return Result(check.name, check.invariant, 1, [problem])
