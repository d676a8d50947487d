"""The house: users, accounts, clouds, links, customers, invitations, outbox, audit."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT, JSON = sa.String(), sa.JSON()
INSTANT, MONEY = sa.DateTime(timezone=True), sa.BigInteger()


def one_of(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=48)


def where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "allowed_emails",
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("email_key", name="pk_allowed_emails"),
    )
    op.create_table(
        "audit_heads",
        sa.Column("chain", TEXT, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_heads"),
    )
    op.execute(
        f"INSERT INTO audit_heads (chain, seq, hash) VALUES ('installation', 0, '{'0' * 64}')"
    )
    op.create_table(
        "billing_accounts",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", one_of("partner", "subaccount", "direct", name="kind"), nullable=False),
        sa.Column("mode", one_of("trial", "paid", name="mode"), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_key", TEXT, nullable=False),
        sa.Column("parent_id", TEXT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("confirmed_at", INSTANT),
        sa.Column("suspended_at", INSTANT),
        sa.Column("closed_at", INSTANT),
        sa.CheckConstraint("(kind = 'subaccount') = (parent_id IS NOT NULL)", name="subaccount"),
        sa.CheckConstraint("kind <> 'subaccount' OR mode = 'paid'", name="subaccount_is_paid"),
        sa.CheckConstraint(
            "kind = 'subaccount' OR (confirmed_at IS NULL AND suspended_at IS NULL)",
            name="confirmed_subaccount",
        ),
        sa.CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_its_own_parent"),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["billing_accounts.id"],
            name="fk_billing_accounts_parent_id_billing_accounts",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_billing_accounts"),
        sa.UniqueConstraint("id", "parent_id", name="uq_billing_accounts_id_parent_id"),
    )
    op.create_index("ix_billing_accounts_parent_id", "billing_accounts", ["parent_id"])
    op.create_table(
        "clouds",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_clouds"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("recipient", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("is_once", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            one_of(
                "pending",
                "claimed",
                "transmitting",
                "sent",
                "refused",
                "failed",
                "unknown",
                "cancelled",
                name="state",
            ),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("claim", TEXT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("leased_until", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("answer", TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_about", "outbox", ["about"])
    op.create_index("ix_outbox_due", "outbox", ["state", "due_at"])
    op.create_index("uq_outbox_once", "outbox", ["kind", "about"], unique=True, **where("is_once"))
    op.create_table(
        "sign_ups",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("next_path", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ups"),
    )
    op.create_index("ix_sign_ups_created_at", "sign_ups", ["created_at"])
    op.create_table(
        "users",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("time_zone", TEXT),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("disabled_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
    )
    op.create_table(
        "account_access",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column(
            "role",
            one_of(
                "billing.accounts.owner",
                "billing.accounts.admin",
                "billing.accounts.editor",
                "billing.accounts.accountant",
                "billing.accounts.viewer",
                name="role",
            ),
            nullable=False,
        ),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("effective_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.Column("granted_by", TEXT, nullable=False),
        sa.CheckConstraint("revoked_at IS NULL OR revoked_at >= granted_at", name="revoked_later"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["billing_accounts.id"],
            name="fk_account_access_account_id_billing_accounts",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_account_access_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_account_access"),
    )
    op.create_index("ix_account_access_account_id", "account_access", ["account_id"])
    op.create_index(
        "uq_account_access_open",
        "account_access",
        ["user_id", "account_id", "role"],
        unique=True,
        **where("revoked_at IS NULL"),
    )
    op.create_table(
        "audit_lines",
        sa.Column("chain", TEXT, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("thing", TEXT, nullable=False),
        sa.Column("customer_id", TEXT),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["chain"], ["audit_heads.chain"], name="fk_audit_lines_chain_audit_heads"
        ),
        sa.PrimaryKeyConstraint("chain", "seq", name="pk_audit_lines"),
    )
    op.create_index("ix_audit_lines_customer_id", "audit_lines", ["customer_id", "seq"])
    op.create_table(
        "cloud_access",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT),
        sa.Column("partner_id", TEXT),
        sa.Column("cloud_id", TEXT, nullable=False),
        sa.Column(
            "role",
            one_of(
                "resource-manager.clouds.owner",
                "admin",
                "editor",
                "viewer",
                "resource-manager.clouds.member",
                name="role",
            ),
            nullable=False,
        ),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("effective_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.Column("granted_by", TEXT, nullable=False),
        sa.CheckConstraint("(user_id IS NULL) <> (partner_id IS NULL)", name="one_holder"),
        sa.CheckConstraint("revoked_at IS NULL OR revoked_at >= granted_at", name="revoked_later"),
        sa.ForeignKeyConstraint(
            ["cloud_id"], ["clouds.id"], name="fk_cloud_access_cloud_id_clouds"
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["billing_accounts.id"],
            name="fk_cloud_access_partner_id_billing_accounts",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_cloud_access_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_cloud_access"),
    )
    op.create_index("ix_cloud_access_cloud_id", "cloud_access", ["cloud_id"])
    op.create_index(
        "uq_cloud_access_open_partner",
        "cloud_access",
        ["partner_id", "cloud_id", "role"],
        unique=True,
        **where("revoked_at IS NULL"),
    )
    op.create_index(
        "uq_cloud_access_open_user",
        "cloud_access",
        ["user_id", "cloud_id", "role"],
        unique=True,
        **where("revoked_at IS NULL"),
    )
    op.create_table(
        "customers",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("subaccount_id", TEXT, nullable=False),
        sa.Column("default_cloud_id", TEXT),
        sa.Column(
            "status",
            one_of(
                "SUBACCOUNT-ACCEPTANCE-REQUIRED", "Active", "Suspended", "Inactive", name="status"
            ),
            nullable=False,
        ),
        sa.Column("invitation_email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("longname", TEXT, nullable=False),
        sa.Column("country", TEXT, nullable=False),
        sa.Column("tin", TEXT, nullable=False),
        sa.Column("phone", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("legal_address", TEXT, nullable=False),
        sa.Column("post_address", TEXT, nullable=False),
        sa.Column("post_code", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("manager_id", TEXT),
        sa.Column("search_key", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["default_cloud_id"], ["clouds.id"], name="fk_customers_default_cloud_id_clouds"
        ),
        sa.ForeignKeyConstraint(["manager_id"], ["users.id"], name="fk_customers_manager_id_users"),
        sa.ForeignKeyConstraint(
            ["subaccount_id", "partner_id"],
            ["billing_accounts.id", "billing_accounts.parent_id"],
            name="fk_customers_subaccount_id_partner_id_billing_accounts",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("default_cloud_id", name="uq_customers_default_cloud_id"),
        sa.UniqueConstraint("subaccount_id", name="uq_customers_subaccount_id"),
    )
    op.create_index("ix_customers_by_status", "customers", ["partner_id", "status", "id"])
    op.create_index("ix_customers_by_tin", "customers", ["partner_id", "tin"])
    op.create_index("ix_customers_newest", "customers", ["partner_id", "id"])
    op.create_index(
        "uq_customers_live_email",
        "customers",
        ["partner_id", "email_key"],
        unique=True,
        **where("status <> 'Inactive'"),
    )
    op.create_index(
        "uq_customers_live_reference",
        "customers",
        ["partner_id", "reference"],
        unique=True,
        **where("status <> 'Inactive' AND reference <> ''"),
    )
    op.create_table(
        "folders",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("cloud_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["cloud_id"], ["clouds.id"], name="fk_folders_cloud_id_clouds"),
        sa.PrimaryKeyConstraint("id", name="pk_folders"),
        sa.UniqueConstraint("cloud_id", "name", name="uq_folders_cloud_id_name"),
    )
    op.create_index(
        "uq_folders_default", "folders", ["cloud_id"], unique=True, **where("is_default")
    )
    op.create_table(
        "form_keys",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_form_keys_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_form_keys"),
    )
    op.create_index("ix_form_keys_created_at", "form_keys", ["created_at"])
    op.create_table(
        "initial_grants",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("remaining", MONEY, nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.CheckConstraint("expires_at > granted_at", name="expires_later"),
        sa.CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["billing_accounts.id"],
            name="fk_initial_grants_account_id_billing_accounts",
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_initial_grants"),
    )
    op.create_table(
        "invitations",
        sa.Column("subaccount_id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("answer", one_of("confirmed", "declined", "withdrawn", name="answer")),
        sa.Column("answered_at", INSTANT),
        sa.Column("answered_by", TEXT),
        sa.CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
        sa.CheckConstraint("answer IS NULL OR answered_by IS NOT NULL", name="answered_by"),
        sa.ForeignKeyConstraint(
            ["subaccount_id", "partner_id"],
            ["billing_accounts.id", "billing_accounts.parent_id"],
            name="fk_invitations_subaccount_id_partner_id_billing_accounts",
        ),
        sa.PrimaryKeyConstraint("subaccount_id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_email_key", "invitations", ["email_key"])
    op.create_index("ix_invitations_partner_id", "invitations", ["partner_id"])
    op.create_table(
        "kept_forms",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_kept_forms_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_kept_forms"),
    )
    op.create_index("ix_kept_forms_created_at", "kept_forms", ["created_at"])
    op.create_index("ix_kept_forms_user_id", "kept_forms", ["user_id"])
    op.create_table(
        "links",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("cloud_id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("since_at", INSTANT, nullable=False),
        sa.Column("until_at", INSTANT),
        sa.Column("continues_at", INSTANT),
        sa.Column("linked_by", TEXT, nullable=False),
        sa.CheckConstraint("continues_at IS NULL OR continues_at = since_at", name="continues"),
        sa.CheckConstraint("until_at IS NULL OR until_at > since_at", name="until_later"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["billing_accounts.id"], name="fk_links_account_id_billing_accounts"
        ),
        sa.ForeignKeyConstraint(
            ["cloud_id", "continues_at"],
            ["links.cloud_id", "links.until_at"],
            name="fk_links_cloud_id_continues_at_links",
        ),
        sa.ForeignKeyConstraint(["cloud_id"], ["clouds.id"], name="fk_links_cloud_id_clouds"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("cloud_id", "since_at", name="uq_links_cloud_id_since_at"),
        sa.UniqueConstraint("cloud_id", "until_at", name="uq_links_cloud_id_until_at"),
    )
    op.create_index("ix_links_account_id", "links", ["account_id", "cloud_id"])
    op.create_index(
        "uq_links_first", "links", ["cloud_id"], unique=True, **where("continues_at IS NULL")
    )
    op.create_index(
        "uq_links_open", "links", ["cloud_id"], unique=True, **where("until_at IS NULL")
    )
    op.create_table(
        "sessions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("user_agent", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def downgrade() -> None:
    for table in (
        "sessions",
        "links",
        "kept_forms",
        "invitations",
        "initial_grants",
        "form_keys",
        "folders",
        "customers",
        "cloud_access",
        "audit_lines",
        "account_access",
        "users",
        "sign_ups",
        "outbox",
        "clouds",
        "billing_accounts",
        "audit_heads",
        "allowed_emails",
    ):
        op.drop_table(table)
