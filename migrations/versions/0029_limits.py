"""Limits of clouds, and whether they are empty; drift of roles taken away at a connection."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

OLD_KINDS = ("missing", "doubled", "renamed", "suspended", "resumed", "role")
COLUMNS = (
    ("clouds", "limits", False),
    ("clouds", "asked_limits", True),
    ("clouds", "carried_out_limits", True),
    ("connections", "default_limits", False),
)
KINDS = (*OLD_KINDS, "lost-role")


def upgrade() -> None:
    for table, name, is_nullable in COLUMNS:
        op.add_column(table, sa.Column(name, sa.String()))
        if name != "asked_limits":
            op.execute(f"UPDATE {table} SET {name} = '{{}}'")
        if not is_nullable:
            with op.batch_alter_table(table) as batch:
                batch.alter_column(name, existing_type=sa.String(), nullable=False)
    op.add_column("clouds", sa.Column("emptiness_at", sa.DateTime(timezone=True)))
    op.add_column("clouds", sa.Column("is_empty_there", sa.Boolean()))
    allow_drifts(KINDS)


def downgrade() -> None:
    with op.batch_alter_table("clouds") as batch:
        batch.drop_column("is_empty_there")
        batch.drop_column("emptiness_at")
    for table, name, _is_nullable in reversed(COLUMNS):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)
    op.execute("DELETE FROM drifts WHERE kind = 'lost-role'")
    allow_drifts(OLD_KINDS)


def allow_drifts(kinds: tuple[str, ...]) -> None:
    name, values = op.f("ck_drifts_kind"), ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("drifts") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({values})")
