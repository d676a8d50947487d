"""Alerts: what operators were told is unwell."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CAUSES = ("no-worker", "overdue", "no-answer", "slow-call", "doctor")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column(
            "cause",
            sa.Enum(*CAUSES, native_enum=False, create_constraint=True, length=48, name="cause"),
            nullable=False,
        ),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("mailed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("cause", "kind", name="pk_alerts"),
    )


def downgrade() -> None:
    op.drop_table("alerts")
