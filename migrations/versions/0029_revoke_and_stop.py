"""Revokes that stop all instances of the cloud."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("stops", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("memberships", column)


def downgrade() -> None:
    op.drop_column("memberships", "stops")
