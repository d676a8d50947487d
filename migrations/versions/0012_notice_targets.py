"""Notices and their waiting mails name what they lead to, in place of its path."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sa.String()
KINDS = ("account", "cloud", "console", "customer", "team")
PATHS = (
    # (kind, its path, where in it the ID begins, where the account's does)
    ("account", "/console/billing/{id}", 18, None),
    ("cloud", "/console/clouds/{id}", 17, None),
    ("customer", "/partner/{account}/customers/{id}", 41, 10),
    ("team", "/partner/{id}/team", 10, None),
)
ID_LENGTH = 20
OPEN = ("pending", "claimed", "transmitting")

notices = sa.table(
    "notices",
    *(sa.column(name, TEXT) for name in ("path", "target_kind", "target_id", "target_account_id")),
)
outbox = sa.table(
    "outbox",
    *(sa.column(name, TEXT) for name in ("id", "kind", "state")),
    sa.column("facts", sa.JSON()),
)


def upgrade() -> None:
    is_known = sa.CheckConstraint(f"target_kind IN {KINDS}", name=op.f("ck_notices_target_kind"))
    op.add_column("notices", filled("target_kind", sa.String(48), "console", is_known))
    op.add_column("notices", filled("target_id", TEXT, ""))
    op.add_column("notices", sa.Column("target_account_id", TEXT))
    kind, ident, account_id = target(notices.c.path)
    values = {"target_kind": kind, "target_id": ident, "target_account_id": account_id}
    op.execute(notices.update().values(values))
    op.drop_column("notices", "path")
    for entry, facts, *found in waiting(*target(outbox.c.facts["path"].as_string())):
        new = {name: fact for name, fact in facts.items() if name != "path"}
        new["target"] = dict(zip(("kind", "id", "account_id"), found, strict=True))
        op.execute(outbox.update().where(outbox.c.id == entry).values(facts=new))


def downgrade() -> None:
    op.add_column("notices", filled("path", TEXT, "/console"))
    stored = notices.c.target_kind, notices.c.target_id, notices.c.target_account_id
    op.execute(notices.update().values(path=path(*stored)))
    for name in ("target_kind", "target_id", "target_account_id"):
        op.drop_column("notices", name)
    names = (outbox.c.facts["target", name].as_string() for name in ("kind", "id", "account_id"))
    for entry, facts, found in waiting(path(*names)):
        new = {name: fact for name, fact in facts.items() if name != "target"}
        new["path"] = found
        op.execute(outbox.update().where(outbox.c.id == entry).values(facts=new))


def filled(name: str, of: Any, default: str, *more: Any) -> sa.Column[Any]:
    """A column that is never empty. SQLite adds none without a default, and never drops one."""
    return sa.Column(name, of, *more, nullable=False, server_default=default)


def target(path: Any) -> tuple[Any, Any, Any]:
    """Kind, ID and account of what a path leads to, in SQL: the console for an unknown one."""
    known = [
        (path.like(shape.format(id="_" * ID_LENGTH, account="_" * ID_LENGTH)), kind, at, account_at)
        for kind, shape, at, account_at in PATHS
    ]
    return (
        sa.case(*((is_it, kind) for is_it, kind, _, _ in known), else_="console"),
        sa.case(*((is_it, part(path, at)) for is_it, _, at, _ in known), else_=""),
        sa.case(*((is_it, part(path, at)) for is_it, _, _, at in known if at), else_=None),
    )


def part(path: Any, at: int) -> Any:
    return sa.func.substr(path, at, ID_LENGTH)


def path(kind: Any, ident: Any, account_id: Any) -> Any:
    """The path of a target, in SQL."""
    account = sa.func.coalesce(account_id, "")
    known = (
        (kind == of, sa.func.replace(sa.func.replace(shape, "{id}", ident), "{account}", account))
        for of, shape, _, _ in PATHS
    )
    return sa.case(*known, else_="/console")


def waiting(*more: Any) -> list[Any]:
    """ID and facts of the mails of notices that have not left, and `more`."""
    found = sa.select(outbox.c.id, outbox.c.facts, *more)
    found = found.where(outbox.c.kind == "notice", outbox.c.state.in_(OPEN))
    return list(op.get_bind().execute(found))
