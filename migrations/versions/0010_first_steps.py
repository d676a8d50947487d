"""First steps: who does not want to see them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hidden_first_steps",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_hidden_first_steps_user_id_users"
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["billing_accounts.id"],
            name="fk_hidden_first_steps_partner_id_billing_accounts",
        ),
        sa.PrimaryKeyConstraint("user_id", "partner_id", name="pk_hidden_first_steps"),
    )


def downgrade() -> None:
    op.drop_table("hidden_first_steps")
