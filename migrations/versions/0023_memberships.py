"""Memberships: people's access on the clouds of connections."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TEXT, INSTANT = sa.String(), sa.DateTime(timezone=True)
ROLES = (
    "'resource-manager.clouds.owner', 'admin', 'editor', 'viewer', 'resource-manager.clouds.member'"
)


def _columns(kind: Any, *names: str, nullable: bool = True) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names]


def upgrade() -> None:
    op.create_table(
        "memberships",
        *_columns(TEXT, "id", "cloud_id", "user_id", nullable=False),
        *_columns(INSTANT, "created_at", "settled_at", nullable=False),
        *_columns(TEXT, "identity_provider", "identity_subject", "ordered_role", "role", "fault"),
        *_columns(INSTANT, "granted_at", "revoking_at", "revoked_at", "ends_by"),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
        sa.ForeignKeyConstraint(["cloud_id"], ["clouds.id"], name="fk_memberships_cloud_id_clouds"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id_users"),
        sa.CheckConstraint(
            "revoked_at IS NULL OR revoking_at IS NOT NULL",
            name=op.f("ck_memberships_revoked_as_agreed"),
        ),
        *(
            sa.CheckConstraint(f"{name} IN ({ROLES})", name=op.f(f"ck_memberships_{name}"))
            for name in ("ordered_role", "role")
        ),
    )
    is_open: dict[str, Any] = {
        f"{dialect}_where": sa.text("revoking_at IS NULL") for dialect in ("sqlite", "postgresql")
    }
    columns = ["cloud_id", "user_id"]
    op.create_index("uq_memberships_open", "memberships", columns, unique=True, **is_open)
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])

    op.create_table(
        "accesses",
        *_columns(TEXT, "id", "membership_id", "name", nullable=False),
        *_columns(INSTANT, "created_at", "until", nullable=False),
        *_columns(TEXT, "how", "link", "fault"),
        *_columns(INSTANT, "made_at", "shown_at", "ending_at", "ended_at"),
        sa.PrimaryKeyConstraint("id", name="pk_accesses"),
        sa.ForeignKeyConstraint(
            ["membership_id"], ["memberships.id"], name="fk_accesses_membership_id_memberships"
        ),
        sa.CheckConstraint(
            "ended_at IS NULL OR ending_at IS NOT NULL", name=op.f("ck_accesses_ended_as_agreed")
        ),
    )
    op.create_index("ix_accesses_membership_id", "accesses", ["membership_id"])

    op.create_table(
        "access_secrets",
        *_columns(TEXT, "access_id", "sealed", nullable=False),
        sa.PrimaryKeyConstraint("access_id", name="pk_access_secrets"),
        sa.ForeignKeyConstraint(
            ["access_id"], ["accesses.id"], name="fk_access_secrets_access_id_accesses"
        ),
    )
    op.create_table(
        "cloud_identities",
        *_columns(TEXT, "user_id", "connection_id", "provider", "subject", nullable=False),
        sa.PrimaryKeyConstraint("user_id", "connection_id", name="pk_cloud_identities"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_cloud_identities_user_id_users"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name="fk_cloud_identities_connection_id_connections",
        ),
        sa.UniqueConstraint(
            "connection_id",
            "provider",
            "subject",
            name="uq_cloud_identities_connection_id_provider_subject",
        ),
    )


def downgrade() -> None:
    for name in ("cloud_identities", "access_secrets", "accesses", "memberships"):
        op.drop_table(name)
