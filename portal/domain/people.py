"""People: operators find a user, block and unblock them, end their sessions, appoint operators.

To block stops a person at once, and changes no ownership: a blocked user still counts as owner.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import (
    access,
    audit,
    identity,
    locks,
    mail_deliveries,
    memberships,
    notifications,
    values,
)
from portal.domain.access import AccountAccess, AccountRole, CloudAccess
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity import BlockReason, User, UserSession
from portal.domain.memberships import Progress
from portal.domain.values import EmailAddress

PAGE = 50


class HeldRole(NamedTuple):
    """A role of a person on an account."""

    account: BillingAccount
    role: AccountRole


class PersonDetails(NamedTuple):
    """What operators see of a user beside the record itself."""

    sessions: list[UserSession]
    roles: list[HeldRole]
    """The strongest on each account, the newest account first. Not all, if there are more than
    PAGE."""
    clouds: int
    """On how many clouds they hold a role."""
    access: Counter[Progress]
    """On how many clouds of connections their access is how far."""
    ends_by: datetime | None
    """When sign-ins that are open after a revoke end."""


def block(user: User, *, by: Actor, reason: BlockReason) -> None:
    """An operator blocks another user: sessions end, and signing in, resetting the password and
    running imports are refused until `unblock`. Mails of notifications that wait are cancelled; the
    user gets a mail that says it. A blocked user stays so.

    An operator can't block themself, so that one is always left. A command may block anybody: who
    runs it can appoint another operator. Raises ReauthenticationRequired, Forbidden,
    Refused("block-self").
    """
    user = _lock(user, Action.USER_BLOCK, by=by)
    if user.id == by.id:
        raise Refused(Code.BLOCK_SELF)
    if user.blocked_at is not None:
        return
    user.blocked_at, user.block_reason = db.now(), reason
    identity.end_sessions(user.id, by=by, why="blocked")
    memberships.settle_user(user.id)
    notifications.cancel_mails(user)
    mail_deliveries.add(
        "account-blocked",
        about=user.id,
        to=values.email(user.email).wire,
        language=user.language,
        facts={},
    )
    _record(Action.USER_BLOCK, user, by=by, reason=reason)


def unblock(user: User, *, by: Actor) -> None:
    """An operator lets a blocked user sign in again, unless they are disabled.

    Raises ReauthenticationRequired, Forbidden.
    """
    user = _lock(user, Action.USER_UNBLOCK, by=by)
    if user.blocked_at is None:
        return
    since, user.blocked_at, user.block_reason = user.blocked_at, None, None
    memberships.reinstate(user.id, since=since)
    _record(Action.USER_UNBLOCK, user, by=by)


def end_sessions(user: User, *, by: Actor) -> None:
    """An operator signs a user out of all browsers. Raises ReauthenticationRequired, Forbidden."""
    user = _lock(user, Action.USER_END_SESSIONS, by=by)
    identity.end_sessions(user.id, by=by, why="operator")
    _record(Action.USER_END_SESSIONS, user, by=by)


def appoint_operator(user: User, *, by: Actor) -> None:
    """An operator makes another user an operator, too. Raises ReauthenticationRequired,
    Forbidden."""
    identity.make_operator(_lock(user, Action.USER_OPERATOR, by=by), by=by)


def allow(address: EmailAddress, *, by: Actor) -> None:
    """An operator allows an address to sign up where sign-up is by invitation. Raises
    ReauthenticationRequired, Forbidden."""
    access.require_operator(by, Action.USER_ALLOW)
    identity.allow_email(address, by=by)
    db.session.flush()
    identity.require_recent(by)  # last: it locks the user, and allowed addresses come before users


def people_for(actor: Actor, *, after: str = "") -> list[User]:
    """A page of the users, the oldest first, and one more if there is a next page; `after` is the
    ID of the previous page's last. Operators only."""
    query = select(User).where(User.visible_to(actor), User.id > after)
    return list(db.session.scalars(query.order_by(User.id).limit(PAGE + 1)))


def blocked_people(actor: Actor) -> list[User]:
    """The users who are blocked now, the latest first, at most PAGE."""
    query = select(User).where(User.visible_to(actor), User.blocked_at.is_not(None))
    return list(db.session.scalars(query.order_by(User.blocked_at.desc(), User.id).limit(PAGE)))


def details_of(user: User) -> PersonDetails:
    """The user's live sessions, and their roles in effect on accounts and clouds."""
    roles = (
        select(BillingAccount, AccountAccess.role)
        .join(AccountAccess, AccountAccess.account_id == BillingAccount.id)
        .where(AccountAccess.user_id == user.id, access.in_effect())
        .order_by(BillingAccount.id.desc())
        .limit(2 * PAGE + 2)  # on an account two are in effect after one was raised
    )
    strongest: dict[BillingAccount, AccountRole] = {}
    for account, role in db.session.execute(roles):
        held = strongest.get(account, role)
        strongest[account] = min(held, role, key=list(AccountRole).index)
    clouds = select(func.count(CloudAccess.cloud_id.distinct())).where(
        CloudAccess.user_id == user.id, CloudAccess.revoked_at.is_(None)
    )
    return PersonDetails(
        identity.sessions_of(identity.as_actor(user)),
        [HeldRole(*held) for held in strongest.items()],
        db.session.scalar(clouds) or 0,
        *memberships.progress_of(user.id),
    )


def _lock(user: User, action: Action, *, by: Actor) -> User:
    """Lock the user, who is returned, and the actor; check that the actor may."""
    # Both in the one order, before `require_recent` locks the actor: two operators may block each
    # other at once.
    locks.lock((User, user.id), (User, None if by.is_system else by.id))
    identity.require_recent(by)
    access.require_operator(by, action)
    return db.session.get_one(User, user.id)


def _record(action: Action, user: User, *, by: Actor, **facts: str) -> None:
    audit.record(action, by=by, chain=audit.INSTALLATION, thing=user.id, **facts)
