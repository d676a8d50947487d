"""Parties: names and addresses as a statement keeps them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from portal import db
from portal.domain import partner_profiles, policy
from portal.domain.accounts import BillingAccount
from portal.domain.customers import Customer
from portal.domain.partner_profiles import PartnerProfile
from portal.domain.statements.record import State, Statement

Party = dict[str, Any]
"""`name`; `lines` of the address; `tin` and `email`, which may be empty."""


def _party(name: str, lines: list[str], tin: str = "", email: str = "") -> Party:
    return {"name": name, "lines": [line for line in lines if line], "tin": tin, "email": email}


def seller() -> Party:
    """The operator, who issues the statements of accounts that pay."""
    current = policy.current()
    return _party(current.seller_name or current.product_name, list(current.seller_address))


def profile_party(profile: PartnerProfile) -> Party:
    """A partner, who issues its customers' statements."""
    city = f"{profile.postal_code} {profile.city}".strip()
    lines = [*profile.address.splitlines(), city, profile.country]
    return _party(profile.legal_name, lines, profile.tin, profile.support_email)


def party_of(account: BillingAccount) -> Party:
    """An account that pays."""
    profile = partner_profiles.profile_of(account.id)
    if profile is not None and profile.legal_name:
        return profile_party(profile)
    return _party(account.name, [])


def customer_of(subaccount_id: str) -> Customer:
    """The customer of a subaccount."""
    return db.session.scalars(select(Customer).where(Customer.subaccount_id == subaccount_id)).one()


def customer_party(customer: Customer) -> Party:
    """A partner's customer."""
    address, post_code = customer.legal_address or customer.post_address, customer.post_code
    lines = [address, "" if post_code in address else post_code, customer.country]
    return _party(customer.longname or customer.name, lines, customer.tin)


def parties_of(statement: Statement) -> tuple[Party, Party]:
    """Who issues a statement, and for whom it is; of a draft as they are now."""
    if statement.state is State.RELEASED:
        return statement.issuer, statement.recipient
    profile = partner_profiles.profile_of(statement.issuer_id)
    partner = db.session.get_one(BillingAccount, statement.issuer_id)
    issuer = profile_party(profile) if profile and profile.legal_name else party_of(partner)
    return issuer, customer_party(customer_of(statement.account_id))
