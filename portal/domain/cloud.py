"""Cloud and folder, and the dated links that say which account pays for a cloud.

A cloud is always linked to exactly one account. Its links form a chain: each but the first
continues the one before it at the very instant at which that one ended, held by a foreign key, so
they can neither overlap nor leave a gap.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    Case,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    and_,
    case,
    exists,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import access, audit
from portal.domain.account import BillingAccount, Status
from portal.domain.actor import Actor
from portal.domain.errors import Refused

PAGE = 50
DEFAULT_NAME = "default"
NAME_LONGEST = 63


class Cloud(db.Base):
    __tablename__ = "clouds"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """A role on it (pending too), or a role on the account to which it is linked now."""
        if actor.is_system:
            return true()
        payers = select(BillingAccount.id).where(BillingAccount.visible_to(actor))
        linked = select(Link.cloud_id).where(Link.until_at.is_(None), Link.account_id.in_(payers))
        return or_(cls.id.in_(access.cloud_ids(actor)), cls.id.in_(linked))


class Folder(db.Base):
    __tablename__ = "folders"
    __table_args__ = (
        UniqueConstraint("cloud_id", "name"),
        Index(
            "uq_folders_default",
            "cloud_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    name: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        if actor.is_system:
            return true()
        return cls.cloud_id.in_(select(Cloud.id).where(Cloud.visible_to(actor)))


class Link(db.Base):
    """This cloud is billed to this account from here until there."""

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("cloud_id", "since_at"),
        UniqueConstraint("cloud_id", "until_at"),
        CheckConstraint("until_at IS NULL OR until_at > since_at", name="until_later"),
        CheckConstraint("continues_at IS NULL OR continues_at = since_at", name="continues"),
        ForeignKeyConstraint(["cloud_id", "continues_at"], ["links.cloud_id", "links.until_at"]),
        Index(
            "uq_links_open",
            "cloud_id",
            unique=True,
            sqlite_where=text("until_at IS NULL"),
            postgresql_where=text("until_at IS NULL"),
        ),
        Index(
            "uq_links_first",
            "cloud_id",
            unique=True,
            sqlite_where=text("continues_at IS NULL"),
            postgresql_where=text("continues_at IS NULL"),
        ),
        Index("ix_links_account_id", "account_id", "cloud_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    cloud_id: Mapped[str] = mapped_column(ForeignKey("clouds.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    since_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    continues_at: Mapped[datetime | None]
    linked_by: Mapped[str]


class CloudRow(NamedTuple):
    """A cloud in a list; `payer_name` is None where the payer's account is not the reader's."""

    id: str
    name: str
    payer_id: str | None
    payer_name: str | None
    closed_at: datetime | None


class Payer(NamedTuple):
    """A link as a reader sees it; another's account has neither ID nor name."""

    since_at: datetime
    until_at: datetime | None
    account_id: str | None
    account_name: str | None


def born(payer: BillingAccount, *, name: str, by: Actor) -> tuple[Cloud, Folder]:
    """A new cloud, linked from its first moment, with one folder; the calling verb records it."""
    now = db.now()
    cloud = Cloud(id=db.new_id("b1g"), name=name, created_at=now)
    db.session.add(cloud)
    db.session.flush()
    folder = Folder(id=db.new_id("b1g"), cloud_id=cloud.id, name=DEFAULT_NAME, created_at=now)
    folder.is_default = True
    link = Link(id=db.new_id("lnk"), cloud_id=cloud.id, account_id=payer.id, since_at=now)
    link.linked_by = by.id
    db.session.add_all([folder, link])
    db.session.flush()
    return cloud, folder


def create(payer: BillingAccount, *, by: Actor, name: str) -> Cloud:
    """Editors of an account that can pay create clouds in it, and own them at once.

    Raises Forbidden, Refused("customer-not-confirmed", "account-not-active").
    """
    access.require(by, "cloud.create", payer)
    payer = db.lock(BillingAccount, payer.id)
    if payer.status not in (Status.ACTIVE, Status.TRIAL_ACTIVE):
        raise Refused("account-not-active", status=payer.status)
    if payer.parent_id is not None and payer.confirmed_at is None:
        raise Refused("customer-not-confirmed")
    cloud, folder = born(payer, name=name, by=by)
    access.give_cloud_role(access.CloudRole.OWNER, cloud_id=cloud.id, user=by.id, by=by)
    audit.record(
        "cloud.create", by=by, chain=payer.chain, thing=cloud.id, folder=folder.id, payer=payer.id
    )
    return cloud


def create_folder(cloud: Cloud, *, by: Actor, name: str) -> Folder:
    """Editors of a cloud add folders.

    Raises Forbidden, Refused("cloud-closed", "folder-name-taken").
    """
    access.require(by, "folder.create", cloud)
    cloud = db.lock(Cloud, cloud.id)
    _refuse_name(cloud, name)
    folder = Folder(id=db.new_id("b1g"), cloud_id=cloud.id, name=name, created_at=db.now())
    db.session.add(folder)
    db.session.flush()
    audit.record("folder.create", by=by, chain=_chain(cloud), thing=folder.id, cloud=cloud.id)
    return folder


def rename_folder(folder: Folder, *, by: Actor, name: str) -> None:
    """Editors of a cloud rename its folders. Raises Forbidden, Refused as `create_folder`."""
    cloud = db.lock(Cloud, folder.cloud_id)
    access.require(by, "folder.rename", cloud)
    if folder.name == name:
        return
    _refuse_name(cloud, name)
    folder.name = name
    audit.record("folder.rename", by=by, chain=_chain(cloud), thing=folder.id, cloud=cloud.id)


def default_folder(cloud_id: str) -> tuple[Cloud, Folder]:
    """A customer's default cloud, found by the caller, with its default folder."""
    found = (
        select(Cloud, Folder)
        .join(Folder, and_(Folder.cloud_id == Cloud.id, Folder.is_default))
        .where(Cloud.id == cloud_id)
    )
    cloud, folder = db.session.execute(found).one()
    return cloud, folder


def folders_of(cloud: Cloud) -> list[Folder]:
    """The cloud's folders, by name."""
    found = select(Folder).where(Folder.cloud_id == cloud.id).order_by(Folder.name)
    return list(db.session.scalars(found))


def other_clouds_for(actor: Actor, *, after: str = "") -> list[CloudRow]:
    """The actor's own clouds that stand on none of their subaccount cards, newest first, one more
    than a page."""
    found = (
        select(Cloud.id, Cloud.name, *_payer_for(actor), Cloud.closed_at)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Cloud.id.in_(access.cloud_ids(actor, own=True)), Cloud.closed_at.is_(None))
        .where(BillingAccount.parent_id.is_(None) | ~BillingAccount.visible_to(actor))
    )
    if after:
        found = found.where(Cloud.id < after)
    rows = db.session.execute(found.order_by(Cloud.id.desc()).limit(PAGE + 1))
    return [CloudRow(*row) for row in rows]


def clouds_linked_to(account_ids: list[str]) -> dict[str, list[CloudRow]]:
    """The clouds linked now to each of these accounts, which the caller has found visible."""
    found = (
        select(Cloud.id, Cloud.name, BillingAccount.id, BillingAccount.name, Cloud.closed_at)
        .join(Link, and_(Link.cloud_id == Cloud.id, Link.until_at.is_(None)))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(BillingAccount.id.in_(account_ids))
    )
    linked: dict[str, list[CloudRow]] = {ident: [] for ident in account_ids}
    for row in db.session.execute(found.order_by(Cloud.id)):
        linked[row[2]].append(CloudRow(*row))
    return linked


def payers_of(cloud: Cloud, *, actor: Actor) -> list[Payer]:
    """Who paid for the cloud and when, newest first."""
    found = (
        select(Link.since_at, Link.until_at, *_payer_for(actor))
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.cloud_id == cloud.id)
    )
    rows = db.session.execute(found.order_by(Link.since_at.desc()))
    return [Payer(*row) for row in rows]


def _payer_for(actor: Actor) -> tuple[Case[str | None], Case[str | None]]:
    """ID and name of the joined account, NULL where that account does not exist for the actor."""
    seen = BillingAccount.visible_to(actor)
    return case((seen, BillingAccount.id)), case((seen, BillingAccount.name))


def _chain(cloud: Cloud) -> str:
    payer = (
        select(BillingAccount)
        .join(Link, Link.account_id == BillingAccount.id)
        .where(Link.cloud_id == cloud.id, Link.until_at.is_(None))
    )
    return db.session.scalars(payer).one().chain


def _refuse_name(cloud: Cloud, name: str) -> None:
    if cloud.closed_at is not None:
        raise Refused("cloud-closed")
    taken = exists().where(Folder.cloud_id == cloud.id, Folder.name == name)
    if db.session.scalar(select(taken)):
        raise Refused("folder-name-taken", field="name", name=name)
