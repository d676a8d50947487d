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
        "OLD.answer IS NOT NULL AND (NEW.answer IS NULL OR OLD.answer <> NEW.answer)",
        "an invitation is answered once",
    ),
    (
        "billing_accounts_paid_stays",
        "billing_accounts",
        "UPDATE",
        "OLD.mode = 'paid' AND NEW.mode <> 'paid'",
        "paid mode is one way",
    ),
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
        op.execute("DROP FUNCTION refuse()")
