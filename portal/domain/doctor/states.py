"""Checks of states: a customer's status with its answer and accounts, a user's with sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from portal.domain import billing_days
from portal.domain.access import AccountAccess
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.audit import INSTALLATION, AuditLine
from portal.domain.budgets import Budget
from portal.domain.budgets import Kind as BudgetKind
from portal.domain.clouds import Cloud, Link
from portal.domain.customers import Customer, Status
from portal.domain.doctor.check import (
    Problem,
    Query,
    check,
    is_true,
    raw,
    select_check,
    stream,
)
from portal.domain.identity import User, UserSession
from portal.domain.invitations import Answer, Invitation

STATUS, ANSWER = raw(Customer.status), raw(Invitation.answer)
BUDGET_KIND = raw(Budget.kind)
BY_CUSTOMER = (Answer.CONFIRMED, Answer.DECLINED)


@select_check("I4", "The customer is {1}, but the answer to its invitation is {2}.")
def status_against_answer() -> Query:
    is_confirmed = Invitation.answer == Answer.CONFIRMED
    agrees = or_(
        and_(Customer.status == Status.WAITING, Invitation.answer.is_(None)),
        and_(Customer.status.in_((Status.ACTIVE, Status.SUSPENDED)), is_confirmed),
        and_(Customer.status == Status.INACTIVE, Invitation.answer.is_not(None)),
    )
    return _with_invitation(Customer.id, STATUS, ANSWER).where(~is_true(agrees))


@select_check(
    "I4", "The customer is {1}, but its subaccount {2} was confirmed at {3}; the answer is {4}."
)
def confirmation_against_answer() -> Query:
    columns = (Customer.id, STATUS, BillingAccount.id, BillingAccount.confirmed_at)
    is_confirmed = Invitation.answer == Answer.CONFIRMED
    agrees = or_(
        and_(is_confirmed, BillingAccount.confirmed_at == Invitation.answered_at),
        and_(~is_true(is_confirmed), BillingAccount.confirmed_at.is_(None)),
    )
    return (
        _with_invitation(*columns, ANSWER)
        .join(BillingAccount, BillingAccount.id == Customer.subaccount_id)
        .where(~is_true(agrees))
    )


@select_check("I4", "The customer is {1}, but its subaccount {2} was closed at {3}.")
def closing_against_status() -> Query:
    is_closed = BillingAccount.closed_at.is_not(None)
    return _with_subaccount(BillingAccount.closed_at).where(
        (Customer.status == Status.INACTIVE) != is_closed
    )


@select_check("I4", "The customer is {1}, but its subaccount {2} was suspended at {3}.")
def suspension_against_status() -> Query:
    # An Inactive customer may have been Suspended before.
    is_suspended = BillingAccount.suspended_at.is_not(None)
    return _with_subaccount(BillingAccount.suspended_at).where(
        Customer.status != Status.INACTIVE,
        (Customer.status == Status.SUSPENDED) != is_suspended,
    )


@select_check("I4", "The customer is {1}, but its partner's account {2} is of the kind {3}.")
def live_customer_without_partner() -> Query:
    return (
        select(Customer.id, STATUS, BillingAccount.id, raw(BillingAccount.kind))
        .join(BillingAccount, BillingAccount.id == Customer.partner_id)
        .where(Customer.status != Status.INACTIVE, BillingAccount.kind != Kind.PARTNER)
    )


@check("I4")
def partnership_not_ended() -> Iterator[Problem]:
    is_overdue = BillingAccount.ends_on < billing_days.today()
    for customer_id, _status, account_id, ends_on in stream(
        _with_subaccount(BillingAccount.ends_on).where(is_overdue)
    ):
        sentence = f"The partnership was to end on {ends_on}; its subaccount {account_id} is open."
        yield Problem(customer_id, sentence)


@select_check("I4", "New clouds are stopped in {1}, but no budget says so.")
def clouds_stopped_without_budget() -> Query:
    stops = exists().where(
        Budget.account_id == BillingAccount.id,
        BUDGET_KIND == BudgetKind.CUSTOMER,
        Budget.stops_clouds,
    )
    columns = BillingAccount.id, BillingAccount.clouds_stopped_on
    return select(*columns).where(BillingAccount.clouds_stopped_on.is_not(None), ~stops)


@select_check("I4", "The account has a budget for a customer, but is no subaccount.")
def budget_of_no_customer() -> Query:
    query = select(Budget.account_id).join(BillingAccount, BillingAccount.id == Budget.account_id)
    is_customers = BUDGET_KIND == BudgetKind.CUSTOMER
    return query.where(is_customers, BillingAccount.parent_id.is_(None))


@select_check("I4", "The cloud is open, but linked to the account {1}, which is closed.")
def open_cloud_of_closed_account() -> Query:
    return (
        select(Cloud.id, BillingAccount.id)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Cloud.closed_at.is_(None), BillingAccount.closed_at.is_not(None))
    )


@select_check("I5", "The invitation was {1} by {2}, who never had the invited address.")
def answered_by_somebody_else() -> Query:
    changes = (
        select(AuditLine.thing, func.max(AuditLine.at).label("at"))
        .where(AuditLine.chain == INSTALLATION, AuditLine.action == Action.USER_CHANGE_EMAIL)
        .group_by(AuditLine.thing)
        .subquery()
    )
    has_changed_address = changes.c.at >= Invitation.answered_at
    return (
        _with_invitation(Invitation.subaccount_id, ANSWER, Invitation.answered_by)
        .outerjoin(User, User.id == Invitation.answered_by)
        .outerjoin(changes, changes.c.thing == Invitation.answered_by)
        .where(
            Invitation.answer.in_(BY_CUSTOMER),
            Invitation.email_key != Customer.id,  # erased
            or_(
                User.id.is_(None),
                and_(User.email_key != Invitation.email_key, ~is_true(has_changed_address)),
            ),
        )
    )


@select_check("I5", "The invitation was {1} by {2}, who had a role on the partner's account {3}.")
def answered_by_partners_staff() -> Query:
    is_staff = and_(
        AccountAccess.account_id == Invitation.partner_id,
        AccountAccess.user_id == Invitation.answered_by,
        AccountAccess.granted_at <= Invitation.answered_at,
        or_(AccountAccess.revoked_at.is_(None), AccountAccess.revoked_at > Invitation.answered_at),
    )
    columns = (ANSWER, Invitation.answered_by, Invitation.partner_id)
    return select(Invitation.subaccount_id, *columns).where(
        Invitation.answer.in_(BY_CUSTOMER), exists().where(is_staff)
    )


@select_check("I8", "{1} sessions of the user have not ended: they are disabled or blocked.")
def sessions_of_inactive_user() -> Query:
    return (
        select(User.id, func.count(UserSession.id))
        .join(UserSession, UserSession.user_id == User.id)
        .where(~User.is_active, UserSession.ended_at.is_(None))
        .group_by(User.id)
    )


def _with_invitation(*columns: Any) -> Query:
    """A query of customers with their invitations."""
    invitations = Invitation.subaccount_id == Customer.subaccount_id
    return select(*columns).select_from(Customer).join(Invitation, invitations)


def _with_subaccount(column: Any) -> Query:
    """A query of customers: ID, status, the subaccount's ID, and this column of it."""
    subaccounts = BillingAccount.id == Customer.subaccount_id
    return select(Customer.id, STATUS, BillingAccount.id, column).join_from(
        Customer, BillingAccount, subaccounts
    )
