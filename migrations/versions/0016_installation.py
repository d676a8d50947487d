"""The installation: the epoch with which links in mails are signed."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("link_epoch", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
        sa.CheckConstraint("id = 1", name="only"),
    )
    # Links that were signed before this version stay valid.
    op.bulk_insert(table, [{"id": 1, "link_epoch": ""}])


def downgrade() -> None:
    op.drop_table("installation")
