"""Statements by category and with quantities; rates for what has no price in a closed month."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TEXT, BIG, DAY = sa.String(), sa.BigInteger(), sa.Date()
TOTAL = ("account_id", "cloud_id", "month_on", "service", "category", "unit")
SUM = "month_on, payer_id, account_id, cloud_id, service"
PRICE = "payer_id, account_id, cloud_id, service, month_on"
PRICE_AMOUNTS = ("micros", "rest", "whole", "millionths", "missing")
UNITS = 1_000_000_000
OLD_FIXED = (
    *("statement_id", "number", "account_id", "cloud_id", "cloud", "service", "is_correction"),
    *("amount", "micros", "rest"),
)
NEW_FIXED = ("category", "unit", "quantity", "nanos")
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    category = sa.Enum(
        *CATEGORIES, native_enum=False, create_constraint=True, length=48, name="category"
    )
    fill("charge_sums", category, _sum_charges())
    fill("price_totals", TEXT, _sum_prices())
    for name, of, default in (
        ("category", TEXT, "Usage"),
        ("unit", TEXT, ""),
        ("quantity", BIG, "0"),
        ("nanos", BIG, "0"),
    ):
        op.add_column("statement_lines", col(name, of, default))
    guard_lines((*OLD_FIXED, *NEW_FIXED))
    op.add_column("usage_changes", col("is_correction", sa.Boolean(), sa.false()))
    op.create_table(
        "corrected_totals",
        *(col(name, DAY if name == "month_on" else TEXT) for name in (*TOTAL, "payer_id")),
        *(col(name, BIG) for name in ("micros", "rest", "quantity", "nanos")),
        sa.PrimaryKeyConstraint(*TOTAL, name="pk_corrected_totals"),
    )
    op.create_index("ix_corrected_totals_payer_id", "corrected_totals", ["payer_id", "month_on"])
    _sum_corrections()
    op.add_column("rates", sa.Column("month_on", DAY, nullable=True))


def col(name: str, of: Any, default: Any = None) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=False, server_default=default)


def fill(table: str, category: Any, rows: str) -> None:
    """Give the table a category; its rows are worked out again."""
    triggers = drop_triggers(table)
    op.execute(f"DELETE FROM {table}")
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column("category", category, nullable=False))
    op.execute(rows)
    for trigger in triggers:
        op.execute(trigger)


def drop_triggers(table: str) -> list[str]:
    """Drop a table's triggers; what creates them."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    of_table = ""
    if not is_sqlite():
        query = """SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
            WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal"""
        of_table = f" ON {table}"
    found = op.get_bind().execute(sa.text(query), {"table": table}).all()
    for name, _definition in found:
        op.execute(f"DROP TRIGGER {name}{of_table}")
    return [definition for _name, definition in found]


def _sum_charges() -> str:
    key = f"{SUM}, category"
    return f"""INSERT INTO charge_sums (posting_id, number, {key}, is_correction, micros, rest)
        SELECT posting_id, row_number() OVER (PARTITION BY posting_id
            ORDER BY {key}, is_correction) - 1, {key}, is_correction, micros, rest
        FROM (SELECT posting_id, {key}, scope_on < month_on AS is_correction,
                CAST(SUM(micros) AS BIGINT) AS micros, CAST(SUM(rest) AS BIGINT) AS rest
            FROM charges GROUP BY posting_id, {key}, scope_on < month_on) AS summed"""


def _sum_prices() -> str:
    key, names = f"{PRICE}, category", ", ".join(PRICE_AMOUNTS)
    sums = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in PRICE_AMOUNTS)
    return f"""INSERT INTO price_totals (posting_id, number, {key}, {names})
        SELECT posting_id, row_number() OVER (PARTITION BY posting_id ORDER BY {key}) - 1,
            {key}, {names}
        FROM (SELECT posting_id, {key}, {sums} FROM prices GROUP BY posting_id, {key}) AS summed"""


def _sum_corrections() -> None:
    """The quantities of corrections so far are not known."""
    key = "account_id, payer_id, cloud_id, month_on, service, category"
    rest = "CAST(SUM(rest) AS BIGINT)"
    op.execute(
        f"""INSERT INTO corrected_totals ({key}, unit, micros, rest, quantity, nanos)
        SELECT {key}, '', CAST(SUM(micros) AS BIGINT) + {rest} / {UNITS}, {rest} % {UNITS}, 0, 0
        FROM charges JOIN postings ON postings.id = charges.posting_id
        WHERE posted_at IS NOT NULL AND scope_on < month_on GROUP BY {key}"""
    )


def guard_lines(fixed: tuple[str, ...]) -> None:
    changed = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in fixed)
    refuse = (
        "BEGIN SELECT RAISE(ABORT, 'a statement is fixed'); END"
        if is_sqlite()
        else "EXECUTE FUNCTION refuse('a statement is fixed')"
    )
    op.execute(
        "DROP TRIGGER statement_lines_fixed" + ("" if is_sqlite() else " ON statement_lines")
    )
    op.execute(
        "CREATE TRIGGER statement_lines_fixed BEFORE UPDATE ON statement_lines FOR EACH ROW"
        f" WHEN ({changed} OR NEW.customer <> '') {refuse}"
    )


def downgrade() -> None:
    _end_late_rates()
    op.drop_column("rates", "month_on")
    op.drop_table("corrected_totals")
    op.drop_column("usage_changes", "is_correction")
    guard_lines(OLD_FIXED)
    for name in NEW_FIXED:
        op.drop_column("statement_lines", name)
    for table in ("price_totals", "charge_sums"):
        with op.batch_alter_table(table) as batch:
            if table == "charge_sums":
                batch.drop_constraint(op.f("ck_charge_sums_category"), type_="check")
            batch.drop_column("category")


def _end_late_rates() -> None:
    """Late rates would be in force for all usage from their month on: they begin never."""
    triggers = drop_triggers("rates")
    op.execute("UPDATE rates SET starts_on = '9999-12-31' WHERE month_on IS NOT NULL")
    for trigger in triggers:
        op.execute(trigger)
