"""Broken states of links, default clouds and owners."""

from __future__ import annotations

from portal.domain.actions import Action
from tests.support.broken_states.steps import (
    APRIL,
    CARLS_MAIL,
    END_LINK,
    MAY,
    OPEN_LINK,
    copy_customer,
    next_link,
)
from tests.support.state_breaking import Case, copy, record

LINKED = record(Action.CLOUD_LINK, "direct", "doras_cloud")

ADDRESS = {
    "email_key": "'x@y.example'",
    "invitation_email": "'x@y.example'",
    "search_key": "replace(search_key, 'carl@customer.example', 'x@y.example')",
}

INVITATION = {
    "subaccount_id": "'dn22'",
    "email_key": "'x@y.example'",
    "email": "'x@y.example'",
}


CASES = (
    Case(
        "default-cloud-missing",
        ("UPDATE customers SET default_cloud_id = 'b1g' WHERE id = :carls_customer",),
        ("carls_customer",),
    ),
    Case(
        "default-cloud-never-linked",
        ("UPDATE customers SET default_cloud_id = :doras_cloud WHERE id = :carls_customer",),
        ("carls_customer",),
    ),
    Case(
        "default-cloud-without-default-folder",
        ("UPDATE folders SET is_default = false WHERE id = :ninas_folder",),
        ("ninas_cloud",),
    ),
    Case(
        "cloud-with-several-default-folders",
        (copy("folders", "id = :doras_folder", id="'b1g2'", name="'second'"),),
        ("doras_cloud",),
        (("folders", "uq_folders_default"),),
    ),
    Case(
        "cloud-with-several-open-links",
        (
            copy("links", OPEN_LINK, id="'lnk2'", since_at=APRIL, continues_at=APRIL),
            LINKED,
        ),
        ("doras_cloud",),
        (("links", "uq_links_open"),),
    ),
    Case("links-overlap-or-leave-gap", (END_LINK, next_link(MAY, MAY), LINKED), ("doras_cloud",)),
    Case(
        "links-overlap-or-leave-gap",
        (
            END_LINK,
            next_link("'2026-03-20 00:00:00.000000'", "'2026-03-20 00:00:00.000000'"),
            LINKED,
        ),
        ("doras_cloud",),
    ),
    Case(
        "link-history-cut",
        (f"UPDATE links SET continues_at = since_at WHERE {OPEN_LINK}", LINKED),
        ("doras_cloud",),
    ),
    Case(
        "default-cloud-of-several-customers",
        (
            *copy_customer(default_cloud_id="default_cloud_id", subaccount_id="'dn22'", **ADDRESS),
            copy("billing_accounts", "id = :carls_subaccount", id="'dn22'"),
            copy("invitations", "subaccount_id = :carls_subaccount", **INVITATION),
            copy("mail_deliveries", CARLS_MAIL, id="'out2'", about="'dn22'"),
            copy(
                "links",
                "cloud_id = :carls_cloud",
                id="'lnk2'",
                account_id="'dn22'",
                since_at=APRIL,
                continues_at=APRIL,
            ),
            f"UPDATE links SET until_at = {APRIL} WHERE cloud_id = :carls_cloud AND id <> 'lnk2'",
            record(Action.CLOUD_LINK, "north", "carls_cloud"),
        ),
        ("carls_cloud",),
        (
            ("customers", "uq_customers_default_cloud_id"),
            ("links", "uq_links_open"),
        ),
    ),
    Case(
        "account-without-owner",
        ("UPDATE account_access SET revoked_at = granted_at WHERE account_id = :direct",),
        ("direct",),
    ),
    Case(
        "cloud-without-effective-owner",
        ("UPDATE cloud_access SET revoked_at = granted_at WHERE cloud_id = :doras_cloud",),
        ("doras_cloud",),
    ),
    Case(
        "cloud-without-effective-owner",
        (f"UPDATE cloud_access SET effective_at = {MAY} WHERE cloud_id = :doras_cloud",),
        ("doras_cloud",),
    ),
)
