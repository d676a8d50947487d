"""Notices, and which of them people do not want."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT, INSTANT = sa.String(), sa.DateTime(timezone=True)
KINDS = (
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


def one_of(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=48)


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("kind", one_of(*KINDS, name="kind"), nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("read_at", INSTANT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notices_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_newest", "notices", ["user_id", "id"])
    op.create_index("ix_notices_about", "notices", ["about"])
    unread = sa.text("read_at IS NULL")
    op.create_index(
        "ix_notices_unread",
        "notices",
        ["user_id"],
        sqlite_where=unread,
        postgresql_where=unread,
    )
    op.create_table(
        "muted_notices",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("kind", one_of(*KINDS, name="kind"), nullable=False),
        sa.Column("channel", one_of("app", "mail", name="channel"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_muted_notices_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", "kind", "channel", name="pk_muted_notices"),
    )


def downgrade() -> None:
    op.drop_table("muted_notices")
    op.drop_table("notices")
