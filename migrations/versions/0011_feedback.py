"""Feedback: whether a page of the guide helped."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.String()
REASONS = ("no-answer", "no-use", "other-title", "other")


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("page", TEXT, nullable=False),
        sa.Column("voice", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column(
            "reason",
            sa.Enum(*REASONS, native_enum=False, create_constraint=True, length=48, name="reason"),
        ),
        sa.Column("comment", TEXT, nullable=False),
        sa.Column("user_id", TEXT),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason IS NOT NULL OR comment = ''", name=op.f("ck_feedback_comment_says_why")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_feedback_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("page", "voice", name="uq_feedback_page_voice"),
    )


def downgrade() -> None:
    op.drop_table("feedback")
