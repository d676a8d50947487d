"""Jobs in lanes; mail deliveries in place of the outbox; heartbeats, circuit breakers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEXT, INSTANT, JSON, YES_NO = sa.String(), sa.DateTime(timezone=True), sa.JSON(), sa.Boolean()
OLD_STATES = (
    *("pending", "claimed", "transmitting"),
    *("sent", "refused", "failed", "unknown", "cancelled"),
)
STATES = (*OLD_STATES[:-1], "not_arrived", "arrived", "cancelled")
JOB_STATES = ("waiting", "running", "done", "failed", "parked", "cancelled")
OPEN = "'pending', 'claimed', 'transmitting'"
MAY_HAVE_LEFT = "is_once AND state NOT IN ('failed', 'refused', 'not_arrived')"
URGENT = (
    "'account-exists', 'email-change', 'email-changed', 'password-reset', 'test', 'verification'"
)

FINAL_GUARD = (
    "OLD.is_once AND (NOT NEW.is_once OR (OLD.state NOT IN ({open}) AND NEW.state <> OLD.state"
    " AND NOT (OLD.state = 'unknown' AND NEW.state IN ('arrived', 'not_arrived'))))"
)
GUARDS = (
    (
        "mail_deliveries_once_stays_final",
        "UPDATE",
        FINAL_GUARD.format(open=OPEN),
        "a mail that is sent once is not sent again",
    ),
    ("mail_deliveries_once_stays", "DELETE", "OLD.is_once", "a mail that is sent once is kept"),
)
OLD_GUARDS = (
    (
        "outbox_once_stays_final",
        "UPDATE",
        "OLD.is_once AND (NOT NEW.is_once"
        f" OR (OLD.state NOT IN ({OPEN}) AND NEW.state IN ({OPEN})))",
        "a mail that is sent once is not sent again",
    ),
    ("outbox_once_stays", "DELETE", "OLD.is_once", "a mail that is sent once is kept"),
)

COMMON = "id, kind, recipient, language, facts, message_id, is_once, created_at, leased_until"
COMMON += ", finished_at, answer"

# A mail about an account that exists named the address that it went to.
FILL_DELIVERIES = f"""
INSERT INTO mail_deliveries ({COMMON}, about, state, attempts, token, first_tried_at)
SELECT {COMMON}, CASE WHEN kind IN ('account-exists', 'test') THEN id ELSE about END,
    CASE WHEN state = 'claimed' THEN 'pending' ELSE state END, tries,
    CASE WHEN state = 'claimed' THEN NULL ELSE claim END,
    CASE WHEN tries > 0 THEN created_at END
FROM outbox"""
FILL_MAIL_JOBS = f"""
INSERT INTO jobs (id, kind, key, priority, subject_kind, subject_id, facts, state, attempts,
    created_at, run_at, first_tried_at, started_at, token, leased_until, finished_at, answer)
SELECT 'job' || substr(id, 4), CASE WHEN kind IN ({URGENT}) THEN 'mail-now' ELSE 'mail' END,
    'mail:' || id, 0, 'mail', id, '{{}}',
    CASE state WHEN 'pending' THEN 'waiting' WHEN 'claimed' THEN 'waiting'
        WHEN 'transmitting' THEN 'running' WHEN 'sent' THEN 'done' WHEN 'unknown' THEN 'parked'
        WHEN 'cancelled' THEN 'cancelled' ELSE 'failed' END,
    tries, created_at, due_at, CASE WHEN tries > 0 THEN created_at END,
    CASE WHEN state = 'transmitting' THEN due_at END,
    CASE WHEN state = 'transmitting' THEN claim END,
    CASE WHEN state = 'transmitting' THEN leased_until END,
    CASE WHEN state NOT IN ({OPEN}) THEN finished_at END, answer
FROM outbox"""
FILL_IMPORT_JOBS = """
INSERT INTO jobs (id, kind, key, priority, subject_kind, subject_id, facts, state, attempts,
    created_at, run_at, account_id)
SELECT 'job' || substr(id, 4), 'imports', 'import:' || id, 0, 'import', id, '{}', 'waiting', 0,
    created_at, due_at, partner_id
FROM imports WHERE state IN ('checking', 'importing')"""
FILL_OUTBOX = f"""
INSERT INTO outbox ({COMMON}, about, state, tries, claim, due_at)
SELECT {COMMON}, about,
    CASE state WHEN 'not_arrived' THEN 'unknown' WHEN 'arrived' THEN 'unknown' ELSE state END,
    attempts, token,
    coalesce((SELECT max(run_at) FROM jobs WHERE jobs.key = 'mail:' || mail_deliveries.id),
        created_at)
FROM mail_deliveries
WHERE NOT is_once OR id = (
    SELECT max(newest.id) FROM mail_deliveries newest
    WHERE newest.is_once AND newest.kind = mail_deliveries.kind
        AND newest.about = mail_deliveries.about)"""
FILL_DUE = """
UPDATE imports SET due_at = (
    SELECT max(run_at) FROM jobs WHERE jobs.key = 'import:' || imports.id AND state = 'waiting')
WHERE EXISTS (
    SELECT 1 FROM jobs WHERE jobs.key = 'import:' || imports.id AND state = 'waiting')"""


def upgrade() -> None:
    create_jobs()
    create_mails("mail_deliveries", STATES, "attempts", "token", "first_tried_at", "code")
    once = where(MAY_HAVE_LEFT)
    op.create_index(
        "uq_mail_deliveries_once", "mail_deliveries", ["kind", "about"], unique=True, **once
    )
    op.create_index("ix_mail_deliveries_about", "mail_deliveries", ["about"])
    op.create_index("ix_mail_deliveries_finished_at", "mail_deliveries", ["finished_at"])
    for statement in (FILL_DELIVERIES, FILL_MAIL_JOBS, FILL_IMPORT_JOBS):
        op.execute(statement)
    guard("mail_deliveries", GUARDS)
    op.drop_table("outbox")
    op.drop_index("ix_imports_due", "imports")
    op.drop_column("imports", "due_at")
    op.create_table(
        "heartbeats",
        sa.Column("host", TEXT, nullable=False),
        sa.Column("process", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", one_of("web", "worker", name="kind"), nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("host", "process", "kind", name="pk_heartbeats"),
    )
    op.create_table(
        "circuit_breakers",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("retry_at", INSTANT),
        sa.Column("answer", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_circuit_breakers"),
    )


def create_jobs() -> None:
    op.create_table(
        "jobs",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "kind", "key")),
        sa.Column("priority", sa.Integer(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("subject_kind", "subject_id")),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("state", one_of(*JOB_STATES, name="state"), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *(sa.Column(name, INSTANT, nullable=False) for name in ("created_at", "run_at")),
        *(sa.Column(name, INSTANT) for name in ("first_tried_at", "started_at")),
        sa.Column("token", TEXT),
        *(sa.Column(name, INSTANT) for name in ("leased_until", "finished_at")),
        *(sa.Column(name, TEXT) for name in ("answer", "account_id")),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    running, recurring = "state = 'running'", "kind = 'upkeep' AND state IN ('waiting', 'running')"
    op.create_index("uq_jobs_lane", "jobs", ["key"], unique=True, **where(running))
    op.create_index("uq_jobs_recurring", "jobs", ["key"], unique=True, **where(recurring))
    op.create_index("ix_jobs_due", "jobs", ["kind", "run_at"], **where("state = 'waiting'"))
    op.create_index("ix_jobs_key", "jobs", ["key"])
    op.create_index("ix_jobs_state", "jobs", ["state", "kind", "run_at"])


def create_mails(
    table: str, states: tuple[str, ...], attempts: str, token: str, *more: str
) -> None:
    op.create_table(
        table,
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("id", "kind", "about", "recipient", "language")
        ),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("is_once", YES_NO, nullable=False),
        sa.Column("state", one_of(*states, name="state"), nullable=False),
        sa.Column(attempts, sa.Integer(), nullable=False),
        sa.Column(token, TEXT),
        sa.Column("created_at", INSTANT, nullable=False),
        *(sa.Column(name, INSTANT) for name in ("leased_until", "finished_at")),
        sa.Column("answer", TEXT),
        *(sa.Column(name, INSTANT if name.endswith("_at") else TEXT) for name in more),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )


def downgrade() -> None:
    op.drop_table("circuit_breakers")
    op.drop_table("heartbeats")
    op.add_column(
        "imports",
        sa.Column("due_at", INSTANT, nullable=False, server_default="2000-01-01 00:00:00+00:00"),
    )
    op.execute(FILL_DUE)
    op.create_index("ix_imports_due", "imports", ["state", "due_at"])
    create_mails("outbox", OLD_STATES, "tries", "claim")
    op.add_column(
        "outbox",
        sa.Column("due_at", INSTANT, nullable=False, server_default="2000-01-01 00:00:00+00:00"),
    )
    op.execute(FILL_OUTBOX)
    op.create_index("ix_outbox_about", "outbox", ["about"])
    op.create_index("ix_outbox_due", "outbox", ["state", "due_at"])
    op.create_index("uq_outbox_once", "outbox", ["kind", "about"], unique=True, **where("is_once"))
    guard("outbox", OLD_GUARDS)
    op.drop_table("mail_deliveries")
    op.drop_table("jobs")


def one_of(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=48)


def where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def guard(table: str, guards: tuple[tuple[str, str, str, str], ...]) -> None:
    """Create the triggers that refuse what must never happen."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, forbidden, words in guards:
        refuse = (
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            if is_sqlite
            else f"EXECUTE FUNCTION refuse('{words}')"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW"
            f" WHEN ({forbidden}) {refuse}"
        )
