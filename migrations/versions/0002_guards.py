"""Guards: what not even raw SQL may do to states, links, answers, modes and audit lines."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITING = "SUBACCOUNT-ACCEPTANCE-REQUIRED"
MOVES = (
    f"(OLD.status = '{WAITING}' AND NEW.status IN ('Active', 'Inactive'))"
    " OR (OLD.status = 'Active' AND NEW.status IN ('Suspended', 'Inactive'))"
    " OR (OLD.status = 'Suspended' AND NEW.status IN ('Active', 'Inactive'))"
)

OPEN = "'pending', 'claimed', 'transmitting'"

GUARDS = (
    # (name, table, event, forbidden when, what is said)
    (
        "customers_move",
        "customers",
        "UPDATE",
        f"OLD.status <> NEW.status AND NOT ({MOVES})",
        "this customer state does not lead there",
    ),
    ("customers_stay", "customers", "DELETE", "1 = 1", "a customer is kept for history"),
    ("audit_lines_fixed", "audit_lines", "UPDATE", "1 = 1", "the audit log only grows"),
    ("audit_lines_stay", "audit_lines", "DELETE", "1 = 1", "the audit log only grows"),
    (
        "links_fixed",
        "links",
        "UPDATE",
        "OLD.until_at IS NOT NULL OR OLD.cloud_id <> NEW.cloud_id"
        " OR OLD.account_id <> NEW.account_id OR OLD.since_at <> NEW.since_at",
        "a link may only end",
    ),
    ("links_stay", "links", "DELETE", "1 = 1", "a link is kept for history"),
    (
        "invitations_answered_once",
        "invitations",
        "UPDATE",
        "OLD.answer IS NOT NULL AND (NEW.answer IS NULL OR OLD.answer <> NEW.answer"
        " OR OLD.answered_by <> NEW.answered_by)",
        "an invitation is answered once",
    ),
    (
        "invitations_bound",
        "invitations",
        "UPDATE",
        "OLD.answer IS NULL AND OLD.email_key <> NEW.email_key",
        "an open invitation is bound to its address",
    ),
    ("invitations_stay", "invitations", "DELETE", "1 = 1", "an invitation is kept for history"),
    (
        "outbox_once_stays_final",
        "outbox",
        "UPDATE",
        "OLD.is_once AND (NOT NEW.is_once"
        f" OR (OLD.state NOT IN ({OPEN}) AND NEW.state IN ({OPEN})))",
        "a mail that is sent once is not sent again",
    ),
    ("outbox_once_stays", "outbox", "DELETE", "OLD.is_once", "a mail that is sent once is kept"),
    (
        "billing_accounts_paid_stays",
        "billing_accounts",
        "UPDATE",
        "OLD.mode = 'paid' AND NEW.mode <> 'paid'",
        "paid mode is one way",
    ),
    (
        "billing_accounts_closed_stays",
        "billing_accounts",
        "UPDATE",
        "OLD.closed_at IS NOT NULL AND NEW.closed_at IS NULL",
        "a closed account stays closed",
    ),
    ("billing_accounts_stay", "billing_accounts", "DELETE", "1 = 1", "an account is kept"),
    (
        "initial_grants_shrink",
        "initial_grants",
        "UPDATE",
        "NEW.remaining > OLD.remaining OR NEW.amount <> OLD.amount",
        "an initial grant is given once",
    ),
    ("initial_grants_stay", "initial_grants", "DELETE", "1 = 1", "an initial grant is given once"),
    (
        "billing_accounts_subaccount_stays",
        "billing_accounts",
        "UPDATE",
        "(OLD.kind = 'subaccount') <> (NEW.kind = 'subaccount')"
        " OR (OLD.kind = 'subaccount' AND OLD.parent_id <> NEW.parent_id)",
        "a subaccount stays its partner's",
    ),
)

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$
"""


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(REFUSE)
        op.execute(
            "CREATE TRIGGER audit_lines_whole BEFORE TRUNCATE ON audit_lines"
            " EXECUTE FUNCTION refuse('the audit log only grows')"
        )
    for name, table, event, forbidden, said in GUARDS:
        words = said.replace("'", "''")
        refuse = (
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            if is_sqlite
            else f"EXECUTE FUNCTION refuse('{words}')"
        )
        when = f"WHEN {'(' + forbidden + ')'}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when} {refuse}")


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, *_rest in reversed(GUARDS):
        op.execute(f"DROP TRIGGER {name}" + ("" if is_sqlite else f" ON {table}"))
    if not is_sqlite:
        op.execute("DROP TRIGGER audit_lines_whole ON audit_lines")
        op.execute("DROP FUNCTION refuse()")
