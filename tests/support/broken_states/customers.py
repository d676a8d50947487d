"""Broken states of customers and their invitations."""

from __future__ import annotations

from tests.support.broken_states.steps import CARLS_MAIL, copy_customer
from tests.support.state_breaking import Case, copy

CASES = (
    Case(
        "customer-without-subaccount",
        ("UPDATE billing_accounts SET parent_id = :south WHERE id = :carls_subaccount",),
        ("carls_customer",),
    ),
    Case(
        "subaccount-without-customer",
        (copy("billing_accounts", "id = :carls_subaccount", id="'dn22'"),),
        ("dn22",),
    ),
    Case(
        "subaccount-of-several-customers",
        copy_customer(),
        ("carls_subaccount",),
        (("customers", "uq_customers_subaccount_id"), ("customers", "uq_customers_live_email")),
        (("value-not-unique", "carls_customer"),),  # two live customers with one address
    ),
    Case(
        "customer-without-invitation",
        ("DELETE FROM invitations WHERE subaccount_id = :carls_subaccount",),
        ("carls_customer",),
    ),
    Case(
        "invitation-without-customer",
        (
            copy("invitations", "subaccount_id = :carls_subaccount", subaccount_id="'dn22'"),
            copy("mail_deliveries", CARLS_MAIL, id="'out2'", about="'dn22'"),
        ),
        ("dn22",),
    ),
    Case(
        "customer-with-several-invitations",
        (copy("invitations", "subaccount_id = :carls_subaccount"),),
        ("carls_subaccount",),
        (("invitations", "pk_invitations"),),
    ),
    Case(
        "invitation-handed-over-twice",
        (
            f"UPDATE mail_deliveries SET state = 'unknown' WHERE {CARLS_MAIL}",
            copy("mail_deliveries", CARLS_MAIL, id="'out2'", state="'sent'"),
        ),
        ("carls_subaccount",),
        (("mail_deliveries", "uq_mail_deliveries_once"),),
    ),
    Case(
        "invitation-mail-repeats",
        (f"UPDATE mail_deliveries SET is_once = false WHERE {CARLS_MAIL}",),
        ("carls_subaccount",),
    ),
    Case(
        "invitation-without-mail",
        (f"DELETE FROM mail_deliveries WHERE {CARLS_MAIL}",),
        ("carls_subaccount",),
    ),
)
