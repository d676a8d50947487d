"""Blocked users: since when, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

REASONS = ("stolen", "misuse", "left", "other")


def upgrade() -> None:
    is_known = sa.CheckConstraint(f"block_reason IN {REASONS}", name=op.f("ck_users_block_reason"))
    is_whole = sa.CheckConstraint(
        "(blocked_at IS NULL) = (block_reason IS NULL)", name=op.f("ck_users_block")
    )
    # One condition a column: SQLite would write two in any order.
    op.add_column("users", sa.Column("block_reason", sa.String(48), is_known))
    op.add_column("users", sa.Column("blocked_at", sa.DateTime(timezone=True), is_whole))


def downgrade() -> None:
    """Blocked users stay stopped, as disabled ones: the older version would let them sign in."""
    stopped = "UPDATE users SET disabled_at = blocked_at"
    op.execute(f"{stopped} WHERE blocked_at IS NOT NULL AND disabled_at IS NULL")
    op.drop_column("users", "blocked_at")
    op.drop_column("users", "block_reason")
