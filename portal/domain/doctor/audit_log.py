"""Checks of the audit log: each change of a state has its line (I4, I5), chains verify (I10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Subquery, and_, case, exists, func, or_, select

from portal.domain import audit
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actions import Action
from portal.domain.audit import AuditHead, AuditLine, Fault
from portal.domain.clouds import Link
from portal.domain.customers import Customer, Status
from portal.domain.doctor.check import Problem, Query, check, is_true, raw, select_check
from portal.domain.identity import User
from portal.domain.invitations import Answer, Invitation

STATUS_AFTER = {
    Action.CUSTOMER_ADD: Status.WAITING,
    Action.INVITATION_ACCEPT: Status.ACTIVE,
    Action.INVITATION_DECLINE: Status.INACTIVE,
    Action.CUSTOMER_REMOVE: Status.INACTIVE,
    Action.CUSTOMER_CORRECT_ADDRESS: Status.INACTIVE,
    Action.CUSTOMER_SUSPEND: Status.SUSPENDED,
    Action.CUSTOMER_RESUME: Status.ACTIVE,
    Action.PARTNERSHIP_END: Status.INACTIVE,
}
"""The actions that change a customer's status, and the status after each."""

STATUS_BEFORE = {
    Action.INVITATION_ACCEPT: (Status.WAITING,),
    Action.INVITATION_DECLINE: (Status.WAITING,),
    Action.CUSTOMER_REMOVE: (Status.WAITING,),
    Action.CUSTOMER_CORRECT_ADDRESS: (Status.WAITING,),
    Action.CUSTOMER_SUSPEND: (Status.ACTIVE,),
    Action.CUSTOMER_RESUME: (Status.SUSPENDED,),
    Action.PARTNERSHIP_END: (Status.ACTIVE, Status.SUSPENDED),
}
"""The statuses that each action leaves; CUSTOMER_ADD leaves none."""

ANSWERED_BY = {
    Answer.CONFIRMED: (Action.INVITATION_ACCEPT,),
    Answer.DECLINED: (Action.INVITATION_DECLINE,),
    Answer.WITHDRAWN: (Action.CUSTOMER_REMOVE, Action.CUSTOMER_CORRECT_ADDRESS),
}
"""The actions that record each answer."""

AUDIT_FAULTS = {
    Fault.BROKEN: "The chain {0} is broken at line {1}.",
    Fault.NOT_KEYED: "The chain {0} is not keyed at line {1}: run `flask audit use-key`. "
    "If that was run before, lines were removed.",
    Fault.KEY_MISSING: "The chain {0} ends at line {1}, whose key is missing.",
}
"""The sentence of each fault of a chain, a format string."""


@select_check("I4", "The customer is {1}, but the last line about its status is {2}.")
def status_without_its_line() -> Query:
    # A subquery for each customer would walk its partner's whole chain on PostgreSQL.
    changes = _status_changes(func.lead(AuditLine.action), "next")
    is_last = and_(
        changes.c.customer_id == Customer.id,
        changes.c.chain == Customer.partner_id,
        changes.c.next.is_(None),
    )
    status = case(
        {str(action): str(status) for action, status in STATUS_AFTER.items()},
        value=changes.c.action,
    )
    return (
        select(Customer.id, raw(Customer.status), changes.c.action)
        .outerjoin(changes, is_last)
        .where(~is_true(raw(Customer.status) == status))
    )


@select_check("I4", "Line {1} of the chain {2} says {3}, which the customer's status excludes.")
def status_changed_off_the_table() -> Query:
    changes = _status_changes(func.lag(AuditLine.action), "previous")
    is_first = changes.c.previous.is_(None)
    allowed = [and_(changes.c.action == Action.CUSTOMER_ADD, is_first)]
    for action, statuses in STATUS_BEFORE.items():
        leading = [before for before, status in STATUS_AFTER.items() if status in statuses]
        allowed.append(and_(changes.c.action == action, changes.c.previous.in_(leading)))
    return select(changes).where(~is_true(or_(*allowed)))


def _status_changes(neighbour: Any, name: str) -> Subquery:
    """The lines about customers' statuses, each with the neighbouring action of its customer."""
    return (
        select(
            AuditLine.customer_id,
            AuditLine.seq,
            AuditLine.chain,
            AuditLine.action,
            neighbour.over(partition_by=AuditLine.customer_id, order_by=AuditLine.seq).label(name),
        )
        .where(AuditLine.customer_id.is_not(None), AuditLine.action.in_(STATUS_AFTER))
        .subquery()
    )


@select_check("I5", "The invitation was {1} by {2}, but no line of the log says so.")
def answer_without_its_line() -> Query:
    is_recorded = and_(
        AuditLine.customer_id == Customer.id,
        AuditLine.actor == Invitation.answered_by,
        or_(
            *(
                and_(Invitation.answer == answer, AuditLine.action.in_(actions))
                for answer, actions in ANSWERED_BY.items()
            )
        ),
    )
    return (
        select(Invitation.subaccount_id, raw(Invitation.answer), Invitation.answered_by)
        .join(Customer, Customer.subaccount_id == Invitation.subaccount_id)
        .where(Invitation.answer.is_not(None), ~exists().where(is_recorded))
    )


@select_check("I4", "The account is of the kind {1}, but the last line about that is {2}.")
def partner_status_without_its_line() -> Query:
    lines = _last_lines(AuditLine.chain, Action.PARTNER_GRANT, Action.PARTNER_REVOKE)
    is_granted = is_true(lines.c.action == Action.PARTNER_GRANT)
    return (
        select(BillingAccount.id, raw(BillingAccount.kind), lines.c.action)
        .outerjoin(lines, lines.c.key == BillingAccount.id)
        .where(
            BillingAccount.kind != Kind.SUBACCOUNT,
            (BillingAccount.kind == Kind.PARTNER) != is_granted,
        )
    )


@select_check("I4", "The account is in paid mode, but no line of the log says who switched it.")
def paid_mode_without_its_line() -> Query:
    lines = _last_lines(AuditLine.chain, Action.ACCOUNT_SWITCH_TO_PAID)
    return (
        select(BillingAccount.id)
        .outerjoin(lines, lines.c.key == BillingAccount.id)
        .where(
            BillingAccount.kind != Kind.SUBACCOUNT,
            BillingAccount.mode == Mode.PAID,
            lines.c.key.is_(None),
        )
    )


@select_check("I4", "The user was disabled at {1}, but the last line about that is {2}.")
def disabled_user_without_its_line() -> Query:
    lines = _last_lines(AuditLine.thing, Action.USER_DISABLE, Action.USER_ENABLE)
    is_disabled = is_true(lines.c.action == Action.USER_DISABLE)
    return (
        select(User.id, User.disabled_at, lines.c.action)
        .outerjoin(lines, lines.c.key == User.id)
        .where(User.disabled_at.is_not(None) != is_disabled)
    )


@select_check("I4", "The user was blocked at {1}, but the last line about that is {2}.")
def blocked_user_without_its_line() -> Query:
    lines = _last_lines(AuditLine.thing, Action.USER_BLOCK, Action.USER_UNBLOCK)
    is_blocked = is_true(lines.c.action == Action.USER_BLOCK)
    return (
        select(User.id, User.blocked_at, lines.c.action)
        .outerjoin(lines, lines.c.key == User.id)
        .where(User.blocked_at.is_not(None) != is_blocked)
    )


@select_check("I4", "The user is an operator, but no line of the log says who made them one.")
def operator_without_its_line() -> Query:
    lines = _last_lines(AuditLine.thing, Action.USER_OPERATOR)
    return (
        select(User.id)
        .outerjoin(lines, lines.c.key == User.id)
        .where(User.is_operator, lines.c.key.is_(None))
    )


@select_check("I4", "The cloud was linked {2} times in the chain {1}, but it has {3} such lines.")
def link_without_its_line() -> Query:
    """The first link of a cloud is recorded as its creation."""
    lines = (
        select(AuditLine.thing, AuditLine.chain, func.count().label("count"))
        .where(AuditLine.action == Action.CLOUD_LINK)
        .group_by(AuditLine.thing, AuditLine.chain)
        .subquery()
    )
    chain = func.coalesce(BillingAccount.parent_id, BillingAccount.id)
    links = (
        select(Link.cloud_id, chain.label("chain"), func.count().label("count"))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.continues_at.is_not(None))
        .group_by(Link.cloud_id, chain)
        .subquery()
    )
    is_same = and_(lines.c.thing == links.c.cloud_id, lines.c.chain == links.c.chain)
    count = func.coalesce(lines.c.count, 0)
    return (
        select(links.c.cloud_id, links.c.chain, links.c.count, count)
        .outerjoin(lines, is_same)
        .where(links.c.count != count)
    )


@check("I10")
def audit_chain_broken() -> Iterator[Problem]:
    for finding in audit.find_broken_links():
        yield Problem(finding.chain, AUDIT_FAULTS[finding.fault].format(*finding))


@select_check("I10", "The account has no audit chain.")
def account_without_audit_chain() -> Query:
    return (
        select(BillingAccount.id)
        .outerjoin(AuditHead, AuditHead.chain == BillingAccount.id)
        .where(BillingAccount.kind != Kind.SUBACCOUNT, AuditHead.chain.is_(None))
    )


@select_check("I10", "{1} audit lines belong to this chain, which does not exist.")
def audit_lines_without_chain() -> Query:
    return (
        select(AuditLine.chain, func.count())
        .outerjoin(AuditHead, AuditHead.chain == AuditLine.chain)
        .where(AuditHead.chain.is_(None))
        .group_by(AuditLine.chain)
    )


def _last_lines(key: Any, *actions: Action) -> Subquery:
    """The last line with one of these actions for each key, a column of the log: key, action."""
    last = (
        select(AuditLine.chain, key.label("key"), func.max(AuditLine.seq).label("seq"))
        .where(AuditLine.action.in_(actions))
        .group_by(AuditLine.chain, key)
        .subquery()
    )
    is_last = and_(AuditLine.chain == last.c.chain, AuditLine.seq == last.c.seq)
    return select(last.c.key, AuditLine.action).join_from(last, AuditLine, is_last).subquery()
