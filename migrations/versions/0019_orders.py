"""Orders: one of a kind and subject waits at a time; those that take access away go on."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TAKES_AWAY = (
    "OLD.kind = 'clouds' AND OLD.subject_kind IN"
    " ('suspend-cloud', 'close-cloud', 'revoke-member', 'withdraw-access')"
)
REPLACED = "a newer order for the same subject replaced this one"
GUARDS = (
    (
        "jobs_taking_access_goes_on",
        "UPDATE",
        f"{TAKES_AWAY} AND (NEW.kind <> OLD.kind OR NEW.subject_kind <> OLD.subject_kind"
        " OR NEW.subject_id <> OLD.subject_id OR NEW.state IN ('failed', 'parked')"
        f" OR (NEW.state = 'cancelled' AND coalesce(NEW.answer, '') <> '{REPLACED}'))",
        "an order that takes access away goes on",
    ),
    (
        "jobs_taking_access_stays",
        "DELETE",
        f"{TAKES_AWAY} AND OLD.state IN ('waiting', 'running')",
        "an order that takes access away is kept until it is carried out",
    ),
)


def upgrade() -> None:
    waits: dict[str, Any] = {
        f"{dialect}_where": sa.text("kind = 'clouds' AND state = 'waiting'")
        for dialect in ("sqlite", "postgresql")
    }
    op.create_index("uq_jobs_order", "jobs", ["subject_kind", "subject_id"], unique=True, **waits)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, forbidden, words in GUARDS:
        refuse = (
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            if is_sqlite
            else f"EXECUTE FUNCTION refuse('{words}')"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON jobs FOR EACH ROW WHEN ({forbidden}) {refuse}"
        )


def downgrade() -> None:
    on = "" if op.get_bind().dialect.name == "sqlite" else " ON jobs"
    for name, *_rest in GUARDS:
        op.execute(f"DROP TRIGGER {name}{on}")
    op.drop_index("uq_jobs_order", "jobs")
