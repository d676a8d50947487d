"""Look-ups by address: nobody finds out of many addresses which of them have an account.

An address without an account is a miss. After so many misses no address is looked up, and the
answer is the same for all.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity.user import User, user_by_email
from portal.domain.values import EmailAddress

log = structlog.get_logger(__name__)

MISS_WINDOW = timedelta(days=1)
MISSES_PER_PERSON, MISSES_PER_ACCOUNT = 10, 30
"""In any MISS_WINDOW."""


class AddressMiss(db.Base):
    """A look-up of an address without an account; the address is not stored."""

    __tablename__ = "address_misses"
    __table_args__ = (
        Index("ix_address_misses_user_id", "user_id", "missed_at"),
        Index("ix_address_misses_account_id", "account_id", "missed_at"),
        Index("ix_address_misses_missed_at", "missed_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("billing_accounts.id"))
    missed_at: Mapped[datetime]


class NoAccountError(Refused, db.CommittedError):
    """The address has no account. The miss is committed."""


def look_up(address: EmailAddress, *, by: Actor, account_id: str) -> User:
    """The user with this address. A miss counts for the person and for the account on whose behalf
    they look. A verb calls it before it changes anything, and has locked the person and the account
    before, so that look-ups at the same time count one another.

    Raises Refused("look-ups-many") with `at`, the instant from which addresses are looked up again;
    Refused("no-account").
    """
    if not by.is_system:
        _require_misses_left(by, account_id)
    user = user_by_email(address.key)
    if user is not None:
        return user
    if by.is_system:
        raise Refused(Code.NO_ACCOUNT, field="email", address=address.display)
    miss = AddressMiss(
        id=db.new_id("mis"), user_id=by.id, account_id=account_id, missed_at=db.now()
    )
    db.session.add(miss)
    db.session.flush()
    raise NoAccountError(Code.NO_ACCOUNT, field="email", address=address.display)


def _require_misses_left(by: Actor, account_id: str) -> None:
    limits = (
        ("person", AddressMiss.user_id == by.id, MISSES_PER_PERSON),
        ("account", AddressMiss.account_id == account_id, MISSES_PER_ACCOUNT),
    )
    reached = [(at, name) for name, whose, most in limits if (at := _next_at(whose, most))]
    if reached:
        at, name = max(reached)
        log.warning("address_look_up.refused", limit=name, by=by.id, account=account_id)
        raise Refused(Code.LOOK_UPS_MANY, field="email", at=at)


def _next_at(whose: ColumnElement[bool], most: int) -> datetime | None:
    """When the next miss is allowed; None means now."""
    now = db.now()
    # A clock may be set back: what is later than this would refuse look-ups for as long.
    is_recent = AddressMiss.missed_at.between(now - MISS_WINDOW, now + MISS_WINDOW)
    query = select(AddressMiss.missed_at).where(whose, is_recent)
    query = query.order_by(AddressMiss.missed_at.desc()).offset(most - 1).limit(1)
    missed_at = db.session.scalar(query)
    return None if missed_at is None else missed_at + MISS_WINDOW
