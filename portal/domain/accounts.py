"""Billing account and subaccount: kind, status, initial grant, mode, partner status."""

from __future__ import annotations

from datetime import datetime
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
    """Computed at `now`, never stored."""

    TRIAL_ACTIVE = "TRIAL_ACTIVE"
    TRIAL_EXPIRED = "TRIAL_EXPIRED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class BillingAccount(db.Base):
    """Pays for clouds. A subaccount has a parent, the partner's account that is invoiced for it."""

    __tablename__ = "billing_accounts"
    __table_args__ = (
        CheckConstraint("(kind = 'subaccount') = (parent_id IS NOT NULL)", name="subaccount"),
        CheckConstraint("kind <> 'subaccount' OR mode = 'paid'", name="subaccount_is_paid"),
        CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_its_own_parent"),
        CheckConstraint(
            "kind = 'subaccount' OR (confirmed_at IS NULL AND suspended_at IS NULL)",
            name="confirmed_subaccount",
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

    parent: Mapped[BillingAccount | None] = relationship(remote_side=[id])
    grant: Mapped[InitialGrant | None] = relationship(viewonly=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        if actor.is_system:
            return true()
        own = access.account_ids(actor)
        return or_(cls.id.in_(own), cls.parent_id.in_(own))

    @classmethod
    def lock_order(cls) -> tuple[ColumnElement[bool]]:
        """Partners before subaccounts."""
        return (cls.parent_id.is_not(None),)

    @property
    def chain(self) -> str:
        """The audit chain of its changes; a subaccount's stand in its partner's chain."""
        return self.parent_id or self.id

    @property
    def people_target(self) -> Target:
        """What one who has a role on it looks at first: the partner's team, or the account."""
        return Target(TargetKind.TEAM if self.kind is Kind.PARTNER else TargetKind.ACCOUNT, self.id)

    @property
    def status(self) -> Status:
        """What the account may be used for now."""
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
    """Money given once, on a client's first account; amounts in the installation's currency."""

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
        """What can still be spent now."""
        return self.remaining if db.now() < self.expires_at else Decimal(0)


class PartnerAccount(NamedTuple):
    """A partner's account in a list to choose from."""

    id: str
    name: str


def register(
    address: EmailAddress, *, name: str, password_hash: str, language: str, by: Actor
) -> tuple[User, BillingAccount]:
    """A verified newcomer gets an account of their own and a direct billing account in trial.

    Raises Refused(Code.ACCOUNT_EXISTS).
    """
    user = identity.create_user(address, name=name, password_hash=password_hash, language=language)
    audit.record(Action.USER_CREATE, by=by, chain=audit.INSTALLATION, thing=user.id)
    account = _open(Kind.DIRECT, Mode.TRIAL, name=name)
    audit.open_chain(account.id)
    agreed = policy.current()
    if agreed.initial_grant > 0:
        db.session.add(
            InitialGrant(
                account_id=account.id,
                amount=agreed.initial_grant,
                remaining=agreed.initial_grant,
                granted_at=db.now(),
                expires_at=db.now() + agreed.initial_grant_lasts,
            )
        )
    access.give_account_role(access.AccountRole.OWNER, to=user.id, account=account, by=by)
    audit.record(Action.ACCOUNT_CREATE, by=by, chain=account.chain, thing=account.id, owner=user.id)
    return user, account


def open_subaccount(partner: BillingAccount, *, name: str) -> BillingAccount:
    """A billing account of the partner's for one customer; the calling verb records it."""
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
    """The account goes by another name; the calling verb records it."""
    account.name, account.name_key = name, search_key(name)


def switch_to_paid(account: BillingAccount, *, by: Actor) -> None:
    """An owner ends the trial: free, one way, at any time; the initial grant stays, pays first.

    Raises Forbidden, Refused(Code.ALREADY_PAID, "account-closed").
    """
    account = db.lock(BillingAccount, account.id)
    access.require(by, Action.ACCOUNT_SWITCH_TO_PAID, account)
    if account.closed_at is not None:
        raise Refused(Code.ACCOUNT_CLOSED)
    switched = db.session.execute(
        update(BillingAccount)
        .where(BillingAccount.id == account.id, BillingAccount.mode == Mode.TRIAL)
        .values(mode=Mode.PAID)
    )
    if switched.rowcount != 1:  # type: ignore[attr-defined]
        raise Refused(Code.ALREADY_PAID)
    audit.record(Action.ACCOUNT_SWITCH_TO_PAID, by=by, chain=account.chain, thing=account.id)


def grant_partner_status(account: BillingAccount, *, name: str | None, by: Actor) -> None:
    """The operator makes a direct account a partner's. Raises Refused(Code.NOT_DIRECT)."""
    if account.kind is not Kind.DIRECT:
        raise Refused(Code.NOT_DIRECT)
    account.kind = Kind.PARTNER
    if name:
        account.name, account.name_key = name, search_key(name)
    audit.record(Action.PARTNER_GRANT, by=by, chain=account.chain, thing=account.id)


def partner_accounts_of(actor: Actor) -> list[PartnerAccount]:
    """The partner accounts on which the actor is staff, by name."""
    mine = select(BillingAccount.id, BillingAccount.name).where(
        BillingAccount.kind == Kind.PARTNER, BillingAccount.id.in_(access.account_ids(actor))
    )

    def load() -> list[PartnerAccount]:
        rows = db.session.execute(mine.order_by(BillingAccount.name, BillingAccount.id))
        return [PartnerAccount(*row) for row in rows]

    return list(db.cached(("partners_of", actor.id), load))


def first_own_account(user: User) -> BillingAccount | None:
    """The first account that the user owns and that is not a subaccount."""
    owned = access.account_ids(identity.as_actor(user)).where(
        access.AccountAccess.role == access.AccountRole.OWNER
    )
    found = select(BillingAccount).where(
        BillingAccount.id.in_(owned), BillingAccount.kind != Kind.SUBACCOUNT
    )
    return db.session.scalar(found.order_by(BillingAccount.id).limit(1))


def accounts_for(actor: Actor, *, search: str = "", after: str = "") -> list[BillingAccount]:
    """The billing accounts that exist for the actor, one more than a page: subaccounts after all
    others, of which a partner has few, and each newest first."""
    found = select(BillingAccount).where(BillingAccount.visible_to(actor))
    is_sub = BillingAccount.parent_id.is_not(None)
    if search:
        found = found.where(
            or_(
                BillingAccount.name_key.contains(search_key(search), autoescape=True),
                BillingAccount.id == search.strip().lower(),
            )
        )
    last = db.session.get(BillingAccount, after) if after else None
    if last is not None:
        is_next = BillingAccount.id < last.id
        found = found.where(and_(is_sub, is_next) if last.parent_id else or_(is_sub, is_next))
    ordered = found.order_by(is_sub, BillingAccount.id.desc())
    return list(db.session.scalars(ordered.limit(PAGE + 1)))


def accounts_to_pay_from(actor: Actor) -> list[BillingAccount]:
    """The accounts on which the actor may create a cloud by a role of their own, oldest first."""
    held = (
        select(BillingAccount)
        .options(joinedload(BillingAccount.parent))
        .where(
            BillingAccount.id.in_(access.account_ids(actor, staff=True)),
            BillingAccount.closed_at.is_(None),
            BillingAccount.suspended_at.is_(None),
        )
    )
    rows = db.session.scalars(held.order_by(BillingAccount.id))
    return [a for a in rows if a.status in (Status.ACTIVE, Status.TRIAL_ACTIVE)]
