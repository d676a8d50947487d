"""Profile: tries that are counted, and new addresses that have not answered their mail."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT, INSTANT = sa.String(), sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "email_changes",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("email_key", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_email_changes_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", name="pk_email_changes"),
    )
    op.create_index("ix_email_changes_created_at", "email_changes", ["created_at"])
    op.create_table(
        "tries",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("at", sa.JSON(), nullable=False),
        sa.Column("until_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_tries"),
    )
    op.create_index("ix_tries_until_at", "tries", ["until_at"])


def downgrade() -> None:
    op.drop_table("tries")
    op.drop_table("email_changes")
