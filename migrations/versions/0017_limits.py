"""Misses of look-ups by address; recent mails of notifications, each of which may hold several."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TEXT = sa.String()
INSTANT = sa.DateTime(timezone=True)
FINAL = ("sent", "arrived")

deliveries = sa.table(
    "mail_deliveries",
    *(sa.column(name, TEXT) for name in ("id", "kind", "about", "state")),
    sa.column("facts", sa.JSON()),
)


def upgrade() -> None:
    op.create_table(
        "address_misses",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("missed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_address_misses_user_id_users"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["billing_accounts.id"],
            name="fk_address_misses_account_id_billing_accounts",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_address_misses"),
    )
    op.create_index("ix_address_misses_user_id", "address_misses", ["user_id", "missed_at"])
    op.create_index("ix_address_misses_account_id", "address_misses", ["account_id", "missed_at"])
    op.create_index("ix_address_misses_missed_at", "address_misses", ["missed_at"])
    op.create_table(
        "recent_notice_mails",
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("mails", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_recent_notice_mails_user_id_users"
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_recent_notice_mails"),
    )
    for delivery, about, facts in unsent():
        if "target" in facts:
            entry = {"about": about, "target": facts["target"], "facts": facts["facts"]}
            values = {"facts": {"notice": facts["notice"], "entries": [entry], "more": 0}}
            op.execute(deliveries.update().where(deliveries.c.id == delivery).values(values))


def downgrade() -> None:
    """A mail of several notifications keeps the first."""
    for delivery, _about, facts in unsent():
        if "entries" in facts:
            first = facts["entries"][0]
            values = {"about": first.pop("about"), "facts": {"notice": facts["notice"], **first}}
            op.execute(deliveries.update().where(deliveries.c.id == delivery).values(values))
    op.drop_table("recent_notice_mails")
    op.drop_table("address_misses")


def unsent() -> list[Any]:
    """ID, about and facts of the mails of notifications that may still be sent."""
    query = sa.select(deliveries.c.id, deliveries.c.about, deliveries.c.facts)
    query = query.where(deliveries.c.kind == "notice", deliveries.c.state.not_in(FINAL))
    return list(op.get_bind().execute(query))
