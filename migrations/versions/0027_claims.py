"""Claims to existing clouds; what connections have, and its drift."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TEXT, INSTANT = sa.String(), sa.DateTime(timezone=True)
CLAIM_STATES = "'waiting', 'verified', 'refused', 'withdrawn'"
DRIFT_KINDS = "'missing', 'doubled', 'renamed', 'suspended', 'resumed', 'role'"


def _columns(kind: Any, *names: str, nullable: bool = True) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names]


def _references(table: str, **tables: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")
        for column, to in tables.items()
    ]


def upgrade() -> None:
    _create_claims()
    op.create_table(
        "found_clouds",
        *_columns(TEXT, "connection_id", "run", "external_id", "name", "our_id", nullable=False),
        sa.Column("is_suspended", sa.Boolean(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("connection_id", "run", "external_id", name="pk_found_clouds"),
        *_references("found_clouds", connection_id="connections"),
    )
    op.create_index("ix_found_clouds_our_id", "found_clouds", ["our_id"])
    op.create_table(
        "reconciliations",
        *_columns(TEXT, "connection_id", nullable=False),
        *_columns(TEXT, "run", "fault"),
        *_columns(INSTANT, "ended_at", "failed_at"),
        sa.Column("fault_facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_reconciliations"),
        *_references("reconciliations", connection_id="connections"),
    )
    op.create_table(
        "drifts",
        *_columns(
            TEXT, "id", "connection_id", "cloud_id", "kind", "external_id", "theirs", nullable=False
        ),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.Column("accepted_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drifts"),
        *_references("drifts", connection_id="connections", cloud_id="clouds"),
        sa.UniqueConstraint(
            *("cloud_id", "kind", "external_id", "theirs"),
            name="uq_drifts_cloud_id_kind_external_id_theirs",
        ),
        sa.CheckConstraint(f"kind IN ({DRIFT_KINDS})", name=op.f("ck_drifts_kind")),
        sa.CheckConstraint(
            "accepted_at IS NULL OR kind = 'role'", name=op.f("ck_drifts_accepted_role")
        ),
    )
    op.create_index("ix_drifts_connection_id", "drifts", ["connection_id", "id"])


def _create_claims() -> None:
    keys = ("id", "user_id", "account_id", "connection_id", "external_id", "name", "state")
    op.create_table(
        "claims",
        *_columns(TEXT, *keys, nullable=False),
        *_columns(INSTANT, "created_at", "expires_at", nullable=False),
        *_columns(INSTANT, "asked_at", "checked_at"),
        *_columns(TEXT, "reason", "cloud_id"),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
        *_references(
            "claims",
            user_id="users",
            account_id="billing_accounts",
            connection_id="connections",
            cloud_id="clouds",
        ),
        sa.CheckConstraint(f"state IN ({CLAIM_STATES})", name=op.f("ck_claims_state")),
        sa.CheckConstraint(
            "(state = 'verified') = (cloud_id IS NOT NULL)",
            name=op.f("ck_claims_verified_cloud"),
        ),
    )
    is_waiting: dict[str, Any] = {
        f"{dialect}_where": sa.text("state = 'waiting'") for dialect in ("sqlite", "postgresql")
    }
    columns = ["user_id", "connection_id", "external_id"]
    op.create_index("uq_claims_waiting", "claims", columns, unique=True, **is_waiting)
    op.create_index("ix_claims_expires_at", "claims", ["expires_at"])
    op.create_index("ix_claims_user_id", "claims", ["user_id", "created_at"])


def downgrade() -> None:
    for name in ("drifts", "reconciliations", "found_clouds", "claims"):
        op.drop_table(name)
