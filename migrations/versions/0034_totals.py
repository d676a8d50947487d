"""Totals: what charges sum to by month, kept for the pages of usage."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

TEXT, DAY, BIG, NUMBER = sa.String(), sa.Date(), sa.BigInteger(), sa.Integer()
TABLES = ("usage_sums", "usage_totals", "usage_changes")
BY = ("total", "customer", "cloud", "service", "quantity")
UNITS = 10**9


def col(name: str, of: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=False, **options)


def texts(*names: str) -> list[sa.Column[Any]]:
    return [col(name, TEXT) for name in names]


def amounts() -> list[sa.Column[Any]]:
    return [col(name, BIG) for name in ("micros", "rest", "quantity", "nanos")]


def upgrade() -> None:
    for name, of, default in (("unit", TEXT, ""), ("quantity", BIG, "0"), ("nanos", BIG, "0")):
        op.add_column("future_rows", col(name, of, server_default=default))
    key = ("account_id", "cloud_id", "service", "category", "unit")
    op.create_table(
        "usage_changes",
        col("posting_id", TEXT),
        col("number", NUMBER),
        *texts(*key, "payer_id"),
        col("month_on", DAY),
        col("next_on", DAY),
        *amounts(),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["postings.id"], name="fk_usage_changes_posting_id_postings"
        ),
        sa.PrimaryKeyConstraint("posting_id", "number", name="pk_usage_changes"),
    )
    op.create_table(
        "usage_totals",
        *texts(*key, "payer_id"),
        col("month_on", DAY),
        *amounts(),
        sa.PrimaryKeyConstraint(
            *("account_id", "cloud_id", "month_on", "service", "category", "unit"),
            name="pk_usage_totals",
        ),
    )
    columns = ["payer_id", "month_on", *key]
    op.create_index("ix_usage_totals_payer_id", "usage_totals", columns)
    grouped_by = sa.Enum(
        *BY, native_enum=False, create_constraint=True, length=48, name="grouped_by"
    )
    op.create_table(
        "usage_sums",
        *texts("account_id", "key", "unit"),
        col("grouped_by", grouped_by),
        col("month_on", DAY),
        *amounts(),
        col("change", BIG),
        sa.PrimaryKeyConstraint(
            "account_id", "grouped_by", "month_on", "key", "unit", name="pk_usage_sums"
        ),
    )
    of_month = ["account_id", "grouped_by", "month_on"]
    is_cost = "unit = ''"
    is_stopped = f"{is_cost} AND micros = 0 AND rest = 0 AND change < 0"
    for name, columns, where in (
        ("micros", ["micros", "key"], is_cost),
        ("change", ["change"], is_cost),
        ("stopped", ["change"], is_stopped),
    ):
        op.create_index(
            f"ix_usage_sums_{name}",
            "usage_sums",
            [*of_month, *columns],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.execute("UPDATE postings SET basis = NULL WHERE posted_at IS NULL")  # they have no changes
    _sum_charges()


def _summed(table: str) -> str:
    rest = f"CAST(SUM({table}.rest) AS BIGINT)"
    return f"CAST(SUM({table}.micros) AS BIGINT) + {rest} / {UNITS}, {rest} % {UNITS}"


def _sum_charges() -> None:
    """Charges so far have no quantities."""
    key = "account_id, payer_id, cloud_id, service, category, month_on"
    op.execute(
        f"""INSERT INTO usage_totals ({key}, unit, micros, rest, quantity, nanos)
        SELECT {key}, '', {_summed("charges")}, 0, 0 FROM charges
        JOIN postings ON postings.id = charges.posting_id WHERE posted_at IS NOT NULL
        GROUP BY {key}"""
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    step = "date({}, '{} month')" if is_sqlite else "CAST({} + INTERVAL '{} month' AS DATE)"
    values = {"total": "''", "customer": "account_id", "cloud": "cloud_id", "service": "service"}
    for whose, which in (("payer_id", "1 = 1"), ("account_id", "account_id <> payer_id")):
        for by, value in values.items():
            if by == "customer" and whose == "account_id":
                continue
            grouped = "" if by == "total" else f"{value}, "
            op.execute(
                f"""INSERT INTO usage_sums (account_id, grouped_by, key, unit, month_on, micros,
                    rest, quantity, nanos, change)
                SELECT {whose}, '{by}', {value}, '', month_on, {_summed("usage_totals")}, 0, 0, 0
                FROM usage_totals WHERE {which} GROUP BY {whose}, {grouped}month_on"""
            )
    same = "other.grouped_by = mine.grouped_by AND other.key = mine.key"
    op.execute(
        f"""INSERT INTO usage_sums (account_id, grouped_by, key, unit, month_on, micros, rest,
            quantity, nanos, change)
        SELECT account_id, grouped_by, key, '', {step.format("month_on", "+1")}, 0, 0, 0, 0, 0
        FROM usage_sums AS mine WHERE NOT EXISTS (SELECT 1 FROM usage_sums AS other
            WHERE other.account_id = mine.account_id AND {same}
            AND other.month_on = {step.format("mine.month_on", "+1")})
            AND grouped_by <> 'total'"""
    )
    op.execute(
        f"""UPDATE usage_sums SET change = micros - coalesce((SELECT other.micros
            FROM usage_sums AS other WHERE other.account_id = usage_sums.account_id
            AND {same.replace("mine", "usage_sums")}
            AND other.month_on = {step.format("usage_sums.month_on", "-1")}), 0)"""
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    for name in ("unit", "quantity", "nanos"):
        op.drop_column("future_rows", name)
