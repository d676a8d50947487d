"""Whom months and statements concern: they get a notification, with a mail."""

from __future__ import annotations

from datetime import date

from sqlalchemy import exists, or_, select

from portal import db
from portal.domain import access, notifications
from portal.domain.access import ACCOUNT_TABLE, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import WORKER, Actor
from portal.domain.charges import ChargeSum
from portal.domain.ledger import Ledger
from portal.domain.notifications import Kind, Target, TargetKind
from portal.domain.statements import parties
from portal.domain.statements.record import Kind as StatementKind
from portal.domain.statements.record import Statement

ACCOUNTS_BATCH = 20
ACCOUNTANT = frozenset({AccountRole.ACCOUNTANT})
MAY_SEE_MONEY = ACCOUNT_TABLE[Action.ACCOUNT_SEE_MONEY]


def tell_of_statement(statement: Statement, *, by: Actor) -> None:
    """Notify who may read a statement that it is there."""
    is_customers = statement.kind is StatementKind.CUSTOMER
    about = parties.customer_of(statement.account_id).id if is_customers else statement.account_id
    roles = frozenset(AccountRole) if is_customers else MAY_SEE_MONEY
    notifications.notify(
        Kind.STATEMENT,
        to=access.users_with_role(statement.account_id, roles),
        about=about,
        target=Target(TargetKind.STATEMENT, statement.id),
        by=by,
        issuer=statement.issuer["name"],
        month=statement.month_on.isoformat(),
    )


def tell_some_of_finalising(month_on: date) -> bool:
    """Notify accountants, where there is none all who may see the money, of some accounts with
    usage that a month is to be closed. Return whether there may be more."""
    has_usage = exists().where(
        ChargeSum.month_on == month_on, ChargeSum.payer_id == Ledger.account_id
    )
    is_untold = or_(Ledger.told_on.is_(None), Ledger.told_on < month_on)
    query = select(Ledger.account_id).where(is_untold, has_usage).order_by(Ledger.account_id)
    account_ids = list(db.session.scalars(query.limit(ACCOUNTS_BATCH)))
    for account_id in account_ids:
        account = db.lock(BillingAccount, account_id)
        people = access.users_with_role(account_id, ACCOUNTANT)
        notifications.notify(
            Kind.FINALISING,
            to=people or access.users_with_role(account_id, MAY_SEE_MONEY),
            about=account_id,
            target=Target(TargetKind.ACCOUNT, account_id),
            by=WORKER,
            account=account.name,
            month=month_on.isoformat(),
        )
        db.session.get_one(Ledger, account_id).told_on = month_on
        db.session.flush()
    return bool(account_ids)
