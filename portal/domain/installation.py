"""The installation: what is true of this database as a whole."""

from __future__ import annotations

import secrets

from sqlalchemy import CheckConstraint, select, update
from sqlalchemy.orm import Mapped, mapped_column

from portal import db


class Installation(db.Base):
    """The only row. `link_epoch` is signed with every link in a mail; it is empty until the first
    restore."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="only"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    link_epoch: Mapped[str]


def link_epoch() -> str:
    """The epoch with which links are signed and read."""
    return db.session.scalars(select(Installation.link_epoch)).one()


def renew_link_epoch() -> None:
    """Make every link that was signed before invalid."""
    db.session.execute(update(Installation).values(link_epoch=secrets.token_hex(8)))
