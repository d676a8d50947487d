"""Claims: register, withdraw, check again, refuse."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from portal import db
from portal.domain import access, audit, clouds, identity, jobs, locks, retention
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.claims.record import LIFETIME, Claim, ClaimState
from portal.domain.connections import Connection, Kind
from portal.domain.errors import Code, Forbidden, Refused
from portal.domain.identity import User
from portal.domain.jobs import OrderKind
from portal.domain.memberships import CloudIdentity

MOST, WINDOW = 10, timedelta(days=1)
"""Claims that a person may register in a window."""
CHECK_AFTER = timedelta(minutes=1)
"""Between two checks of a claim."""


def register(
    account: BillingAccount, *, connection: Connection, external_id: str, name: str, by: Actor
) -> Claim:
    """An editor of an account registers an existing cloud that the account is to pay for. Its
    connection is asked if an operator mapped the person there; else an operator verifies it. The
    same claim twice is one.

    Raises Forbidden, Refused("claims-many", "connection-closed", "user-disabled") and the refusals
    of `clouds.create`.
    """
    identity.lock_active(by)
    locks.lock((BillingAccount, account.id), (Connection, connection.id))
    access.require(by, Action.CLOUD_CREATE, account)
    clouds.require_payer(account)
    if connection.kind == Kind.BUILTIN or connection.closed_at is not None:
        raise Refused(Code.CONNECTION_CLOSED, field="connection_id")
    if (same := _find_same(connection.id, external_id, by)) is not None:
        return same
    recent = select(func.count()).where(
        Claim.user_id == by.id, Claim.created_at > db.now() - WINDOW
    )
    if (db.session.scalar(recent) or 0) >= MOST:
        raise Refused(Code.CLAIMS_MANY, limit=MOST)
    claim = Claim(
        id=db.new_id("clm"),
        user_id=by.id,
        account_id=account.id,
        connection_id=connection.id,
        external_id=external_id,
        name=name,
        state=ClaimState.WAITING,
        created_at=db.now(),
        expires_at=db.now() + LIFETIME,
    )
    db.session.add(claim)
    db.session.flush()
    _order_check(claim)
    _record(Action.CLAIM_REGISTER, claim, by=by)
    return claim


def withdraw(claim: Claim, *, by: Actor) -> None:
    """The author gives up a claim. Raises Forbidden, Refused("claim-over")."""
    claim = _lock_own(claim, Action.CLAIM_WITHDRAW, by=by)
    claim.state = ClaimState.WITHDRAWN
    db.session.flush()
    _record(Action.CLAIM_WITHDRAW, claim, by=by)


def check_again(claim: Claim, *, by: Actor) -> None:
    """The author has the connection asked again whether they own the cloud there.

    Raises Forbidden, Refused("claim-over", "claim-just-checked").
    """
    claim = _lock_own(claim, Action.CLAIM_CHECK, by=by)
    if claim.asked_at is not None and claim.asked_at > db.now() - CHECK_AFTER:
        raise Refused(Code.CLAIM_JUST_CHECKED)
    _order_check(claim)
    _record(Action.CLAIM_CHECK, claim, by=by)


def refuse(claim: Claim, *, reason: str, by: Actor) -> None:
    """An operator refuses a claim, and says why.

    Raises ReauthenticationRequired, Forbidden, Refused("claim-over").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.CLAIM_REFUSE)
    claim = db.lock(Claim, claim.id)
    require_waiting(claim)
    claim.state, claim.reason = ClaimState.REFUSED, reason
    db.session.flush()
    _record(Action.CLAIM_REFUSE, claim, by=by)


def require_waiting(claim: Claim) -> None:
    """Raises Refused("claim-over") unless the claim waits to be verified."""
    if claim.state is not ClaimState.WAITING or claim.expires_at <= db.now():
        raise Refused(Code.CLAIM_OVER)


def purge_expired() -> bool:
    """Delete a batch of claims whose time is over. Return whether there may be more."""
    return retention.delete_batch(Claim, Claim.expires_at <= db.now())


def _find_same(connection_id: str, external_id: str, by: Actor) -> Claim | None:
    """The actor's claim to this cloud that waits; one that is over is deleted."""
    is_same = Claim.connection_id == connection_id, Claim.external_id == external_id
    query = select(Claim).where(*is_same, Claim.user_id == by.id)
    same = db.session.scalar(query.where(Claim.state == ClaimState.WAITING))
    if same is not None and same.expires_at <= db.now():
        db.session.delete(same)
        db.session.flush()
        return None
    return same


def _lock_own(claim: Claim, action: Action, *, by: Actor) -> Claim:
    if by.id != claim.user_id:
        raise Forbidden(action)
    locks.lock((User, by.id), (Claim, claim.id))
    require_waiting(claim)
    return claim


def _order_check(claim: Claim) -> None:
    """Have the connection asked, if an operator mapped the author there."""
    claim.asked_at = db.now()
    db.session.flush()
    if db.session.get(CloudIdentity, (claim.user_id, claim.connection_id)) is not None:
        jobs.add_order(
            OrderKind.CHECK_CLAIM,
            claim.id,
            connection_id=claim.connection_id,
            account_id=claim.account_id,
        )


def _record(action: Action, claim: Claim, *, by: Actor) -> None:
    account = db.session.get_one(BillingAccount, claim.account_id)
    audit.record(action, by=by, chain=account.chain, thing=claim.id)
