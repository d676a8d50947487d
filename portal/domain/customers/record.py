"""The record a partner keeps about a client: its fields, their shapes, its states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
    true,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import access, locks, values
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Invitation
from portal.domain.values import Invalid


class Status(StrEnum):
    """The codes are the labels, shown to the letter."""

    WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    INACTIVE = "Inactive"


@dataclass(frozen=True)
class Draft:
    """What a partner says about a new customer; names follow the vendor's `CustomerPerson`."""

    name: str = ""
    invitation_email: str = ""
    country: str = ""
    tin: str = ""
    longname: str = ""
    phone: str = ""
    email: str = ""
    legal_address: str = ""
    post_address: str = ""
    post_code: str = ""
    description: str = ""
    reference: str = ""
    manager_id: str = ""
    with_cloud: bool = True

    def normalised(self) -> Draft:
        """Every field in its stored form. Raises Refused with the field that can't be."""
        values: dict[str, Any] = {}
        for field in NORMALISERS:
            try:
                values[field] = normalise_field(field, getattr(self, field), self.country)
            except Invalid as error:
                raise Refused(error.code, field=field, **error.facts) from error
        return replace(self, **values)


REQUIRED = ("name", "invitation_email", "country")

NORMALISERS: dict[str, Callable[[str, str], str]] = {
    "name": lambda value, _country: values.line(value, limit=200),
    "invitation_email": lambda value, _country: values.email(value).display,
    "country": lambda value, _country: values.country(value),
    "tin": values.tax_number,
    "longname": lambda value, _country: values.line(value, limit=300),
    "phone": lambda value, country: values.phone(value, country).e164,
    "email": lambda value, _country: values.email(value).display,
    "legal_address": lambda value, _country: values.line(value, limit=500),
    "post_address": lambda value, _country: values.line(value, limit=500),
    "post_code": lambda value, _country: values.line(value, limit=20),
    "description": lambda value, _country: values.paragraph(value, limit=2000),
    "reference": lambda value, _country: values.line(value, limit=100),
}


def normalise_field(field: str, value: str, country: str) -> str:
    """A field's value in its stored form; empty stays empty where the field is optional.

    Raises Malformed. Phone and tax number are read with the country's rules.
    """
    if not value.strip():
        if field in REQUIRED or (field == "tin" and values.tax_required(country)):
            raise Invalid(Code.REQUIRED)
        return ""
    return NORMALISERS[field](value, country)


class Customer(db.Base):
    """One customer, one subaccount, one invitation."""

    __tablename__ = "customers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["subaccount_id", "partner_id"], ["billing_accounts.id", "billing_accounts.parent_id"]
        ),
        UniqueConstraint("subaccount_id"),
        UniqueConstraint("default_cloud_id"),
        Index(
            "uq_customers_live_email",
            "partner_id",
            "email_key",
            unique=True,
            sqlite_where=text("status <> 'Inactive'"),
            postgresql_where=text("status <> 'Inactive'"),
        ),
        Index(
            "uq_customers_live_reference",
            "partner_id",
            "reference",
            unique=True,
            sqlite_where=text("status <> 'Inactive' AND reference <> ''"),
            postgresql_where=text("status <> 'Inactive' AND reference <> ''"),
        ),
        Index("ix_customers_newest", "partner_id", "id"),
        Index("ix_customers_by_status", "partner_id", "status", "id"),
        Index("ix_customers_by_tin", "partner_id", "tin"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str]
    subaccount_id: Mapped[str]
    default_cloud_id: Mapped[str | None] = mapped_column(ForeignKey("clouds.id"))
    status: Mapped[Status] = mapped_column(db.enum_column(Status, "status"))
    invitation_email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    longname: Mapped[str]
    country: Mapped[str]
    tin: Mapped[str]
    phone: Mapped[str]
    email: Mapped[str]
    legal_address: Mapped[str]
    post_address: Mapped[str]
    post_code: Mapped[str]
    description: Mapped[str]
    reference: Mapped[str]
    manager_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    search_key: Mapped[str]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """Roles on the partner's account read its customers."""
        return true() if actor.is_system else cls.partner_id.in_(access.account_ids(actor))

    def fill(self, draft: Draft) -> None:
        """Takes over a normalised draft."""
        for name, value in values_of(draft).items():
            setattr(self, name, value)


def values_of(draft: Draft) -> dict[str, str | None]:
    """A record's columns as a normalised draft fills them, the ones for searches included."""
    columns: dict[str, str | None] = asdict(draft)
    del columns["with_cloud"]
    searched = (draft.name, draft.longname, draft.invitation_email, draft.tin, draft.reference)
    return columns | {
        "manager_id": draft.manager_id or None,
        "email_key": values.email(draft.invitation_email).key,
        "search_key": "\n".join(values.search_key(text) for text in searched),
    }


def hold(record: Customer) -> BillingAccount:
    """Lock a customer and all that is its own, in the one order; returns the partner's account."""
    locks.lock(
        (BillingAccount, record.partner_id),
        (BillingAccount, record.subaccount_id),
        (Cloud, record.default_cloud_id),
        (Customer, record.id),
        (Invitation, record.subaccount_id),
    )
    return db.session.get_one(BillingAccount, record.partner_id)


def transition(record: Customer, *allowed: Status, to: Status) -> bool:
    """Move the state if it is one of `allowed` now; the row count decides every race."""
    moved: Any = db.session.execute(
        update(Customer)
        .where(Customer.id == record.id, Customer.status.in_(allowed))
        .values(status=to)
    )
    db.session.refresh(record)
    return bool(moved.rowcount == 1)
