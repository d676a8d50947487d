"""Usage: sources, deliveries with their pieces and sums, keys of clouds."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TEXT, INSTANT, DAY, JSON = sa.String(), sa.DateTime(timezone=True), sa.Date(), sa.JSON()
NUMBER, BIG, BYTES = sa.Integer(), sa.BigInteger(), sa.LargeBinary()
MODES = ("overwrite", "append")
STATES = ("uploading", "uploaded", "staging", "staged", "published", "removed", "refused")
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
TABLES = (
    "usage_groups",
    "delivery_keys",
    "usage_keys",
    "delivery_scopes",
    "delivery_parts",
    "delivery_uploads",
    "delivery_files",
    "deliveries",
    "usage_sources",
)


def enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=48, name=name)


def col(name: str, of: Any, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=null, **options)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")


def where(condition: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}


SUMS = ("rows", "micros", "rest")


def upgrade() -> None:
    op.add_column("installation", sa.Column("currency", TEXT))
    op.add_column("installation", sa.Column("billing_time_zone", TEXT))
    _create_deliveries()
    _create_rows()
    _create_sums()


def _create_deliveries() -> None:
    op.create_table(
        "usage_sources",
        *(col(name, TEXT) for name in ("id", "name", "name_key")),
        col("connection_id", TEXT, null=True),
        col("mode", enum("mode", *MODES), null=True),
        col("key_column", TEXT, null=True),
        col("assignments", NUMBER),
        col("created_at", INSTANT),
        key("usage_sources", "id"),
        refers("usage_sources", "connection_id", "connections"),
        sa.UniqueConstraint("name_key", name="uq_usage_sources_name_key"),
        sa.UniqueConstraint("connection_id", name="uq_usage_sources_connection_id"),
    )
    op.create_table(
        "deliveries",
        *(col(name, TEXT) for name in ("id", "source_id")),
        col("mode", enum("mode", *MODES)),
        col("state", enum("state", *STATES)),
        *(col(name, TEXT) for name in ("sha256", "created_by")),
        col("created_at", INSTANT),
        *(col(name, INSTANT, null=True) for name in ("published_at", "removed_at")),
        col("token", TEXT, null=True),
        col("leased_until", INSTANT, null=True),
        *(col(name, BIG) for name in (*SUMS, "bad_rows")),
        *(col(name, TEXT) for name in ("currency", "time_zone", "rounded")),
        col("refusal", JSON),
        col("bad_listed", JSON),
        key("deliveries", "id"),
        refers("deliveries", "source_id", "usage_sources"),
        sa.CheckConstraint(
            "(state IN ('published', 'removed')) = (published_at IS NOT NULL)", name="published"
        ),
        sa.CheckConstraint("(state = 'removed') = (removed_at IS NOT NULL)", name="removed"),
        sa.CheckConstraint(
            "(state = 'staging') = (token IS NOT NULL AND leased_until IS NOT NULL)",
            name="staging",
        ),
    )
    is_staging = where("state = 'staging'")
    op.create_index("uq_deliveries_staging", "deliveries", ["source_id"], unique=True, **is_staging)
    op.create_index("ix_deliveries_source_id", "deliveries", ["source_id", "sha256"])
    op.create_table(
        "delivery_files",
        col("delivery_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        col("name", TEXT),
        col("size", BIG),
        col("sha256", TEXT),
        key("delivery_files", "delivery_id", "number"),
        refers("delivery_files", "delivery_id", "deliveries"),
    )


def _create_rows() -> None:
    op.create_table(
        "delivery_uploads",
        col("delivery_id", TEXT),
        *(col(name, NUMBER, autoincrement=False) for name in ("file", "number")),
        col("content", BYTES),
        key("delivery_uploads", "delivery_id", "file", "number"),
        refers("delivery_uploads", "delivery_id", "deliveries"),
    )
    op.create_table(
        "delivery_parts",
        col("delivery_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        col("kind", enum("kind", "amounts", "extras")),
        *(col(name, NUMBER) for name in ("file", "rows")),
        col("content", BYTES),
        key("delivery_parts", "delivery_id", "number", "kind"),
        refers("delivery_parts", "delivery_id", "deliveries"),
    )


def _create_sums() -> None:
    op.create_table(
        "delivery_scopes",
        col("delivery_id", TEXT),
        col("scope_on", DAY),
        col("ended_at", INSTANT, null=True),
        col("ended_by", TEXT, null=True),
        *(col(name, BIG) for name in SUMS),
        key("delivery_scopes", "delivery_id", "scope_on"),
        refers("delivery_scopes", "delivery_id", "deliveries"),
        refers("delivery_scopes", "ended_by", "deliveries"),
        sa.CheckConstraint("ended_by IS NULL OR ended_at IS NOT NULL", name="ended"),
    )
    is_open = where("ended_at IS NULL")
    columns = ["delivery_id", "scope_on"]
    op.create_index("ix_delivery_scopes_open", "delivery_scopes", columns, **is_open)
    op.create_table(
        "usage_keys",
        *(col(name, TEXT) for name in ("id", "source_id", "key")),
        col("cloud_id", TEXT, null=True),
        col("assigned_at", INSTANT, null=True),
        col("assigned_by", TEXT, null=True),
        key("usage_keys", "id"),
        refers("usage_keys", "source_id", "usage_sources"),
        refers("usage_keys", "cloud_id", "clouds"),
        sa.UniqueConstraint("source_id", "key", name="uq_usage_keys_source_id_key"),
    )
    op.create_index("ix_usage_keys_cloud_id", "usage_keys", ["cloud_id"])
    op.create_table(
        "delivery_keys",
        col("delivery_id", TEXT),
        col("key_id", TEXT),
        *(col(name, DAY) for name in ("scope_on", "first_on", "last_on")),
        *(col(f"{of}{name}", BIG) for of in ("", "before_") for name in SUMS),
        key("delivery_keys", "delivery_id", "key_id", "scope_on"),
        refers("delivery_keys", "delivery_id", "deliveries"),
        refers("delivery_keys", "key_id", "usage_keys"),
    )
    op.create_index("ix_delivery_keys_key_id", "delivery_keys", ["key_id"])
    op.create_table(
        "usage_groups",
        col("delivery_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        *(col(name, TEXT) for name in ("key_id", "service")),
        col("category", enum("category", *CATEGORIES)),
        *(col(name, DAY) for name in ("usage_on", "period_on", "scope_on")),
        *(col(name, BIG) for name in SUMS),
        key("usage_groups", "delivery_id", "number"),
        refers("usage_groups", "delivery_id", "deliveries"),
        refers("usage_groups", "key_id", "usage_keys"),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    with op.batch_alter_table("installation") as batch:
        batch.drop_column("billing_time_zone")
        batch.drop_column("currency")
