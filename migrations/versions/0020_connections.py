"""Connections; each cloud is on one, the existing ones on the portal itself."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TEXT, INSTANT, JSON = sa.String(), sa.DateTime(timezone=True), sa.JSON()
BUILTIN_ID = "conbuiltin0000000000"


def upgrade() -> None:
    connections = op.create_table(
        "connections",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "kind", "name", "name_key")),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("credentials", TEXT),
        sa.Column("created_at", INSTANT, nullable=False),
        *(sa.Column(name, INSTANT) for name in ("closed_at", "tested_at")),
        sa.Column("test_result", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
        sa.UniqueConstraint("name_key", name="uq_connections_name_key"),
        sa.CheckConstraint(
            "NOT is_default OR closed_at IS NULL", name=op.f("ck_connections_default_open")
        ),
    )
    is_default = sa.text("is_default")
    op.create_index(
        "uq_connections_default",
        "connections",
        ["is_default"],
        unique=True,
        sqlite_where=is_default,
        postgresql_where=is_default,
    )
    builtin = {"id": BUILTIN_ID, "kind": "builtin", "name": "Portal", "name_key": "portal"}
    builtin |= {"is_default": True, "settings": {}, "test_result": {}}
    op.execute(connections.insert().values(**builtin, created_at=sa.func.current_timestamp()))

    op.add_column("clouds", sa.Column("connection_id", TEXT))
    op.add_column("clouds", sa.Column("external_id", TEXT))
    op.add_column("clouds", sa.Column("carried_out_at", INSTANT))
    op.execute(f"UPDATE clouds SET connection_id = '{BUILTIN_ID}', carried_out_at = created_at")
    with op.batch_alter_table("clouds") as batch:
        batch.alter_column("connection_id", nullable=False)
        batch.create_foreign_key(
            "fk_clouds_connection_id_connections", "connections", ["connection_id"], ["id"]
        )
        batch.create_unique_constraint(
            "uq_clouds_connection_id_external_id", ["connection_id", "external_id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("clouds") as batch:
        batch.drop_constraint("uq_clouds_connection_id_external_id", type_="unique")
        batch.drop_constraint("fk_clouds_connection_id_connections", type_="foreignkey")
        for name in ("carried_out_at", "external_id", "connection_id"):
            batch.drop_column(name)
    op.drop_table("connections")
