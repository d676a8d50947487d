"""Revokes that stop all instances of the cloud; audit lines of a cloud are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("stops", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("memberships", column)
    is_of_none = sa.text("customer_id IS NULL")
    op.create_index(
        "ix_audit_lines_thing",
        "audit_lines",
        ["chain", "thing"],
        sqlite_where=is_of_none,
        postgresql_where=is_of_none,
    )


def downgrade() -> None:
    op.drop_index("ix_audit_lines_thing", "audit_lines")
    op.drop_column("memberships", "stops")
