"""Imports: files of customers and what becomes of their rows."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT, INSTANT, YES_NO = sa.String(), sa.DateTime(timezone=True), sa.Boolean()
STATES = "'checking', 'checked', 'importing', 'over'"
OUTCOMES = "'unchecked', 'new', 'added', 'known', 'refused'"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("partner_id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("state", sa.String(48), nullable=False),
        sa.Column("same_tin_is_meant", YES_NO, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("over_at", INSTANT),
        sa.CheckConstraint(f"state IN ({STATES})", name="state"),
        sa.CheckConstraint("(state = 'over') = (over_at IS NOT NULL)", name="over"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["billing_accounts.id"], name="fk_imports_partner_id_billing_accounts"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_imports_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_due", "imports", ["state", "due_at"])
    op.create_index("ix_imports_newest", "imports", ["partner_id", "id"])
    op.create_table(
        "import_rows",
        sa.Column("import_id", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(48), nullable=False),
        sa.Column("is_twin", YES_NO, nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("customer_id", TEXT),
        sa.CheckConstraint(f"outcome IN ({OUTCOMES})", name="outcome"),
        sa.CheckConstraint("outcome <> 'added' OR customer_id IS NOT NULL", name="added"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_import_rows_import_id_imports"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_import_rows_customer_id_customers"
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_import_rows"),
    )
    op.create_index("ix_import_rows_outcome", "import_rows", ["import_id", "outcome", "number"])


def downgrade() -> None:
    op.drop_table("import_rows")
    op.drop_table("imports")
