"""Broken states of the schema, of states and their audit lines, and of copies of values."""

from __future__ import annotations

from portal.domain.actions import Action
from tests.support.broken_states.steps import APRIL, END_LINK, next_link
from tests.support.state_breaking import Case, copy, record

BLOCK_EDDIE = "UPDATE users SET blocked_at = created_at, block_reason = 'stolen' WHERE id = :eddie"


CASES = (
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
    Case("cloud-without-open-link", (END_LINK,), ("doras_cloud",)),
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
        "clouds-stopped-without-budget",
        ("UPDATE billing_accounts SET clouds_stopped_on = '2026-03-01' WHERE id = :direct",),
        ("direct",),
    ),
    Case(
        "budget-of-no-customer",
        (
            "INSERT INTO budgets (account_id, kind, amount, since_on, stops_clouds)"
            " VALUES (:direct, 'customer', 1, '2026-03-01', FALSE)",
        ),
        ("direct",),
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
)
