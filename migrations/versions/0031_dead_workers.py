"""Jobs know their worker, heartbeats their machine; alerts of orders that wait for a person."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TEXT, INSTANT = sa.String(), sa.DateTime(timezone=True)
CAUSES = ("no-worker", "overdue", "no-answer", "slow-call", "doctor")
NEEDS_PERSON = "needs-person"


def _one_of(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=48, name=name)


def _create_heartbeats(columns: list[sa.Column[Any]], *key: str) -> None:
    op.drop_table("heartbeats")  # each process writes its row again within ten seconds
    op.create_table(
        "heartbeats",
        *columns,
        sa.Column("host", TEXT, nullable=False),
        sa.Column("process", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", _one_of("web", "worker", name="kind"), nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_heartbeats"),
    )


def _create_alerts(*causes: str) -> None:
    """Create the table again, with the rows of these causes."""
    names = ("cause", "kind", "began_at", "ended_at", "mailed_at")
    rows = op.get_bind().execute(sa.text("SELECT * FROM alerts")).mappings().all()
    op.drop_table("alerts")
    table = op.create_table(
        "alerts",
        sa.Column("cause", _one_of(*causes, name="cause"), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("mailed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("cause", "kind", name="pk_alerts"),
    )
    untyped = sa.table(table.name, *map(sa.column, names))  # as they are stored
    op.bulk_insert(untyped, [dict(row) for row in rows if row["cause"] in causes])


def upgrade() -> None:
    op.add_column("jobs", sa.Column("worker", TEXT))
    columns = [sa.Column(name, TEXT, nullable=False) for name in ("id", "machine")]
    _create_heartbeats(columns, "id")
    _create_alerts(*CAUSES, NEEDS_PERSON)


def downgrade() -> None:
    _create_alerts(*CAUSES)
    _create_heartbeats([], "host", "process", "kind")
    op.drop_column("jobs", "worker")
