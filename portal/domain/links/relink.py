"""Link a cloud to another account: the preview of what changes, and the dated change itself."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, charges, clouds, customers, identity, locks, notifications
from portal.domain.access import CloudAccess
from portal.domain.accounts import BillingAccount, Mode
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Link, Task
from portal.domain.customers import Customer
from portal.domain.errors import Code, Refused
from portal.domain.links.candidates import find_candidate
from portal.domain.links.eligibility import Candidate, Target, find_refusal, target_for
from portal.domain.notifications import Kind, TargetKind


@dataclass(frozen=True)
class LinkPreview:
    """What linking a cloud to an account will change, as the actor sees it.

    The payer is None where the actor can't see that account, the initial grant where they can't see
    its money. `grant_left` is in the installation's currency.
    """

    cloud_id: str
    cloud_name: str
    link_id: str
    payer_id: str | None
    payer_name: str | None
    grant_left: Decimal | None
    grant_until: date | None
    account_id: str
    account_name: str
    partner_name: str | None
    """The partner that pays for the clouds linked to the account."""

    @property
    def digest(self) -> str:
        """A hash of the preview; it differs if anything in the preview has changed."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()


def preview_link(target: Target, candidate: Candidate) -> LinkPreview:
    """What linking the cloud to the account will change."""
    account, payer_id = target.account, candidate.payer_id
    payer = db.session.get(BillingAccount, payer_id) if payer_id else None
    may_see = payer is not None and access.may(target.actor, Action.ACCOUNT_SEE_MONEY, payer)
    grant = payer.grant if payer and may_see else None
    is_left = grant is not None and grant.left > 0
    return LinkPreview(
        cloud_id=candidate.id,
        cloud_name=candidate.name,
        link_id=candidate.link_id,
        payer_id=payer_id,
        payer_name=candidate.payer_name,
        grant_left=grant.left if grant and is_left else None,
        grant_until=grant.last_on if grant and is_left else None,
        account_id=account.id,
        account_name=account.name,
        partner_name=account.parent.name if account.parent else None,
    )


def link(cloud: Cloud, *, by: Actor, to: BillingAccount, preview_digest: str) -> Link:
    """An owner of a cloud links it to an account that they may link to, which pays from then on.
    Returns the new link. `preview_digest`: the digest of the preview that they confirm.

    Raises Refused("user-disabled", "effect-changed") and the refusals of `find_refusal`.
    """
    _lock_in_order(cloud, to, by)
    target = target_for(to, by)
    candidate = find_candidate(target, cloud)
    if refusal := find_refusal(target, candidate):
        raise refusal
    if preview_link(target, candidate).digest != preview_digest:
        raise Refused(Code.EFFECT_CHANGED)
    return move(cloud, by=by, to=to)


def move(cloud: Cloud, *, by: Actor, to: BillingAccount) -> Link:
    """Link a cloud to another account, whatever `find_refusal` says. The calling verb locks both
    accounts and the cloud, and checks the preconditions."""
    is_open = Link.cloud_id == cloud.id, Link.until_at.is_(None)
    query = select(Link).where(*is_open).execution_options(populate_existing=True)
    old_link = db.session.scalars(query).one()
    new_link = _replace(old_link, to, by=by)
    charges.post_relink(new_link, by=by)
    clouds.order_changes(cloud.id, of=[Task.CREATE, *clouds.SUSPENSION])
    old_payer = db.session.get_one(BillingAccount, old_link.account_id)
    old_customer, new_customer = _customer_of(old_payer), _customer_of(to)
    audit.record(
        Action.CLOUD_LEAVE,
        by=by,
        chain=old_payer.chain,
        thing=cloud.id,
        customer=old_customer.id if old_customer else None,
    )
    audit.record(
        Action.CLOUD_LINK,
        by=by,
        chain=to.chain,
        thing=cloud.id,
        customer=new_customer.id if new_customer else None,
    )
    _notify(cloud, old_customer, new_customer, by=by)
    return new_link


def _notify(
    cloud: Cloud, old_customer: Customer | None, new_customer: Customer | None, *, by: Actor
) -> None:
    """Notify the partners of both customers, and the owners of the cloud."""
    if old_customer is not None:
        customers.notify_partner(Kind.LEFT, old_customer, by=by, cloud=cloud.name)
    if new_customer is not None:
        customers.notify_partner(Kind.LINKED, new_customer, by=by, cloud=cloud.name)
    page = notifications.Target(TargetKind.CLOUD, cloud.id)
    owners = access.cloud_owners(cloud.id)
    notifications.notify(
        Kind.MOVED, to=owners, about=cloud.id, target=page, by=by, cloud=cloud.name
    )


def _lock_in_order(cloud: Cloud, to: BillingAccount, by: Actor) -> None:
    """Lock all rows that the preconditions depend on: the person, the accounts, the cloud. A payer
    that changes before the cloud is locked changes the preview's digest."""
    if not by.is_system:
        identity.lock_active(by)
    payer = (
        select(Link.account_id, BillingAccount.parent_id)
        .join(BillingAccount, BillingAccount.id == Link.account_id)
        .where(Link.cloud_id == cloud.id, Link.until_at.is_(None))
    )
    partners = select(CloudAccess.partner_id).where(
        CloudAccess.cloud_id == cloud.id,
        CloudAccess.partner_id.in_(access.account_ids(by, staff=True)),
    )
    paid = [account_id for row in db.session.execute(payer) for account_id in row]
    account_ids = [to.id, to.parent_id, *paid, *db.session.scalars(partners)]
    locks.lock(*((BillingAccount, account_id) for account_id in account_ids), (Cloud, cloud.id))


def _replace(old_link: Link, to: BillingAccount, *, by: Actor) -> Link:
    # A clock that was set back must not end a link before it began.
    at = max(db.now(), old_link.since_at + timedelta(microseconds=1))
    old_link.until_at = at
    db.session.flush()
    new_link = Link(
        id=db.new_id("lnk"),
        cloud_id=old_link.cloud_id,
        account_id=to.id,
        since_at=at,
        continues_at=at,
        linked_by=by.id,
        is_waivable=_is_waivable(old_link, to),
    )
    db.session.add(new_link)
    db.session.flush()
    return new_link


def _is_waivable(old_link: Link, to: BillingAccount) -> bool:
    """A cloud that came from a paid account is owed, in trial too."""
    payer = db.session.get_one(BillingAccount, old_link.account_id)
    return old_link.is_waivable and payer.mode is Mode.TRIAL and to.mode is Mode.TRIAL


def _customer_of(account: BillingAccount) -> Customer | None:
    return db.session.scalar(select(Customer).where(Customer.subaccount_id == account.id))
