"""Callbacks of webhook programs: the IDs of messages that were taken."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callbacks",
        sa.Column("connection_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "digest", name=op.f("pk_callbacks")),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_callbacks_connection_id_connections"),
        ),
    )
    for column in ("order_id", "received_at"):
        op.create_index(op.f(f"ix_callbacks_{column}"), "callbacks", [column])


def downgrade() -> None:
    op.drop_table("callbacks")
