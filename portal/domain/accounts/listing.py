"""Lists of accounts: those that an actor sees, pays from, or is staff of."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from portal import db
from portal.domain import access, identity
from portal.domain.accounts.record import BillingAccount, Kind, Status
from portal.domain.actors import Actor
from portal.domain.identity import User
from portal.domain.values import search_key

PAGE = 24


class PartnerAccount(NamedTuple):
    """A partner's account in a list of choices."""

    id: str
    name: str


def partner_accounts_of(actor: Actor) -> list[PartnerAccount]:
    """The partner accounts on which the actor is staff, by name."""

    def load() -> list[PartnerAccount]:
        query = select(BillingAccount.id, BillingAccount.name).where(
            BillingAccount.kind == Kind.PARTNER, BillingAccount.id.in_(access.account_ids(actor))
        )
        rows = db.session.execute(query.order_by(BillingAccount.name, BillingAccount.id))
        return [PartnerAccount(*row) for row in rows]

    return list(db.load_once(("partners_of", actor.id), load))


def first_own_account(user: User) -> BillingAccount | None:
    """The first account that the user owns and that is not a subaccount."""
    owned_ids = access.account_ids(identity.as_actor(user)).where(
        access.AccountAccess.role == access.AccountRole.OWNER
    )
    query = select(BillingAccount).where(
        BillingAccount.id.in_(owned_ids), BillingAccount.kind != Kind.SUBACCOUNT
    )
    return db.session.scalar(query.order_by(BillingAccount.id).limit(1))


def direct_accounts_of(user_id: str) -> list[BillingAccount]:
    """The direct accounts, not closed, that the user owns; the oldest first."""
    query = (
        select(BillingAccount)
        .join(access.AccountAccess, access.AccountAccess.account_id == BillingAccount.id)
        .where(
            access.AccountAccess.user_id == user_id,
            access.AccountAccess.role == access.AccountRole.OWNER,
            access.in_effect(),
            BillingAccount.kind == Kind.DIRECT,
            BillingAccount.closed_at.is_(None),
        )
    )
    return list(db.session.scalars(query.order_by(BillingAccount.id)))


def accounts_for(actor: Actor, *, search: str = "", after: str = "") -> list[BillingAccount]:
    """A page of the billing accounts visible to the actor, newest first, and one more if there is a
    next page. Subaccounts come last: a partner has few other accounts."""
    query = select(BillingAccount).where(BillingAccount.visible_to(actor))
    is_subaccount = BillingAccount.parent_id.is_not(None)
    if search:
        query = query.where(
            or_(
                BillingAccount.name_key.contains(search_key(search), autoescape=True),
                BillingAccount.id == search.strip().lower(),
            )
        )
    last = db.session.get(BillingAccount, after) if after else None
    if last is not None:
        is_next = BillingAccount.id < last.id
        query = query.where(
            and_(is_subaccount, is_next) if last.parent_id else or_(is_subaccount, is_next)
        )
    query = query.order_by(is_subaccount, BillingAccount.id.desc()).limit(PAGE + 1)
    return list(db.session.scalars(query))


def accounts_to_pay_from(actor: Actor) -> list[BillingAccount]:
    """The accounts on which a role of the actor allows creating a cloud, oldest first."""
    query = (
        select(BillingAccount)
        .options(joinedload(BillingAccount.parent))
        .where(
            BillingAccount.id.in_(access.account_ids(actor, staff=True)),
            BillingAccount.closed_at.is_(None),
            BillingAccount.suspended_at.is_(None),
            BillingAccount.ends_on.is_(None),
        )
    )
    accounts = db.session.scalars(query.order_by(BillingAccount.id))
    can_pay = (Status.ACTIVE, Status.TRIAL_ACTIVE)
    return [
        account
        for account in accounts
        if account.status in can_pay
        and account.no_clouds_until is None
        and not account.is_overdrawn
    ]
