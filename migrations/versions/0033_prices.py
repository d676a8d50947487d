"""Prices: rates of partners, prices beside costs, whether customers see them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TEXT, DAY, BIG, NUMBER, FLAG = (
    sa.String(),
    sa.Date(),
    sa.BigInteger(),
    sa.Integer(),
    sa.Boolean(),
)
KINDS = (
    *("delivery", "removal", "assignment", "link", "switch"),
    *("lot", "payment", "credit", "counter"),
)
TABLES = ("price_sums", "price_totals", "prices", "price_publications", "price_lists", "rates")
GROWS = "the ledger only grows"
GUARDS = (
    ("prices", "UPDATE"),
    ("price_totals", "UPDATE"),
    ("rates", "UPDATE"),
    ("rates", "DELETE"),
)
IS_POSTED = "EXISTS (SELECT 1 FROM postings WHERE id = OLD.posting_id AND posted_at IS NOT NULL)"
TOTAL = "payer_id, account_id, cloud_id, service, month_on"
AMOUNTS = "micros, rest, whole, millionths, missing"
SUMMED = "SUM(micros), SUM(rest), 0, 0, SUM(missing)"
GROUP = "payer_id, account_id, cloud_id, service, category, usage_on, month_on"


def col(name: str, of: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=False, **options)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def refusal() -> str:
    if is_sqlite():
        return f"BEGIN SELECT RAISE(ABORT, '{GROWS}'); END"
    return f"EXECUTE FUNCTION refuse('{GROWS}')"


def upgrade() -> None:
    _create_lists()
    _create_prices()
    allow_postings((*KINDS, "repricing"))
    _price_charges()
    _guard()


def _create_lists() -> None:
    op.create_table(
        "rates",
        col("partner_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        *(col(name, TEXT) for name in ("subaccount_id", "service")),
        col("starts_on", DAY),
        col("percent", BIG),
        col("created_at", sa.DateTime(timezone=True)),
        col("created_by", TEXT),
        key("rates", "partner_id", "number"),
        refers("rates", "partner_id", "billing_accounts"),
        sa.CheckConstraint(
            "percent >= -100000000 AND percent <= 1000000000000", name=op.f("ck_rates_percent")
        ),
    )
    op.create_table(
        "price_lists",
        col("partner_id", TEXT),
        *(col(name, NUMBER) for name in ("rates", "applied")),
        col("is_published", FLAG),
        key("price_lists", "partner_id"),
        refers("price_lists", "partner_id", "billing_accounts"),
        sa.CheckConstraint(
            "applied >= 0 AND applied <= rates", name=op.f("ck_price_lists_applied")
        ),
    )
    op.create_table(
        "price_publications",
        col("subaccount_id", TEXT),
        col("is_published", FLAG),
        key("price_publications", "subaccount_id"),
        refers("price_publications", "subaccount_id", "billing_accounts"),
    )


def _create_prices() -> None:
    op.create_table(
        "prices",
        col("posting_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        *(
            col(name, TEXT)
            for name in ("payer_id", "account_id", "cloud_id", "service", "category")
        ),
        *(col(name, DAY) for name in ("usage_on", "month_on")),
        *(col(name, BIG) for name in ("micros", "rest", "whole", "millionths")),
        col("missing", NUMBER),
        key("prices", "posting_id", "number"),
        refers("prices", "posting_id", "postings"),
    )
    op.create_index("ix_prices_cloud_id", "prices", ["cloud_id", "usage_on"])
    op.create_table(
        "price_totals",
        col("posting_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        *(col(name, TEXT) for name in ("payer_id", "account_id", "cloud_id", "service")),
        col("month_on", DAY),
        *(col(name, BIG) for name in ("micros", "rest", "whole", "millionths")),
        col("missing", NUMBER),
        key("price_totals", "posting_id", "number"),
        refers("price_totals", "posting_id", "postings"),
    )
    op.create_index("ix_price_totals_account_id", "price_totals", ["account_id", "month_on"])
    op.create_index("ix_price_totals_payer_id", "price_totals", ["payer_id", "cloud_id"])
    op.create_table(
        "price_sums",
        col("account_id", TEXT),
        col("month_on", DAY),
        *(col(name, TEXT) for name in ("service", "payer_id")),
        *(col(name, BIG) for name in ("micros", "rest", "whole", "millionths")),
        col("missing", NUMBER),
        key("price_sums", "account_id", "month_on", "service"),
    )


def allow_postings(kinds: tuple[str, ...]) -> None:
    name, values = op.f("ck_postings_kind"), ", ".join(f"'{kind}'" for kind in kinds)
    if is_sqlite():  # triggers of other tables refer to it, and would refuse the rename
        op.execute("PRAGMA legacy_alter_table=ON")
    with op.batch_alter_table("postings") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({values})")
    if is_sqlite():
        op.execute("PRAGMA legacy_alter_table=OFF")


def _price_charges() -> None:
    """What customers' clouds cost so far has no price. What is staged is prepared again."""
    op.execute(
        f"""INSERT INTO prices (posting_id, number, {GROUP}, {AMOUNTS})
        SELECT posting_id, row_number() OVER (PARTITION BY posting_id ORDER BY {GROUP}) - 1,
            {GROUP}, micros, rest, 0, 0,
            CASE WHEN SUM(micros) OVER mine * 1000000000 + SUM(rest) OVER mine <> 0
                AND posting_id = MAX(posting_id) OVER mine THEN 1 ELSE 0 END
        FROM (SELECT posting_id, {GROUP}, CAST(SUM(micros) AS BIGINT) AS micros,
                CAST(SUM(rest) AS BIGINT) AS rest
            FROM charges JOIN postings ON postings.id = charges.posting_id
            WHERE posted_at IS NOT NULL AND account_id <> payer_id
            GROUP BY posting_id, {GROUP}) AS charged
        WINDOW mine AS (PARTITION BY {GROUP})"""
    )
    op.execute(
        f"""INSERT INTO price_totals (posting_id, number, {TOTAL}, {AMOUNTS})
        SELECT posting_id, row_number() OVER (PARTITION BY posting_id ORDER BY {TOTAL}) - 1,
            {TOTAL}, {SUMMED}
        FROM prices GROUP BY posting_id, {TOTAL}"""
    )
    for account in ("account_id", "payer_id"):
        key = f"{account}, payer_id, month_on, service"
        op.execute(
            f"""INSERT INTO price_sums (account_id, payer_id, month_on, service, {AMOUNTS})
            SELECT {key}, {SUMMED} FROM prices GROUP BY {key}"""
        )
    op.execute("UPDATE ledgers SET version = version + 1")


def _guard() -> None:
    refuse = refusal()
    for table, event in GUARDS:
        name = f"{table}_{'fixed' if event == 'UPDATE' else 'stay'}"
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN (1 = 1) {refuse}"
        )
    for table in ("prices", "price_totals"):
        stay = f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} FOR EACH ROW"
        if is_sqlite():
            op.execute(f"{stay} WHEN ({IS_POSTED}) {refuse}")
        else:
            op.execute(f"{stay} EXECUTE FUNCTION refuse_posted('{GROWS}')")
    if not is_sqlite():
        for table in ("prices", "price_totals", "rates"):
            op.execute(
                f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table}"
                f" EXECUTE FUNCTION refuse('{GROWS}')"
            )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP TRIGGER postings_stay" + ("" if is_sqlite() else " ON postings"))
    op.execute("DELETE FROM postings WHERE kind = 'repricing'")
    op.execute(
        "CREATE TRIGGER postings_stay BEFORE DELETE ON postings FOR EACH ROW"
        f" WHEN (OLD.posted_at IS NOT NULL) {refusal()}"
    )
    allow_postings(KINDS)
