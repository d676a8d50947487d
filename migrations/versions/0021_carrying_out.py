"""Clouds: what is carried out at their connection."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TEXT = sa.String()
COLUMNS = (
    ("carried_out_name", TEXT),
    ("is_suspended_there", sa.Boolean()),
    ("changed_there_at", sa.DateTime(timezone=True)),
    ("fault", TEXT),
    ("fault_mark", TEXT),
)


def upgrade() -> None:
    for name, of in COLUMNS:
        op.add_column("clouds", sa.Column(name, of))
    op.execute("UPDATE clouds SET is_suspended_there = FALSE")
    with op.batch_alter_table("clouds") as batch:
        batch.alter_column("is_suspended_there", nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("clouds") as batch:
        for name, _of in reversed(COLUMNS):
            batch.drop_column(name)
