"""The customer's record: its fields, their normalisation, its states."""

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
    """A customer's status. The values are the vendor's codes; pages show them unchanged."""

    WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    INACTIVE = "Inactive"


@dataclass(frozen=True)
class Draft:
    """A customer's fields as entered; the names follow the vendor's `CustomerPerson`."""

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
        """Return the draft with every field in its stored form.

        Raises Refused with the field and the code of `normalise_field`.
        """
        normalised: dict[str, Any] = {}
        for field in NORMALISERS:
            try:
                normalised[field] = normalise_field(field, getattr(self, field), self.country)
            except Invalid as error:
                raise Refused(error.code, field=field, **error.facts) from error
        return replace(self, **normalised)


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
    """Return a field's value in its stored form; an empty optional field stays empty.

    Phone and tax number are read by the country's rules. Raises Invalid.
    """
    if not value.strip():
        if field in REQUIRED or (field == "tin" and values.is_tax_number_required(country)):
            raise Invalid(Code.REQUIRED)
        return ""
    return NORMALISERS[field](value, country)


class Customer(db.Base):
    """A partner's customer, with exactly one subaccount and one invitation."""

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
        """Holders of a role on the partner's account see its customers."""
        return true() if actor.is_system else cls.partner_id.in_(access.account_ids(actor))

    def apply(self, draft: Draft) -> None:
        """Set all fields from a normalised draft."""
        for name, value in column_values(draft).items():
            setattr(self, name, value)


def column_values(draft: Draft) -> dict[str, str | None]:
    """Return a customer's column values for a normalised draft, search keys included."""
    columns: dict[str, str | None] = asdict(draft)
    del columns["with_cloud"]
    return columns | {
        "manager_id": draft.manager_id or None,
        "email_key": values.email(draft.invitation_email).key,
        "search_key": search_key_of(*(getattr(draft, field) for field in SEARCHED)),
    }


SEARCHED = ("name", "longname", "invitation_email", "tin", "reference")
"""The fields by which customers are searched."""


def search_key_of(*texts: str) -> str:
    """Return the search key of a customer with these values of the fields SEARCHED."""
    return "\n".join(values.search_key(text) for text in texts)


def lock_customer(customer: Customer) -> BillingAccount:
    """Lock a customer with its accounts, default cloud and invitation, in the lock order.

    Returns the partner's account.
    """
    locks.lock(
        (BillingAccount, customer.partner_id),
        (BillingAccount, customer.subaccount_id),
        (Cloud, customer.default_cloud_id),
        (Customer, customer.id),
        (Invitation, customer.subaccount_id),
    )
    return db.session.get_one(BillingAccount, customer.partner_id)


def transition(customer: Customer, *allowed: Status, to: Status) -> bool:
    """Set the status if it is one of `allowed`; return whether it was.

    The row count of the conditional UPDATE decides between concurrent calls.
    """
    result: Any = db.session.execute(
        update(Customer)
        .where(Customer.id == customer.id, Customer.status.in_(allowed))
        .values(status=to)
    )
    db.session.refresh(customer)
    return bool(result.rowcount == 1)
