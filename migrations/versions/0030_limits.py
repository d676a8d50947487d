"""Limits of clouds; drift of roles that were taken away at a connection."""

from alembic import op

revision = "0030"
down_revision = "0027"
branch_labels = None
depends_on = None

OLD_KINDS = ("missing", "doubled", "renamed", "suspended", "resumed", "role")
KINDS = (*OLD_KINDS, "lost-role")


def upgrade() -> None:
    allow_drifts(KINDS)


def downgrade() -> None:
    op.execute("DELETE FROM drifts WHERE kind = 'lost-role'")
    allow_drifts(OLD_KINDS)


def allow_drifts(kinds: tuple[str, ...]) -> None:
    name, values = op.f("ck_drifts_kind"), ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("drifts") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({values})")
