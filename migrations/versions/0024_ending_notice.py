"""The day on which a partnership ends after notice; the kinds of notifications about it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

OLD_KINDS = (
    "customer.confirmed",
    "customer.declined",
    "mail.refused",
    "mail.parked",
    "cloud.linked",
    "cloud.left",
    "partnership.ended",
    "account.suspended",
    "account.resumed",
    "cloud.moved",
    "access.given",
    "access.taken",
    "owner.added",
)
NEW_KINDS = ("partnership.notice_given", "partnership.notice_withdrawn", "account.pays")
TABLES = ("notices", "muted_notices")


def upgrade() -> None:
    is_possible = sa.CheckConstraint(
        "ends_on IS NULL OR (confirmed_at IS NOT NULL AND closed_at IS NULL)",
        name=op.f("ck_billing_accounts_ends_on"),
    )
    op.add_column("billing_accounts", sa.Column("ends_on", sa.Date(), is_possible))
    for table in TABLES:
        allow(table, (*OLD_KINDS, *NEW_KINDS), before=OLD_KINDS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind IN {NEW_KINDS}")
        allow(table, OLD_KINDS, before=(*OLD_KINDS, *NEW_KINDS))
    op.drop_column("billing_accounts", "ends_on")


def allow(table: str, kinds: tuple[str, ...], *, before: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        rebuild(table, quoted(before), quoted(kinds))
        return
    name = f"ck_{table}_kind"
    op.drop_constraint(op.f(name), table)
    op.create_check_constraint(op.f(name), table, f"kind IN ({quoted(kinds)})")


def quoted(kinds: tuple[str, ...]) -> str:
    return ", ".join(f"'{kind}'" for kind in kinds)


def rebuild(table: str, old: str, new: str) -> None:
    """Replace a part of the table's definition. Alembic's batch mode would move the conditions of
    single columns to the table, and an earlier migration could not drop these columns."""
    query = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    create_table, *create_indexes = op.get_bind().scalars(query, {"table": table}).all()
    op.rename_table(table, f"old_{table}")
    op.execute(create_table.replace(old, new))
    op.execute(f"INSERT INTO {table} SELECT * FROM old_{table}")
    op.drop_table(f"old_{table}")
    for create_index in create_indexes:
        op.execute(create_index)
