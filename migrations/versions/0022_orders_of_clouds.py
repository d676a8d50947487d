"""Clouds: what is asked of their connection, and how they are closed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
COLUMNS = (
    ("agreed_at", INSTANT),
    ("asked_at", INSTANT),
    ("asked_name", sa.String()),
    ("ends_by", INSTANT),
    ("left_running", sa.JSON()),
    ("fault_facts", sa.JSON()),
    ("closes_at", INSTANT),
    ("closed_there_at", INSTANT),
    ("emptied_at", INSTANT),
)


def upgrade() -> None:
    for name, of in COLUMNS:
        op.add_column("clouds", sa.Column(name, of))
    op.execute("UPDATE clouds SET left_running = '[]', fault_facts = '{}'")
    with op.batch_alter_table("clouds") as batch:
        batch.alter_column("left_running", nullable=False)
        batch.alter_column("fault_facts", nullable=False)
        batch.alter_column("is_suspended_there", existing_type=sa.Boolean(), nullable=True)
    op.create_index("ix_clouds_closes_at", "clouds", ["closes_at"])


def downgrade() -> None:
    op.drop_index("ix_clouds_closes_at", "clouds")
    op.execute("UPDATE clouds SET is_suspended_there = FALSE WHERE is_suspended_there IS NULL")
    with op.batch_alter_table("clouds") as batch:
        batch.alter_column("is_suspended_there", existing_type=sa.Boolean(), nullable=False)
        for name, _of in reversed(COLUMNS):
            batch.drop_column(name)
