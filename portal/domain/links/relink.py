"""Linking: what it will do, as shown before, and the dated move itself."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, customers, locks, notifications
from portal.domain.access import CloudAccess
from portal.domain.accounts import BillingAccount, InitialGrant
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.customers import Customer
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.links.candidates import find_candidate
from portal.domain.links.eligibility import Candidate, Target, find_refusal, target_for
from portal.domain.notifications import Kind, TargetKind


@dataclass(frozen=True)
class Effect:
    """What linking a cloud to an account will do, to whom it is shown. Payer and initial grant are
    None where that account does not exist for the reader; the grant's rest is in the installation's
    currency."""

    cloud_id: str
    cloud_name: str
    link_id: str
    payer_id: str | None
    payer_name: str | None
    grant_left: Decimal | None
    grant_until: datetime | None
    account_id: str
    account_name: str
    invoiced: str | None
    """The name of the partner who is invoiced for what is linked there."""

    @property
    def digest(self) -> str:
        """Equal as long as nothing that was shown has changed."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()


def preview_effect(at: Target, cloud: Candidate) -> Effect:
    """What linking this cloud there will do."""
    grant = db.session.get(InitialGrant, cloud.payer_id) if cloud.payer_id else None
    is_left = grant is not None and grant.left > 0
    return Effect(
        cloud_id=cloud.id,
        cloud_name=cloud.name,
        link_id=cloud.link_id,
        payer_id=cloud.payer_id,
        payer_name=cloud.payer_name,
        grant_left=grant.left if grant and is_left else None,
        grant_until=grant.expires_at if grant and is_left else None,
        account_id=at.account.id,
        account_name=at.account.name,
        invoiced=at.account.parent.name if at.account.parent else None,
    )


def link(found: Cloud, *, by: Actor, to: BillingAccount, shown: str) -> Link:
    """An owner of a cloud links it to an account that they may link to; from that moment on this
    account pays. `shown`: the digest of the effect that they were shown.

    Raises Refused as `why_not` says, Refused("effect-changed", "user-disabled").
    """
    _lock_in_order(found, to, by)
    at = target_for(to, by)
    cloud = find_candidate(at, found)
    if reason := find_refusal(at, cloud):
        raise reason
    if preview_effect(at, cloud).digest != shown:
        raise Refused(Code.EFFECT_CHANGED)
    before = db.session.get_one(Link, cloud.link_id, populate_existing=True)
    moved = _move(before, to, by=by)
    left = db.session.get_one(BillingAccount, before.account_id)
    gone, come = _customer_of(left), _customer_of(to)
    audit.record(
        Action.CLOUD_LEAVE,
        by=by,
        chain=left.chain,
        thing=found.id,
        customer=gone.id if gone else None,
    )
    audit.record(
        Action.CLOUD_LINK, by=by, chain=to.chain, thing=found.id, customer=come.id if come else None
    )
    _notify(found, gone, come, by=by)
    return moved


def _notify(found: Cloud, gone: Customer | None, come: Customer | None, *, by: Actor) -> None:
    """The partners whose customer it concerns hear of it, and those who own the cloud."""
    if gone is not None:
        customers.notify_partner(Kind.LEFT, gone, by=by, cloud=found.name)
    if come is not None:
        customers.notify_partner(Kind.LINKED, come, by=by, cloud=found.name)
    at = notifications.Target(TargetKind.CLOUD, found.id)
    owners = access.cloud_owners(found.id)
    notifications.notify(Kind.MOVED, to=owners, about=found.id, target=at, by=by, cloud=found.name)


def _lock_in_order(found: Cloud, to: BillingAccount, by: Actor) -> None:
    """Every row on which a precondition stands: the person, the accounts, the cloud. A payer who
    comes meanwhile changes what was shown."""
    if not by.is_system and db.lock(User, by.id).disabled_at is not None:
        raise Refused(Code.USER_DISABLED)
    payer = select(Link.account_id).where(Link.cloud_id == found.id, Link.until_at.is_(None))
    partners = select(CloudAccess.partner_id).where(
        CloudAccess.cloud_id == found.id,
        CloudAccess.partner_id.in_(access.account_ids(by, staff=True)),
    )
    named = [to.id, to.parent_id, *db.session.scalars(payer), *db.session.scalars(partners)]
    locks.lock(*((BillingAccount, ident) for ident in named), (Cloud, found.id))


def _move(before: Link, to: BillingAccount, *, by: Actor) -> Link:
    # A clock that was set back must not end a link before it began.
    at = max(db.now(), before.since_at + timedelta(microseconds=1))
    before.until_at = at
    db.session.flush()
    after = Link(
        id=db.new_id("lnk"),
        cloud_id=before.cloud_id,
        account_id=to.id,
        since_at=at,
        continues_at=at,
        linked_by=by.id,
    )
    db.session.add(after)
    db.session.flush()
    return after


def _customer_of(account: BillingAccount) -> Customer | None:
    return db.session.scalar(select(Customer).where(Customer.subaccount_id == account.id))
