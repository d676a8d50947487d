"""Verification: a claim becomes a cloud, with its link and its ID at the connection, at once."""

from __future__ import annotations

from typing import NamedTuple

from portal import db
from portal.domain import access, audit, clouds, identity, locks, memberships
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import WORKER, Actor
from portal.domain.claims.lifecycle import require_waiting
from portal.domain.claims.record import Claim, ClaimState
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.memberships import CloudIdentity


class Question(NamedTuple):
    """What the connection is asked: the role of an identity (provider, subject) on a cloud."""

    connection: Connection
    external_id: str
    identity: tuple[str, str]


def verify(claim: Claim, *, by: Actor) -> Cloud:
    """An operator, or the connection, verifies a claim: the cloud comes into being, its author owns
    it. That it is adopted at the connection is ordered.

    Raises ReauthenticationRequired, Forbidden, Refused("claim-over", "claim-author",
    "external-id-taken") and the refusals of `clouds.create`.
    """
    locks.lock((User, claim.user_id), (User, None if by.is_system else by.id))
    identity.require_recent(by)
    access.require_operator(by, Action.CLAIM_VERIFY)
    locks.lock((BillingAccount, claim.account_id), (Claim, claim.id))
    require_waiting(claim)
    author = db.session.get_one(User, claim.user_id)
    account = db.session.get_one(BillingAccount, claim.account_id)
    may_pay = access.may(identity.as_actor(author), Action.CLOUD_CREATE, account)
    if not (author.is_active and may_pay):
        raise Refused(Code.CLAIM_AUTHOR)
    cloud = clouds.adopt(
        account,
        connection_id=claim.connection_id,
        external_id=claim.external_id,
        name=claim.name,
        owners=[author.id],
        by=by,
    )
    claim.state, claim.cloud_id = ClaimState.VERIFIED, cloud.id
    db.session.flush()
    memberships.settle_cloud(cloud.id)
    chain = account.chain
    audit.record(Action.CLAIM_VERIFY, by=by, chain=chain, thing=claim.id, cloud=cloud.id)
    return cloud


def question_of(claim_id: str) -> Question | None:
    """What to ask about the claim; None if it is over, or its author is not mapped any more."""
    claim = db.session.get(Claim, claim_id, populate_existing=True)
    if claim is None or claim.state is not ClaimState.WAITING or claim.expires_at <= db.now():
        return None
    mapped = db.session.get(CloudIdentity, (claim.user_id, claim.connection_id))
    if mapped is None:
        return None
    connection = db.session.get_one(Connection, claim.connection_id, populate_existing=True)
    return Question(connection, claim.external_id, (mapped.provider, mapped.subject))


def record_check(claim_id: str, *, is_owner: bool) -> None:
    """Record what the connection said; verify the claim of an owner. One that can't be verified
    stays as it is: nothing says whether the cloud exists, or is taken."""
    claim = db.session.get(Claim, claim_id)
    if claim is None:
        return
    if is_owner:
        try:
            with db.savepoint():
                verify(claim, by=WORKER)
        except Refused:
            pass
    claim = db.lock(Claim, claim_id)
    claim.checked_at = db.now()
    db.session.flush()


def record_fault(claim_id: str) -> None:
    """The connection could not say whose the cloud is."""
    record_check(claim_id, is_owner=False)
