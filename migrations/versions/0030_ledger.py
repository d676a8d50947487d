"""The ledger: lots instead of initial grants, postings, charges, draws, entries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.domain import policy

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TEXT, INSTANT, DAY, JSON = sa.String(), sa.DateTime(timezone=True), sa.Date(), sa.JSON()
NUMBER, BIG, FLAG = sa.Integer(), sa.BigInteger(), sa.Boolean()
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
KINDS = (
    *("delivery", "removal", "assignment", "link", "switch"),
    *("lot", "payment", "credit", "counter"),
)
TABLES = (
    "future_rows",
    "charges",
    "entries",
    "draws",
    "day_sums",
    "lots",
    "postings",
    "ledgers",
)
GROWS = "the ledger only grows"
LOT_TERMS = ("account_id", "is_initial", "amount", "first_on", "last_on", "granted_at")
GUARDS = (
    # (name, table, event, forbidden when)
    ("postings_fixed", "postings", "UPDATE", "OLD.posted_at IS NOT NULL"),
    ("postings_stay", "postings", "DELETE", "OLD.posted_at IS NOT NULL"),
    (
        "lots_fixed",
        "lots",
        "UPDATE",
        " OR ".join(f"OLD.{name} <> NEW.{name}" for name in LOT_TERMS),
    ),
    ("lots_stay", "lots", "DELETE", "1 = 1"),
    ("draws_fixed", "draws", "UPDATE", "1 = 1"),
    ("day_sums_fixed", "day_sums", "UPDATE", "1 = 1"),
    ("entries_fixed", "entries", "UPDATE", "1 = 1"),
    ("entries_stay", "entries", "DELETE", "1 = 1"),
    ("charges_fixed", "charges", "UPDATE", "1 = 1"),
)
STAGED = ("charges", "day_sums", "draws")
"""Tables whose rows may go until their posting is posted."""
GROWING = (*STAGED, "entries", "lots")
IS_POSTED = "EXISTS (SELECT 1 FROM postings WHERE id = OLD.posting_id AND posted_at IS NOT NULL)"
REFUSE_POSTED = f"""
CREATE FUNCTION refuse_posted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {IS_POSTED} THEN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END IF;
  RETURN OLD;
END $$
"""
LINK_FIXED = (
    "OLD.until_at IS NOT NULL OR OLD.cloud_id <> NEW.cloud_id"
    " OR OLD.account_id <> NEW.account_id OR OLD.since_at <> NEW.since_at"
)
GRANT_GUARDS = (
    (
        "initial_grants_shrink",
        "initial_grants",
        "UPDATE",
        "NEW.remaining > OLD.remaining OR NEW.amount <> OLD.amount",
    ),
    ("initial_grants_stay", "initial_grants", "DELETE", "1 = 1"),
)
WAS_PAID = """(account.kind = 'subaccount' OR (ledgers.paid_since IS NOT NULL
    AND ledgers.paid_since < coalesce(earlier.until_at, earlier.since_at)))"""


def col(name: str, of: Any, *, null: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, of, nullable=null, **options)


def enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=48, name=name)


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def refers(table: str, column: str, to: str, of: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{of}"], name=f"fk_{table}_{column}_{to}")


def where(condition: str) -> dict[str, Any]:
    return {f"{dialect}_where": sa.text(condition) for dialect in ("sqlite", "postgresql")}


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def guard(name: str, table: str, event: str, forbidden: str, said: str = GROWS) -> None:
    refuse = (
        f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
        if is_sqlite()
        else f"EXECUTE FUNCTION refuse('{said}')"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({forbidden}) {refuse}"
    )


def unguard(name: str, table: str) -> None:
    op.execute(f"DROP TRIGGER {name}" + ("" if is_sqlite() else f" ON {table}"))


def upgrade() -> None:
    _create_accounts()
    _create_days()
    _create_charges()
    _open_ledgers()
    _move_grants()
    _mark_links()
    _charge_later()
    for name, table, event, forbidden in GUARDS:
        guard(name, table, event, forbidden)
    if is_sqlite():
        for table in STAGED:
            guard(f"{table}_stay", table, "DELETE", IS_POSTED)
        return
    op.execute(REFUSE_POSTED)
    for table in STAGED:
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION refuse_posted('{GROWS}')"
        )
    for table in GROWING:
        op.execute(
            f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table}"
            f" EXECUTE FUNCTION refuse('{GROWS}')"
        )


def _create_accounts() -> None:
    op.create_table(
        "ledgers",
        col("account_id", TEXT),
        col("balance", BIG),
        *(col(name, NUMBER) for name in ("entries", "version")),
        col("paid_since", INSTANT, null=True),
        key("ledgers", "account_id"),
        refers("ledgers", "account_id", "billing_accounts"),
    )
    op.create_table(
        "postings",
        col("id", TEXT),
        col("kind", enum("kind", *KINDS)),
        *(col(name, TEXT) for name in ("subject", "reason", "created_by")),
        col("created_at", INSTANT),
        col("posted_at", INSTANT, null=True),
        col("basis", JSON, null=True),
        key("postings", "id"),
    )
    op.create_index("ix_postings_staged", "postings", ["subject"], **where("posted_at IS NULL"))
    op.create_table(
        "lots",
        *(col(name, TEXT) for name in ("id", "account_id")),
        col("is_initial", FLAG),
        *(col(name, BIG) for name in ("amount", "used")),
        *(col(name, DAY) for name in ("first_on", "last_on")),
        col("granted_at", INSTANT),
        *(col(name, TEXT) for name in ("granted_by", "reason")),
        key("lots", "id"),
        refers("lots", "account_id", "ledgers", "account_id"),
        sa.CheckConstraint("used >= 0 AND used <= amount", name="used"),
        sa.CheckConstraint("last_on >= first_on", name="last_later"),
    )
    op.create_index("ix_lots_account_id", "lots", ["account_id"])
    op.create_index("uq_lots_initial", "lots", ["account_id"], unique=True, **where("is_initial"))
    op.create_table(
        "entries",
        col("account_id", TEXT),
        col("seq", NUMBER, autoincrement=False),
        *(col(name, TEXT) for name in ("posting_id", "bearer")),
        *(col(name, BIG) for name in ("amount", "balance")),
        col("at", INSTANT),
        key("entries", "account_id", "seq"),
        refers("entries", "account_id", "ledgers", "account_id"),
        refers("entries", "posting_id", "postings"),
    )
    op.create_index("ix_entries_posting_id", "entries", ["posting_id"])


def _create_days() -> None:
    keys = ("account_id", "usage_on", "is_purchase", "is_waivable")
    for table, keyed, summed in (
        ("day_sums", (), ("micros", "rest")),
        ("draws", ("bearer",), ("micros",)),
    ):
        op.create_table(
            table,
            *(col(name, TEXT) for name in ("posting_id", "account_id")),
            col("usage_on", DAY),
            *(col(name, FLAG) for name in keys[2:]),
            *(col(name, TEXT) for name in keyed),
            *(col(name, BIG) for name in summed),
            key(table, "posting_id", *keys, *keyed),
            refers(table, "posting_id", "postings"),
            refers(table, "account_id", "ledgers", "account_id"),
        )
        op.create_index(f"ix_{table}_account_id", table, ["account_id", "usage_on"])


def _create_charges() -> None:
    def head(table: str) -> list[Any]:
        number = col("number", NUMBER, autoincrement=False)
        return [
            col("posting_id", TEXT),
            number,
            key(table, "posting_id", "number"),
            refers(table, "posting_id", "postings"),
        ]

    op.create_table(
        "charges",
        *head("charges"),
        col("source_id", TEXT),
        col("scope_on", DAY),
        *(col(name, TEXT) for name in ("account_id", "payer_id", "cloud_id", "service")),
        col("category", enum("category", *CATEGORIES)),
        *(col(name, DAY) for name in ("usage_on", "month_on")),
        *(col(name, FLAG) for name in ("is_purchase", "is_waivable")),
        *(col(name, BIG) for name in ("micros", "rest")),
    )
    op.create_table(
        "future_rows",
        *head("future_rows"),
        *(col(name, TEXT) for name in ("delivery_id", "source_id", "key_id")),
        col("scope_on", DAY),
        *(col(name, TEXT) for name in ("cloud_id", "service")),
        col("category", enum("category", *CATEGORIES)),
        *(col(name, DAY) for name in ("usage_on", "month_on")),
        *(col(name, BIG) for name in ("start_us", "end_us", "micros", "rest")),
    )
    op.create_index("ix_future_rows_cloud_id", "future_rows", ["cloud_id", "end_us"])


def _open_ledgers() -> None:
    """A ledger for each account that pays; it is paid since the line of its audit log."""
    op.execute(
        """INSERT INTO ledgers (account_id, balance, entries, version, paid_since)
        SELECT id, 0, 0, 0, CASE WHEN mode = 'paid' THEN coalesce((SELECT min(at) FROM audit_lines
            WHERE action = 'account.switch_to_paid' AND thing = billing_accounts.id), created_at)
        END FROM billing_accounts WHERE kind <> 'subaccount'"""
    )


def _move_grants() -> None:
    """Initial grants become lots. Nothing was ever paid from one; it ends with the day on which it
    would have expired."""
    zone = policy.current().billing_time_zone

    def day(instant: Any) -> Any:
        if isinstance(instant, str):
            instant = datetime.fromisoformat(instant)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(zone).date()

    grants = sa.table(
        "initial_grants",
        sa.column("account_id", TEXT),
        sa.column("amount", BIG),
        sa.column("granted_at", INSTANT),
        sa.column("expires_at", INSTANT),
    )
    names = ("id", "account_id", "is_initial", "amount", "used", "first_on", "last_on")
    types = (TEXT, TEXT, FLAG, BIG, BIG, DAY, DAY, INSTANT, TEXT, TEXT)
    names = (*names, "granted_at", "granted_by", "reason")
    lots = sa.table("lots", *(sa.column(n, t) for n, t in zip(names, types, strict=True)))
    rows = [
        {
            "id": f"lot{row.account_id[3:]}",
            "account_id": row.account_id,
            "is_initial": True,
            "amount": row.amount,
            "used": 0,
            "first_on": day(row.granted_at),
            "last_on": day(row.expires_at),
            "granted_at": row.granted_at,
            "granted_by": "newcomer",
            "reason": "",
        }
        for row in op.get_bind().execute(sa.select(grants))
    ]
    if rows:
        op.bulk_insert(lots, rows)
    for name, table, _event, _forbidden in GRANT_GUARDS:
        unguard(name, table)
    op.drop_table("initial_grants")


def _mark_links() -> None:
    """What no lot covers of a cloud is waived only if no paid account has paid for the cloud."""
    op.add_column(
        "links", sa.Column("is_waivable", FLAG, nullable=False, server_default=sa.false())
    )
    unguard("links_fixed", "links")
    op.execute(
        f"""UPDATE links SET is_waivable = {"1" if is_sqlite() else "true"}
        WHERE EXISTS (SELECT 1 FROM billing_accounts AS account
            JOIN ledgers ON ledgers.account_id = account.id WHERE account.id = links.account_id
            AND (ledgers.paid_since IS NULL OR ledgers.paid_since > links.since_at))
        AND NOT EXISTS (SELECT 1 FROM links AS earlier
            JOIN billing_accounts AS account ON account.id = earlier.account_id
            LEFT JOIN ledgers ON ledgers.account_id = account.id
            WHERE earlier.cloud_id = links.cloud_id AND earlier.since_at < links.since_at
            AND {WAS_PAID})"""
    )
    fixed = f"{LINK_FIXED} OR OLD.is_waivable <> NEW.is_waivable"
    guard("links_fixed", "links", "UPDATE", fixed, "a link may only end")


def _charge_later() -> None:
    """A worker charges what was published before there were charges."""
    facts = '{"step": "charge", "by": "worker", "options": {}}'
    op.execute(
        f"""INSERT INTO jobs (id, kind, key, priority, subject_kind, subject_id, facts, state,
            attempts, created_at, run_at)
        SELECT 'job' || substr(id, 4), 'usage', 'usage:' || source_id, 0, 'delivery', id,
            {"'" + facts + "'"}, 'waiting', 0, published_at, published_at FROM deliveries
        WHERE state = 'published' AND EXISTS (SELECT 1 FROM delivery_scopes
            WHERE delivery_id = deliveries.id AND ended_at IS NULL)"""
    )


def downgrade() -> None:
    unguard("links_fixed", "links")
    op.drop_column("links", "is_waivable")
    guard("links_fixed", "links", "UPDATE", LINK_FIXED, "a link may only end")
    _create_grants()
    for name, table, *_rest in GUARDS:
        unguard(name, table)
    for table in STAGED:
        unguard(f"{table}_stay", table)
    if not is_sqlite():
        for table in GROWING:
            unguard(f"{table}_whole", table)
        op.execute("DROP FUNCTION refuse_posted()")
    for table in TABLES:
        op.drop_table(table)


def _create_grants() -> None:
    op.create_table(
        "initial_grants",
        col("account_id", TEXT),
        *(col(name, BIG) for name in ("amount", "remaining")),
        *(col(name, INSTANT) for name in ("granted_at", "expires_at")),
        sa.CheckConstraint("expires_at > granted_at", name="expires_later"),
        sa.CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
        refers("initial_grants", "account_id", "billing_accounts"),
        key("initial_grants", "account_id"),
    )
    expires = (
        "last_on || ' 23:59:59.000000'"
        if is_sqlite()
        else "(last_on + TIME '23:59:59') AT TIME ZONE 'UTC'"
    )
    op.execute(
        f"""INSERT INTO initial_grants (account_id, amount, remaining, granted_at, expires_at)
        SELECT account_id, amount, amount - used, granted_at, {expires} FROM lots
        WHERE is_initial"""
    )
    for guarded in GRANT_GUARDS:
        guard(*guarded, said="an initial grant is given once")
