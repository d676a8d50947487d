"""Checks of categories without a list: SQLite builds one for each row, which takes as long as the
rest of the insert."""

from collections.abc import Iterable

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TABLES = ("charges", "usage_groups")
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
EQUAL = " OR ".join(f"category = '{name}'" for name in CATEGORIES)
LISTED = f"category IN ({', '.join(repr(name) for name in CATEGORIES)})"


def upgrade() -> None:
    _check(TABLES, EQUAL)


def downgrade() -> None:
    _check(reversed(TABLES), LISTED)


def _check(tables: Iterable[str], condition: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in tables:
        name = op.f(f"ck_{table}_category")
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(name, type_="check")
            batch.create_check_constraint(name, condition)
