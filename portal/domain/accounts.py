"""Billing accounts and subaccounts: kind, mode, status, initial grant, partner status."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    UniqueConstraint,
    and_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal import db
from portal.domain import access, audit, identity, policy
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.notifications import Target, TargetKind
from portal.domain.values import EmailAddress, search_key

PAGE = 24


class Kind(StrEnum):
    PARTNER = "partner"
    SUBACCOUNT = "subaccount"
    DIRECT = "direct"


class Mode(StrEnum):
    TRIAL = "trial"
    PAID = "paid"


class Status(StrEnum):
    """What an account may be used for now; computed, never stored."""

    TRIAL_ACTIVE = "TRIAL_ACTIVE"
    TRIAL_EXPIRED = "TRIAL_EXPIRED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class BillingAccount(db.Base):
    """Pays for clouds. A subaccount has a parent: the partner's account, which is invoiced."""

    __tablename__ = "billing_accounts"
    __table_args__ = (
        CheckConstraint("(kind = 'subaccount') = (parent_id IS NOT NULL)", name="subaccount"),
        CheckConstraint("kind <> 'subaccount' OR mode = 'paid'", name="subaccount_is_paid"),
        CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_its_own_parent"),
        CheckConstraint(
            "kind = 'subaccount' OR (confirmed_at IS NULL AND suspended_at IS NULL)",
            name="confirmed_subaccount",
        ),
        CheckConstraint(
            "ends_on IS NULL OR (confirmed_at IS NOT NULL AND closed_at IS NULL)", name="ends_on"
        ),
        UniqueConstraint("id", "parent_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(db.enum_column(Kind, "kind"))
    mode: Mapped[Mode] = mapped_column(db.enum_column(Mode, "mode"))
    name: Mapped[str]
    name_key: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("billing_accounts.id"), index=True)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    ends_on: Mapped[date | None]
    """The billing day for which the partner has given notice to this subaccount's customer."""

    parent: Mapped[BillingAccount | None] = relationship(remote_side=[id])
    grant: Mapped[InitialGrant | None] = relationship(viewonly=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        if actor.is_system:
            return true()
        account_ids = access.account_ids(actor)
        return or_(cls.id.in_(account_ids), cls.parent_id.in_(account_ids))

    @classmethod
    def lock_order(cls) -> tuple[ColumnElement[bool]]:
        """Partners before subaccounts."""
        return (cls.parent_id.is_not(None),)

    @property
    def chain(self) -> str:
        """The audit chain of its changes; a subaccount's changes are in its partner's chain."""
        return self.parent_id or self.id

    @property
    def people_target(self) -> Target:
        """Where a notification of a role on it leads: the partner's team, or the account."""
        return Target(TargetKind.TEAM if self.kind is Kind.PARTNER else TargetKind.ACCOUNT, self.id)

    @property
    def status(self) -> Status:
        """The account's status now."""
        if self.closed_at is not None:
            return Status.CLOSED
        if self.suspended_at is not None:
            return Status.SUSPENDED
        if self.mode is Mode.PAID:
            return Status.ACTIVE
        if self.grant is None or self.grant.left > 0:
            return Status.TRIAL_ACTIVE
        return Status.TRIAL_EXPIRED


class InitialGrant(db.Base):
    """Credit granted once, on a newcomer's account; amounts in the installation's currency."""

    __tablename__ = "initial_grants"
    __table_args__ = (
        CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
        CheckConstraint("expires_at > granted_at", name="expires_later"),
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    amount: Mapped[Decimal]
    remaining: Mapped[Decimal]
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    @property
    def left(self) -> Decimal:
        """What can still be spent; 0 after the grant has expired."""
        return self.remaining if db.now() < self.expires_at else Decimal(0)


class PartnerAccount(NamedTuple):
    """A partner's account in a list of choices."""

    id: str
    name: str


def register(
    address: EmailAddress, *, name: str, password_hash: str, language: str, by: Actor
) -> tuple[User, BillingAccount]:
    """Create the user of a verified address, and their direct billing account in trial.

    Raises Refused("account-exists").
    """
    user = identity.create_user(address, name=name, password_hash=password_hash, language=language)
    audit.record(Action.USER_CREATE, by=by, chain=audit.INSTALLATION, thing=user.id)
    account = _open_direct(user, by=by)
    terms = policy.current()
    if terms.initial_grant > 0:
        db.session.add(
            InitialGrant(
                account_id=account.id,
                amount=terms.initial_grant,
                remaining=terms.initial_grant,
                granted_at=db.now(),
                expires_at=db.now() + terms.initial_grant_lasts,
            )
        )
    return user, account


def open_paid(owner: User, *, by: Actor) -> BillingAccount:
    """Open a direct billing account in paid mode, without an initial grant, that the user owns."""
    account = _open_direct(owner, by=by)
    switch_to_paid(account, by=by)
    return account


def _open_direct(owner: User, *, by: Actor) -> BillingAccount:
    account = _open(Kind.DIRECT, Mode.TRIAL, name=owner.name)
    audit.open_chain(account.id)
    access.assign_account_role(access.AccountRole.OWNER, to=owner.id, account=account, by=by)
    facts = {"chain": account.chain, "thing": account.id, "owner": owner.id}
    audit.record(Action.ACCOUNT_CREATE, by=by, **facts)
    return account


def open_subaccount(partner: BillingAccount, *, name: str) -> BillingAccount:
    """Create a customer's billing account under the partner's; the calling verb records it."""
    return _open(Kind.SUBACCOUNT, Mode.PAID, name=name, parent_id=partner.id)


def _open(kind: Kind, mode: Mode, *, name: str, parent_id: str | None = None) -> BillingAccount:
    account = BillingAccount(
        id=db.new_id("dn2"),
        kind=kind,
        mode=mode,
        name=name,
        name_key=search_key(name),
        parent_id=parent_id,
        created_at=db.now(),
    )
    db.session.add(account)
    db.session.flush()
    return account


def rename(account: BillingAccount, *, name: str) -> None:
    """Rename the account; the calling verb records it."""
    account.name, account.name_key = name, search_key(name)


def switch_to_paid(account: BillingAccount, *, by: Actor) -> None:
    """End the trial, irrevocably. The initial grant is kept and is spent first.

    Raises ReauthenticationRequired, Forbidden, Refused("already-paid", "account-closed").
    """
    identity.require_recent(by)
    account = db.lock(BillingAccount, account.id)
    access.require(by, Action.ACCOUNT_SWITCH_TO_PAID, account)
    if account.closed_at is not None:
        raise Refused(Code.ACCOUNT_CLOSED)
    result = db.session.execute(
        update(BillingAccount)
        .where(BillingAccount.id == account.id, BillingAccount.mode == Mode.TRIAL)
        .values(mode=Mode.PAID)
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Refused(Code.ALREADY_PAID)
    audit.record(Action.ACCOUNT_SWITCH_TO_PAID, by=by, chain=account.chain, thing=account.id)


def grant_partner_status(account: BillingAccount, *, name: str | None, by: Actor) -> None:
    """Turn a direct account into a partner's; `name` renames it. Raises Refused("not-direct")."""
    if account.kind is not Kind.DIRECT:
        raise Refused(Code.NOT_DIRECT)
    account.kind = Kind.PARTNER
    if name:
        rename(account, name=name)
    audit.record(Action.PARTNER_GRANT, by=by, chain=account.chain, thing=account.id)


def partner_accounts_of(actor: Actor) -> list[PartnerAccount]:
    """The partner accounts on which the actor is staff, by name."""
    query = select(BillingAccount.id, BillingAccount.name).where(
        BillingAccount.kind == Kind.PARTNER, BillingAccount.id.in_(access.account_ids(actor))
    )

    def load() -> list[PartnerAccount]:
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
    return [a for a in accounts if a.status in (Status.ACTIVE, Status.TRIAL_ACTIVE)]
