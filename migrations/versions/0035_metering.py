"""Connections deliver usage: fetches, samples, rates; an alert when one is silent."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

TEXT, INSTANT = sa.String(), sa.DateTime(timezone=True)
CAUSES = ("no-worker", "overdue", "no-answer", "slow-call", "doctor", "needs-person")
NO_USAGE = "no-usage"


def _create_alerts(*causes: str) -> None:
    """Create the table again, with the rows of these causes."""
    names = ("cause", "kind", "began_at", "ended_at", "mailed_at")
    rows = op.get_bind().execute(sa.text("SELECT * FROM alerts")).mappings().all()
    op.drop_table("alerts")
    one_of = sa.Enum(*causes, native_enum=False, create_constraint=True, length=48, name="cause")
    table = op.create_table(
        "alerts",
        sa.Column("cause", one_of, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("mailed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("cause", "kind", name="pk_alerts"),
    )
    untyped = sa.table(table.name, *map(sa.column, names))  # as they are stored
    op.bulk_insert(untyped, [dict(row) for row in rows if row["cause"] in causes])


def _create(name: str, *columns: sa.Column[Any], key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("connection_id", TEXT, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("connection_id", *key, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=f"fk_{name}_connection_id_connections"
        ),
    )


def upgrade() -> None:
    _create(
        "usage_fetches",
        sa.Column("since_at", INSTANT, nullable=False),
        sa.Column("failed_at", INSTANT),
        sa.Column("fault", TEXT),
        sa.Column("fault_facts", sa.JSON(), nullable=False),
        key=(),
    )
    _create(
        "usage_samples",
        sa.Column("hour_at", INSTANT, nullable=False),
        sa.Column("quantities", sa.JSON(), nullable=False),
        key=("hour_at",),
    )
    _create(
        "usage_rates",
        sa.Column("since_on", sa.Date(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("cpu", "memory", "disk")),
        key=("since_on",),
    )
    _create_alerts(*CAUSES, NO_USAGE)


def downgrade() -> None:
    _create_alerts(*CAUSES)
    for name in ("usage_rates", "usage_samples", "usage_fetches"):
        op.drop_table(name)
