"""Budgets: amounts a month, what was told about them, and the kinds of their notices."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

KINDS = ("budget.reached", "limit.reached")
TABLES = ("notices", "muted_notices")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "budgets",
        *owner("budgets"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("stops_clouds", sa.Boolean(), nullable=False),
        sa.Column("suspends_at", sa.Integer()),
        sa.PrimaryKeyConstraint("account_id", "kind", name="pk_budgets"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["billing_accounts.id"], name="fk_budgets_account_id_billing_accounts"
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_budgets_amount")),
        sa.CheckConstraint(
            "kind = 'customer' OR NOT stops_clouds", name=op.f("ck_budgets_stops_clouds")
        ),
        sa.CheckConstraint(
            "suspends_at IS NULL OR (stops_clouds AND suspends_at BETWEEN 101 AND 500)",
            name=op.f("ck_budgets_suspends_at"),
        ),
    )
    op.create_table(
        "budget_months",
        *owner("budget_months"),
        sa.Column("month_on", sa.Date(), nullable=False),
        sa.Column("notified", sa.Integer(), nullable=False),
        sa.Column("is_forecast_notified", sa.Boolean(), nullable=False),
        sa.Column("is_stop_announced", sa.Boolean(), nullable=False),
        sa.Column("suspension_announced_at", INSTANT),
        sa.Column("suspended_at", INSTANT),
        sa.PrimaryKeyConstraint("account_id", "kind", "month_on", name="pk_budget_months"),
        sa.ForeignKeyConstraint(
            ["account_id", "kind"],
            ["budgets.account_id", "budgets.kind"],
            name="fk_budget_months_account_id_kind_budgets",
        ),
    )
    op.add_column("billing_accounts", sa.Column("clouds_stopped_on", sa.Date()))
    for table in TABLES:
        allow(table, lambda kinds: [*kinds, *KINDS])


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind IN {KINDS}")
        allow(table, lambda kinds: [kind for kind in kinds if kind not in KINDS])
    op.drop_column("billing_accounts", "clouds_stopped_on")
    op.drop_table("budget_months")
    op.drop_table("budgets")


def owner(table: str) -> tuple[sa.Column, sa.Column, sa.CheckConstraint]:
    return (
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.CheckConstraint("kind IN ('customer', 'own')", name=op.f(f"ck_{table}_kind")),
    )


def allow(table, change):
    """Change the kinds that the table allows."""
    if op.get_bind().dialect.name == "sqlite":
        rebuild(table, change)
        return
    name = op.f(f"ck_{table}_kind")
    query = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    kinds = re.findall(r"'([^']+)'", op.get_bind().scalar(query, {"name": name}))
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"kind IN ({quoted(change(kinds))})")


def quoted(kinds):
    return ", ".join(f"'{kind}'" for kind in kinds)


def rebuild(table, change):
    """Alembic's batch mode would move the conditions of single columns to the table, and an earlier
    migration could not drop these columns."""
    query = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    create_table, *create_indexes = op.get_bind().scalars(query, {"table": table}).all()
    before = re.search(r"CHECK \(kind IN \(([^)]*)\)\)", create_table)[1]
    after = quoted(change(re.findall(r"'([^']+)'", before)))
    op.rename_table(table, f"old_{table}")
    op.execute(create_table.replace(f"CHECK (kind IN ({before}))", f"CHECK (kind IN ({after}))"))
    op.execute(f"INSERT INTO {table} SELECT * FROM old_{table}")
    op.drop_table(f"old_{table}")
    for create_index in create_indexes:
        op.execute(create_index)
