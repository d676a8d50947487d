"""Notices of lots: when people were notified, and their kinds; purged rows; invoices of vendors."""

import re
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
COLUMNS = ("nearly_used_notified_at", "used_up_notified_at", "expiry_notified_at")
KINDS = ("lot.used", "lot.expires")
TABLES = ("notices", "muted_notices")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("lots", sa.Column(name, INSTANT))
    op.add_column("deliveries", sa.Column("rows_purged_at", INSTANT))
    op.create_table(
        "usage_invoices",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("month_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "month_on", name="pk_usage_invoices"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["usage_sources.id"], name="fk_usage_invoices_source_id_usage_sources"
        ),
    )
    _mark_used_lots()
    for table in TABLES:
        allow(table, lambda kinds: [*kinds, *KINDS])


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind IN {KINDS}")
        allow(table, lambda kinds: [kind for kind in kinds if kind not in KINDS])
    op.drop_table("usage_invoices")
    op.drop_column("deliveries", "rows_purged_at")
    for name in COLUMNS:
        op.drop_column("lots", name)


def _mark_used_lots() -> None:
    """What was used before is no news."""
    amounts = (sa.column(name, sa.BigInteger()) for name in ("amount", "used"))
    lots = sa.table("lots", *amounts, *(sa.column(name, INSTANT) for name in COLUMNS))
    now = datetime.now(UTC)
    nearly, used_up = lots.c.used * 5 >= lots.c.amount * 4, lots.c.used == lots.c.amount
    op.execute(lots.update().where(nearly).values(nearly_used_notified_at=now))
    op.execute(lots.update().where(used_up).values(used_up_notified_at=now))


def allow(table, change):
    """Change the kinds that the table allows."""
    if op.get_bind().dialect.name == "sqlite":
        rebuild(table, change)
        return
    name = op.f(f"ck_{table}_kind")
    query = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    kinds = re.findall(r"'([^']+)'", op.get_bind().scalar(query, {"name": name}))
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"kind IN ({quoted(change(kinds))})")


def quoted(kinds):
    return ", ".join(f"'{kind}'" for kind in kinds)


def rebuild(table, change):
    """Alembic's batch mode would move the conditions of single columns to the table, and an earlier
    migration could not drop these columns."""
    query = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    create_table, *create_indexes = op.get_bind().scalars(query, {"table": table}).all()
    before = re.search(r"CHECK \(kind IN \(([^)]*)\)\)", create_table)[1]
    after = quoted(change(re.findall(r"'([^']+)'", before)))
    op.rename_table(table, f"old_{table}")
    op.execute(create_table.replace(f"CHECK (kind IN ({before}))", f"CHECK (kind IN ({after}))"))
    op.execute(f"INSERT INTO {table} SELECT * FROM old_{table}")
    op.drop_table(f"old_{table}")
    for create_index in create_indexes:
        op.execute(create_index)
