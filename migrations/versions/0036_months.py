"""Months: their closing, sums of charges by statement month, statements."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

TEXT, DAY, BIG, NUMBER, FLAG, INSTANT, JSON = (
    sa.String(),
    sa.Date(),
    sa.BigInteger(),
    sa.Integer(),
    sa.Boolean(),
    sa.DateTime(timezone=True),
    sa.JSON(),
)
POSTINGS = (
    *("delivery", "removal", "assignment", "link", "switch"),
    *("lot", "payment", "credit", "counter", "repricing"),
)
NEW_POSTINGS = ("expiry", "rounding")
NOTICES = (
    *("customer.confirmed", "customer.declined", "mail.refused", "mail.parked", "cloud.linked"),
    *("cloud.left", "partnership.ended", "account.suspended", "account.resumed", "cloud.moved"),
    *("access.given", "access.taken", "owner.added"),
    *("partnership.notice_given", "partnership.notice_withdrawn", "account.pays"),
)
NEW_NOTICES = ("month.finalising", "statement.ready")
TARGETS = ("account", "cloud", "console", "customer", "team")
SUM_KEY = "month_on, payer_id, account_id, cloud_id, service, is_correction"
FIXED = (
    *("id", "kind", "state", "account_id", "issuer_id", "month_on", "created_at", "released_at"),
    *("released_by", "prefix", "number", "currency", "total", "carried", "is_last", "missing"),
    *("issuer", "payments"),
)
LINE_FIXED = (
    *("statement_id", "number", "account_id", "cloud_id", "cloud", "service", "is_correction"),
    *("amount", "micros", "rest"),
)
CHANGED = " OR ".join(
    f"coalesce(CAST(OLD.{name} AS TEXT), '') <> coalesce(CAST(NEW.{name} AS TEXT), '')"
    for name in FIXED
)
LINE_CHANGED = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in LINE_FIXED)
GUARDS = (
    # (name, table, event, forbidden when, what is said)
    (
        "billing_months_fixed",
        "billing_months",
        "UPDATE",
        "OLD.state = 'closed'",
        "a closed month stays closed",
    ),
    ("billing_months_stay", "billing_months", "DELETE", "1 = 1", "a closed month stays closed"),
    (
        "statements_fixed",
        "statements",
        "UPDATE",
        f"OLD.state = 'released' AND ({CHANGED} OR CAST(NEW.recipient AS TEXT) <> '{{}}')",
        "a statement is fixed",
    ),
    ("statements_stay", "statements", "DELETE", "1 = 1", "a statement is fixed"),
    (
        "statement_lines_fixed",
        "statement_lines",
        "UPDATE",
        f"{LINE_CHANGED} OR NEW.customer <> ''",
        "a statement is fixed",
    ),
    ("statement_lines_stay", "statement_lines", "DELETE", "1 = 1", "a statement is fixed"),
    ("charge_sums_fixed", "charge_sums", "UPDATE", "1 = 1", "the ledger only grows"),
)
"""Erasing a customer empties its name on statements, and nothing else."""
IS_RELEASED = "(SELECT state FROM statements WHERE id = NEW.statement_id) = 'released'"
REFUSE_LINE = f"""
CREATE FUNCTION refuse_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {IS_RELEASED} THEN RAISE EXCEPTION 'a statement is fixed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
IS_POSTED = "EXISTS (SELECT 1 FROM postings WHERE id = OLD.posting_id AND posted_at IS NOT NULL)"


def col(name: str, of: Any, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=null, **options)


def enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=48, name=name)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}")


def where(condition: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def upgrade() -> None:
    _create_months()
    _create_sums()
    _create_statements()
    op.add_column("postings", col("open_on", DAY, server_default="0001-01-01"))
    for name in ("told_on", "closed_on"):
        op.add_column("ledgers", col(name, DAY, null=True))
    op.add_column("installation", col("last_statement", NUMBER, server_default="0"))
    allow_postings((*POSTINGS, *NEW_POSTINGS))
    for table in ("notices", "muted_notices"):
        allow(table, "kind", NOTICES, (*NOTICES, *NEW_NOTICES))
    allow("notices", "target_kind", TARGETS, (*TARGETS, "statement"))
    _guard()


def _create_months() -> None:
    op.create_table(
        "billing_months",
        col("month_on", DAY),
        col("state", enum("state", "open", "finalising", "closed")),
        *(col(name, INSTANT, null=True) for name in ("closes_at", "closed_at")),
        key("billing_months", "month_on"),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        sa.CheckConstraint("(state = 'open') = (closes_at IS NULL)", name="closes"),
    )
    op.create_index(
        "uq_billing_months_finalising",
        "billing_months",
        ["state"],
        unique=True,
        **where("state = 'finalising'"),
    )


def _create_sums() -> None:
    op.create_table(
        "charge_sums",
        col("posting_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        col("month_on", DAY),
        *(col(name, TEXT) for name in ("payer_id", "account_id", "cloud_id", "service")),
        col("is_correction", FLAG),
        *(col(name, BIG) for name in ("micros", "rest")),
        key("charge_sums", "posting_id", "number"),
        refers("charge_sums", "posting_id", "postings"),
    )
    op.execute(
        f"""INSERT INTO charge_sums (posting_id, number, {SUM_KEY}, micros, rest)
        SELECT posting_id, row_number() OVER (PARTITION BY posting_id
            ORDER BY month_on, payer_id, account_id, cloud_id, service) - 1, month_on, payer_id,
            account_id, cloud_id, service, {"0" if is_sqlite() else "false"}, micros, rest
        FROM (SELECT posting_id, month_on, payer_id, account_id, cloud_id, service,
                CAST(SUM(micros) AS BIGINT) AS micros, CAST(SUM(rest) AS BIGINT) AS rest
            FROM charges
            GROUP BY posting_id, month_on, payer_id, account_id, cloud_id, service) AS summed"""
    )
    op.create_index("ix_charge_sums_month_on", "charge_sums", ["month_on", "payer_id"])


def _create_statements() -> None:
    op.create_table(
        "statements",
        col("id", TEXT),
        col("kind", enum("kind", "account", "customer")),
        col("state", enum("state", "draft", "released")),
        *(col(name, TEXT) for name in ("account_id", "issuer_id")),
        col("month_on", DAY),
        col("created_at", INSTANT),
        col("released_at", INSTANT, null=True),
        *(col(name, TEXT) for name in ("released_by", "prefix")),
        col("number", NUMBER, null=True),
        col("currency", TEXT),
        *(col(name, BIG) for name in ("total", "carried")),
        col("is_last", FLAG),
        col("missing", NUMBER),
        *(col(name, JSON) for name in ("issuer", "recipient", "payments")),
        key("statements", "id"),
        refers("statements", "account_id", "billing_accounts"),
        sa.UniqueConstraint("account_id", "month_on", name="uq_statements_account_id_month_on"),
        sa.UniqueConstraint("issuer_id", "number", name="uq_statements_issuer_id_number"),
        sa.CheckConstraint(
            "(state = 'released') = (released_at IS NOT NULL)"
            " AND (state = 'released') = (number IS NOT NULL)",
            name="released",
        ),
    )
    op.create_index("ix_statements_month_on", "statements", ["month_on", "issuer_id"])
    op.create_table(
        "statement_lines",
        col("statement_id", TEXT),
        col("number", NUMBER, autoincrement=False),
        *(col(name, TEXT) for name in ("account_id", "customer", "cloud_id", "cloud", "service")),
        col("is_correction", FLAG),
        *(col(name, BIG) for name in ("amount", "micros", "rest")),
        key("statement_lines", "statement_id", "number"),
        refers("statement_lines", "statement_id", "statements"),
    )


def allow_postings(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_postings_kind")
    if is_sqlite():  # triggers of other tables refer to it, and would refuse the rename
        op.execute("PRAGMA legacy_alter_table=ON")
    with op.batch_alter_table("postings") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({quoted(kinds)})")
    if is_sqlite():
        op.execute("PRAGMA legacy_alter_table=OFF")


def allow(table: str, column: str, before: tuple[str, ...], values: tuple[str, ...]) -> None:
    if is_sqlite():
        rebuild(table, quoted(before), quoted(values))
        return
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"{column} IN ({quoted(values)})")


def rebuild(table: str, old: str, new: str) -> None:
    """Replace a part of the table's definition. Alembic's batch mode would move the conditions of
    single columns to the table, and an earlier migration could not drop these columns."""
    query = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    create_table, *create_indexes = op.get_bind().scalars(query, {"table": table}).all()
    op.rename_table(table, f"old_{table}")
    op.execute(create_table.replace(old, new))
    op.execute(f"INSERT INTO {table} SELECT * FROM old_{table}")
    op.drop_table(f"old_{table}")
    for create_index in create_indexes:
        op.execute(create_index)


def _guard() -> None:
    for name, table, event, forbidden, said in GUARDS:
        refuse = (
            f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
            if is_sqlite()
            else f"EXECUTE FUNCTION refuse('{said}')"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({forbidden})"
            f" {refuse}"
        )
    if is_sqlite():
        op.execute(
            "CREATE TRIGGER statement_lines_whole BEFORE INSERT ON statement_lines FOR EACH ROW"
            f" WHEN ({IS_RELEASED}) BEGIN SELECT RAISE(ABORT, 'a statement is fixed'); END"
        )
        op.execute(
            "CREATE TRIGGER charge_sums_stay BEFORE DELETE ON charge_sums FOR EACH ROW"
            f" WHEN ({IS_POSTED}) BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        )
        return
    op.execute(REFUSE_LINE)
    op.execute(
        "CREATE TRIGGER statement_lines_whole BEFORE INSERT ON statement_lines FOR EACH ROW"
        " EXECUTE FUNCTION refuse_line()"
    )
    op.execute(
        "CREATE TRIGGER charge_sums_stay BEFORE DELETE ON charge_sums FOR EACH ROW"
        " EXECUTE FUNCTION refuse_posted('the ledger only grows')"
    )
    for table in ("billing_months", "statements", "statement_lines", "charge_sums"):
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table}"
            " EXECUTE FUNCTION refuse('statements and closed months are fixed')"
        )


def downgrade() -> None:
    for table in ("statement_lines", "statements", "charge_sums", "billing_months"):
        op.drop_table(table)
    if not is_sqlite():
        op.execute("DROP FUNCTION refuse_line()")
    op.execute("DELETE FROM notices WHERE target_kind = 'statement'")
    allow("notices", "target_kind", (*TARGETS, "statement"), TARGETS)
    for table in ("notices", "muted_notices"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ({quoted(NEW_NOTICES)})")
        allow(table, "kind", (*NOTICES, *NEW_NOTICES), NOTICES)
    _turn_into_credits()
    allow_postings(POSTINGS)
    op.drop_column("installation", "last_statement")
    for name in ("closed_on", "told_on"):
        op.drop_column("ledgers", name)
    op.drop_column("postings", "open_on")


def _turn_into_credits() -> None:
    """Entries stay, whatever became of their kind of posting."""
    op.execute("DROP TRIGGER postings_fixed" + ("" if is_sqlite() else " ON postings"))
    op.execute(f"UPDATE postings SET kind = 'credit' WHERE kind IN ({quoted(NEW_POSTINGS)})")
    refuse = (
        "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        if is_sqlite()
        else "EXECUTE FUNCTION refuse('the ledger only grows')"
    )
    op.execute(
        "CREATE TRIGGER postings_fixed BEFORE UPDATE ON postings FOR EACH ROW"
        f" WHEN (OLD.posted_at IS NOT NULL) {refuse}"
    )
