"""Linking: clouds are searched by name in any case; a user's confirmed invitations are found."""

import sqlalchemy as sa
from alembic import op

from portal.domain.values import search_key

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clouds", sa.Column("name_key", sa.String(), nullable=True))
    clouds = sa.table("clouds", sa.column("name"), sa.column("name_key"))
    connection = op.get_bind()
    for (name,) in connection.execute(sa.select(clouds.c.name).distinct()).all():
        same = sa.update(clouds).where(clouds.c.name == name)
        connection.execute(same.values(name_key=search_key(name)))
    with op.batch_alter_table("clouds") as batch:
        batch.alter_column("name_key", nullable=False)
    op.create_index("ix_invitations_answered_by", "invitations", ["answered_by"])


def downgrade() -> None:
    op.drop_index("ix_invitations_answered_by", "invitations")
    op.drop_column("clouds", "name_key")
