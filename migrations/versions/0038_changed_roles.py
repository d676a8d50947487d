"""Drift of roles that were changed at a connection."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

OLD_KINDS = ("missing", "doubled", "renamed", "suspended", "resumed", "role", "lost-role")
UNIQUE = ["cloud_id", "kind", "external_id", "theirs"]
OLD_NAME = "uq_drifts_cloud_id_kind_external_id_theirs"
NEW = "changed-role"


def upgrade() -> None:
    with op.batch_alter_table("drifts") as batch:
        batch.add_column(sa.Column("role", sa.String(), nullable=False, server_default=""))
        batch.drop_constraint(OLD_NAME, type_="unique")
        batch.create_unique_constraint(f"{OLD_NAME}_role", [*UNIQUE, "role"])
    with op.batch_alter_table("drifts") as batch:
        batch.alter_column("role", existing_type=sa.String(), server_default=None)
    allow(kinds=(*OLD_KINDS, NEW), accepted=("role", NEW))


def downgrade() -> None:
    op.execute(f"DELETE FROM drifts WHERE kind = '{NEW}'")
    allow(kinds=OLD_KINDS, accepted=("role",))
    with op.batch_alter_table("drifts") as batch:
        batch.drop_constraint(f"{OLD_NAME}_role", type_="unique")
        batch.drop_column("role")
        batch.create_unique_constraint(OLD_NAME, UNIQUE)


def allow(*, kinds: tuple[str, ...], accepted: tuple[str, ...]) -> None:
    conditions = {
        "ck_drifts_kind": f"kind IN {_listed(kinds)}",
        "ck_drifts_accepted_role": f"accepted_at IS NULL OR kind IN {_listed(accepted)}",
    }
    with op.batch_alter_table("drifts") as batch:
        for name, condition in conditions.items():
            batch.drop_constraint(op.f(name), type_="check")
            batch.create_check_constraint(op.f(name), condition)


def _listed(kinds: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{kind}'" for kind in kinds) + ")"
