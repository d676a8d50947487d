"""Checks of copies: columns that are derived from others agree with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import or_, select

from portal.domain import values
from portal.domain.accounts import BillingAccount
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.customers.record import SEARCHED, search_key_of
from portal.domain.doctor.check import Problem, Query, check, select_check, stream
from portal.domain.identity import User
from portal.domain.invitations import Invitation
from portal.domain.values import Invalid

IS_NOT_ERASED = Customer.email_key != Customer.id


@select_check("copies", "The customer has another name than its subaccount {1}.")
def subaccount_named_otherwise() -> Query:
    return (
        select(Customer.id, BillingAccount.id)
        .join(BillingAccount, BillingAccount.id == Customer.subaccount_id)
        .where(BillingAccount.name != Customer.name)
    )


@select_check("I5", "The customer has another invited address than its invitation {1}.")
def invited_address_differs() -> Query:
    return (
        select(Customer.id, Invitation.subaccount_id)
        .join(Invitation, Invitation.subaccount_id == Customer.subaccount_id)
        .where(
            or_(
                Invitation.email != Customer.invitation_email,
                Invitation.email_key != Customer.email_key,
            )
        )
    )


@check("I5")
def address_key_differs() -> Iterator[Problem]:
    """Addresses are compared by their keys."""
    users = select(User.id, User.email, User.email_key)
    customers = select(Customer.id, Customer.invitation_email, Customer.email_key).where(
        IS_NOT_ERASED
    )
    for query in (users, customers):
        for ident, address, key in stream(query):
            is_plain = address.isascii() and address.casefold() == key
            if not is_plain and _address_key(address) != key:  # parsing takes much longer
                yield Problem(ident, "The canonical address is not that of the address.")


@check("copies")
def search_key_differs() -> Iterator[Problem]:
    """A thing with another key is not found by its name."""
    searched = (getattr(Customer, field) for field in SEARCHED)
    customers = select(Customer.id, Customer.search_key, *searched).where(IS_NOT_ERASED)
    keyed: list[tuple[Query, Callable[..., str]]] = [
        (select(model.id, model.name_key, model.name), values.search_key)
        for model in (BillingAccount, Cloud)
    ]
    keyed.append((customers, search_key_of))
    for query, key_of in keyed:
        for ident, key, *texts in stream(query):
            if key_of(*texts) != key:
                yield Problem(ident, "The search key is not that of the name.")


def _address_key(address: str) -> str | None:
    """The canonical address, or None for what is no address."""
    try:
        return values.email(address).key
    except Invalid:
        return None
