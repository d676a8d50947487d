"""Broken states: for each check of the doctor, the steps that break what it checks."""

from __future__ import annotations

from sqlalchemy import insert

from portal import db
from portal.domain.actions import Action
from portal.domain.usage import DeliveryPart, PartKind
from tests.support.state_breaking import Case, Step, copy, record

APRIL, MAY = "'2026-04-01 00:00:00.000000'", "'2026-05-01 00:00:00.000000'"
OPEN_LINK = "cloud_id = :doras_cloud AND until_at IS NULL"
END_LINK = f"UPDATE links SET until_at = {APRIL} WHERE {OPEN_LINK}"
CARLS_MAIL = "kind = 'invitation' AND about = :carls_subaccount"
LINKED = record(Action.CLOUD_LINK, "direct", "doras_cloud")
BLOCK_EDDIE = "UPDATE users SET blocked_at = created_at, block_reason = 'stolen' WHERE id = :eddie"

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

OTHER_CONNECTION = copy(
    "connections",
    "id = :connection",
    id="'con2'",
    kind="'webhook'",
    name_key="'2'",
    is_default="false",
)


def next_link(since: str, continues: str) -> Step:
    return copy(
        "links",
        f"cloud_id = :doras_cloud AND until_at = {APRIL}",
        id="'lnk2'",
        since_at=since,
        continues_at=continues,
        until_at="NULL",
    )


def copy_customer(**changes: str) -> tuple[Step, ...]:
    """Steps that copy Carl's customer without its default cloud, and record it."""
    return (
        copy(
            "customers",
            "id = :carls_customer",
            **{"id": "'cst2'", "default_cloud_id": "NULL", **changes},
        ),
        lambda params: record(Action.CUSTOMER_ADD, "north", "second", "second")(
            params | {"second": "cst2"}
        ),
    )


SUMS = "rows, micros, rest"
PUBLISH = (
    f"UPDATE deliveries SET state = 'published', published_at = {APRIL},"
    " rows = 1, micros = 1, rest = 1 WHERE id = :delivery",
    f"INSERT INTO delivery_scopes (delivery_id, scope_on, {SUMS})"
    " VALUES (:delivery, '2026-03-01', 1, 1, 1)",
    f"INSERT INTO delivery_keys (delivery_id, key_id, scope_on, first_on, last_on, {SUMS},"
    " before_rows, before_micros, before_rest)"
    " VALUES (:delivery, :usage_key, '2026-03-01', '2026-03-02', '2026-03-02', 1, 1, 1, 0, 0, 0)",
    f"INSERT INTO usage_groups (delivery_id, number, key_id, service, category, usage_on,"
    f" period_on, scope_on, {SUMS}) VALUES (:delivery, 0, :usage_key, '', 'Usage', '2026-03-02',"
    " '2026-03-01', '2026-03-01', 1, 0, 1000000001)",
)
"""Steps that publish the cast's delivery with one row."""
NO_PARQUET = {"number": 1, "kind": PartKind.AMOUNTS, "file": 0, "rows": 1, "content": b"no"}

CASES = (
    Case(
        "credentials-unreadable",
        ("UPDATE connections SET credentials = 'x' WHERE id = :connection",),
        ("connection",),
    ),
    Case(
        "claim-of-another-connection",
        (
            OTHER_CONNECTION,
            """UPDATE claims SET state = 'verified', cloud_id = :doras_cloud,
               connection_id = 'con2' WHERE id = :doras_claim""",
        ),
        ("doras_claim",),
    ),
    Case(
        "drift-of-another-connection",
        (
            OTHER_CONNECTION,
            f"""INSERT INTO drifts
                (id, connection_id, cloud_id, kind, external_id, theirs, found_at)
                VALUES ('drf2', 'con2', :doras_cloud, 'missing', 'x', '', {APRIL})""",
        ),
        ("drf2",),
    ),
    Case(
        "cloud-without-order",
        (
            OTHER_CONNECTION,
            "UPDATE clouds SET connection_id = 'con2' WHERE id = :doras_cloud",
        ),
        ("doras_cloud",),
    ),
    Case(
        "membership-without-role",
        (
            copy(
                "memberships",
                "id = :olgas_membership",
                id="'mem2'",
                user_id="(SELECT id FROM users WHERE email = 'dora@direct.example')",
                revoking_at="NULL",
                revoked_at="NULL",
            ),
        ),
        ("mem2",),
    ),
    Case(
        "revoke-not-ordered",
        ("UPDATE memberships SET revoked_at = NULL WHERE id = :olgas_membership",),
        ("olgas_membership",),
    ),
    Case(
        "access-past-its-end",
        ("UPDATE accesses SET ending_at = NULL, ended_at = NULL WHERE id = :olgas_access",),
        ("olgas_access",),
    ),
    Case(
        "access-secret-unreadable",
        ("INSERT INTO access_secrets (access_id, sealed) VALUES (:olgas_access, 'x')",),
        ("olgas_access",),
    ),
    Case(
        "migrations-not-at-head",
        ("UPDATE alembic_version SET version_num = '0001'",),
        ("0001",),
    ),
    Case(
        "row-breaks-condition",
        ("UPDATE billing_accounts SET mode = 'trial' WHERE id = :carls_subaccount",),
        ("carls_subaccount",),
        (("billing_accounts", "ck_billing_accounts_subaccount_is_paid"),),
    ),
    Case(
        "row-breaks-condition",
        (
            "UPDATE account_access SET role = 'emperor' WHERE user_id = :eddie"
            " AND account_id = :north",
        ),
        ("eddies_role",),
        (("account_access", "ck_account_access_role"),),
    ),
    Case(
        "value-not-unique",
        (copy("account_access", "id = :eddies_role", id="'0'"),),
        ("0",),
        (("account_access", "uq_account_access_open"),),
    ),
    Case(
        "reference-to-nothing",
        ("UPDATE customers SET manager_id = 'nobody' WHERE id = :carls_customer",),
        ("carls_customer",),
    ),
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
    Case("cloud-without-open-link", (END_LINK,), ("doras_cloud",)),
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
        "status-against-answer",
        (
            "UPDATE invitations SET answer = 'withdrawn', answered_by = 'command',"
            " answered_at = created_at WHERE subaccount_id = :carls_subaccount",
            record(Action.CUSTOMER_REMOVE, "north", "carls_customer", "carls_customer"),
        ),
        ("carls_customer",),
        also=(("status-without-its-line", "carls_customer"),),
    ),
    Case(
        "confirmation-against-answer",
        ("UPDATE billing_accounts SET confirmed_at = NULL WHERE id = :ninas_subaccount",),
        ("ninas_customer",),
    ),
    Case(
        "confirmation-against-answer",
        ("UPDATE billing_accounts SET confirmed_at = created_at WHERE id = :carls_subaccount",),
        ("carls_customer",),
    ),
    Case(
        "closing-against-status",
        (
            "UPDATE billing_accounts SET closed_at = created_at WHERE id = :ninas_subaccount",
            "UPDATE clouds SET closed_at = created_at WHERE id = :ninas_cloud",
        ),
        ("ninas_customer",),
    ),
    Case(
        "suspension-against-status",
        ("UPDATE billing_accounts SET suspended_at = created_at WHERE id = :ninas_subaccount",),
        ("ninas_customer",),
    ),
    Case(
        "live-customer-without-partner",
        (
            "UPDATE billing_accounts SET kind = 'direct' WHERE id = :south",
            record(Action.PARTNER_REVOKE, "south", "south"),
            "UPDATE clouds SET closed_at = created_at WHERE id = :souths_cloud",
        ),
        ("souths_customer",),
    ),
    Case(
        "partnership-not-ended",
        ("UPDATE billing_accounts SET ends_on = '2026-01-01' WHERE id = :ninas_subaccount",),
        ("ninas_customer",),
    ),
    Case(
        "open-cloud-of-closed-account",
        ("UPDATE billing_accounts SET closed_at = created_at WHERE id = :direct",),
        ("doras_cloud",),
    ),
    Case(
        "answered-by-somebody-else",
        (
            "UPDATE users SET email = 'else@x.example', email_key = 'else@x.example'"
            " WHERE id = :nina",
        ),
        ("ninas_subaccount",),
    ),
    Case(
        "answered-by-partners-staff",
        ("UPDATE account_access SET user_id = :nina WHERE id = :eddies_role",),
        ("ninas_subaccount",),
    ),
    Case(
        "status-without-its-line",
        (
            "UPDATE customers SET status = 'Suspended' WHERE id = :ninas_customer",
            "UPDATE billing_accounts SET suspended_at = created_at WHERE id = :ninas_subaccount",
        ),
        ("ninas_customer",),
    ),
    Case(
        "status-changed-off-the-table",
        (record(Action.CUSTOMER_RESUME, "north", "ninas_customer", "ninas_customer"),),
        ("ninas_customer",),
    ),
    Case(
        "answer-without-its-line",
        (
            "UPDATE invitations SET answer = 'withdrawn', answered_by = :eddie,"
            " answered_at = created_at WHERE subaccount_id = :carls_subaccount",
            "UPDATE customers SET status = 'Inactive' WHERE id = :carls_customer",
            "UPDATE billing_accounts SET closed_at = created_at WHERE id = :carls_subaccount",
            "UPDATE clouds SET closed_at = created_at WHERE id = :carls_cloud",
            record(Action.CUSTOMER_REMOVE, "north", "carls_customer", "carls_customer"),
        ),
        ("carls_subaccount",),
    ),
    Case(
        "partner-status-without-its-line",
        ("UPDATE billing_accounts SET kind = 'partner' WHERE id = :direct",),
        ("direct",),
    ),
    Case(
        "paid-mode-without-its-line",
        (
            "UPDATE billing_accounts SET mode = 'paid' WHERE id = :direct",
            "UPDATE ledgers SET paid_since = '2026-03-02 00:00:00' WHERE account_id = :direct",
        ),
        ("direct",),
    ),
    Case(
        "disabled-user-without-its-line",
        (
            "UPDATE account_access SET user_id = :olga WHERE user_id = :vera"
            " AND role = 'billing.accounts.owner'",
            "UPDATE users SET disabled_at = created_at WHERE id = :vera",
        ),
        ("vera",),
    ),
    Case(
        "blocked-user-without-its-line",
        (BLOCK_EDDIE,),
        ("eddie",),
    ),
    Case(
        "sessions-of-inactive-user",
        (
            "INSERT INTO sessions (id, user_id, user_agent, created_at, seen_at, authenticated_at)"
            " SELECT 'x', id, '', created_at, created_at, created_at FROM users WHERE id = :eddie",
            BLOCK_EDDIE,
        ),
        ("eddie",),
        also=(("blocked-user-without-its-line", "eddie"),),
    ),
    Case(
        "operator-without-its-line",
        ("UPDATE users SET is_operator = true WHERE id = :eddie",),
        ("eddie",),
    ),
    Case("link-without-its-line", (END_LINK, next_link(APRIL, APRIL)), ("doras_cloud",)),
    Case(
        "audit-chain-broken",
        ("UPDATE audit_lines SET actor = 'somebody' WHERE chain = :trial AND seq = 1",),
        ("trial",),
    ),
    Case(
        "account-without-audit-chain",
        (
            "DELETE FROM audit_lines WHERE chain = :direct",
            "DELETE FROM audit_heads WHERE chain = :direct",
        ),
        ("direct",),
    ),
    Case(
        "audit-lines-without-chain",
        (copy("audit_lines", "chain = :trial AND seq = 1", chain="'dn22'"),),
        ("dn22",),
    ),
    Case(
        "subaccount-named-otherwise",
        ("UPDATE billing_accounts SET name = 'x', name_key = 'x' WHERE id = :carls_subaccount",),
        ("carls_customer",),
    ),
    Case(
        "invited-address-differs",
        ("UPDATE invitations SET email = 'x@y.example' WHERE subaccount_id = :carls_subaccount",),
        ("carls_customer",),
    ),
    Case(
        "address-key-differs",
        ("UPDATE users SET email = 'x@y.example' WHERE id = :eddie",),
        ("eddie",),
    ),
    Case(
        "search-key-differs",
        (
            "UPDATE clouds SET name = 'x' WHERE id = :doras_cloud",
            "UPDATE customers SET search_key = '' WHERE id = :carls_customer",
        ),
        ("doras_cloud", "carls_customer"),
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
    Case(
        "groups-differ-from-delivery",
        (*PUBLISH, "UPDATE deliveries SET rest = rest + 1 WHERE id = :delivery"),
        ("delivery",),
        also=(("periods-differ-from-delivery", "delivery"),),
    ),
    Case(
        "groups-differ-from-key",
        (*PUBLISH, "UPDATE delivery_keys SET micros = 2, rest = 0"),
        ("delivery",),
        also=(("keys-differ-from-period", "delivery"),),
    ),
    Case(
        "keys-differ-from-period",
        (*PUBLISH, "UPDATE delivery_scopes SET rows = 2"),
        ("delivery",),
        also=(("periods-differ-from-delivery", "delivery"),),
    ),
    Case(
        "periods-differ-from-delivery",
        (*PUBLISH, "UPDATE deliveries SET rows = 2 WHERE id = :delivery"),
        ("delivery",),
        also=(("groups-differ-from-delivery", "delivery"),),
    ),
    Case(
        "replaced-period-in-force",
        (
            *PUBLISH,
            copy("deliveries", "id = :delivery", id="'dlv2'", published_at=MAY),
            copy("delivery_scopes", "delivery_id = :delivery", delivery_id="'dlv2'"),
            copy("delivery_keys", "delivery_id = :delivery", delivery_id="'dlv2'"),
            copy("usage_groups", "delivery_id = :delivery", delivery_id="'dlv2'"),
        ),
        ("delivery",),
    ),
    Case(
        "kept-rows-differ",
        (
            *PUBLISH,
            lambda params: db.session.execute(
                insert(DeliveryPart), [{**NO_PARQUET, "delivery_id": params["delivery"]}]
            ),
        ),
        ("delivery",),
    ),
)
"""At least one case for each check of rows; tests/domain/test_doctor.py checks that none is
missing."""
