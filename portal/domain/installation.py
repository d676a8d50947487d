"""The installation: what is true of this database as a whole."""

from __future__ import annotations

import secrets

from sqlalchemy import CheckConstraint, select, update
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import policy
from portal.domain.errors import Code, Refused


class Installation(db.Base):
    """The only row. `link_epoch` is signed with every link in a mail; it is empty until the first
    restore. `currency` and `billing_time_zone` are fixed by the first published usage.
    `last_statement` is the last number of the operator's statements."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="only"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    link_epoch: Mapped[str]
    currency: Mapped[str | None]
    billing_time_zone: Mapped[str | None]
    last_statement: Mapped[int] = mapped_column(default=0)


def link_epoch() -> str:
    """The epoch with which links are signed and read."""
    return db.session.scalars(select(Installation.link_epoch)).one()


def renew_link_epoch() -> None:
    """Make every link that was signed before invalid."""
    db.session.execute(update(Installation).values(link_epoch=secrets.token_hex(8)))


def fixed_money() -> tuple[str, str] | None:
    """The currency and the zone of usage days that are fixed; None before the first usage."""
    query = select(Installation.currency, Installation.billing_time_zone)
    currency, zone = db.session.execute(query).one()
    return (currency, zone) if currency and zone else None


def fix_money() -> None:
    """Fix the currency and the zone of usage days, which are those of the settings. Raises
    Refused("usage-money-changed") if others are fixed."""
    current = policy.current()
    given = current.currency, current.billing_time_zone.key
    if fixed_money() is None:
        values = {"currency": given[0], "billing_time_zone": given[1]}
        is_open = Installation.currency.is_(None)
        db.session.execute(update(Installation).where(is_open).values(values))
    if fixed_money() != given:
        raise Refused(Code.USAGE_MONEY_CHANGED)


def lock() -> Installation:
    """Lock the row until the commit: of what is done for the installation as a whole, one thing
    goes on at a time."""
    query = select(Installation).with_for_update(key_share=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def next_statement() -> int:
    """The next number of the operator's statements. The caller has locked the installation."""
    row = lock()
    row.last_statement += 1
    db.session.flush()
    return row.last_statement
