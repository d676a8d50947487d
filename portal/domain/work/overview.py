"""The overview of an installation: what it has, and what became of its mails lately."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain import mail_deliveries
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer, Status
from portal.domain.mail_deliveries import DeliveryState, MailDelivery

HANDED_OVER = (DeliveryState.SENT, DeliveryState.ARRIVED)


class Totals(NamedTuple):
    """How many partners, customers that are not Inactive, and open clouds there are."""

    partners: int
    customers: int
    clouds: int


class Mails(NamedTuple):
    """How many mails wait now, and how many ended in which way."""

    handed_over: int
    waiting: int
    not_delivered: int
    unknown: int


def totals() -> Totals:
    """Operators only."""
    conditions = (
        BillingAccount.kind == Kind.PARTNER,
        Customer.status != Status.INACTIVE,
        Cloud.closed_at.is_(None),
    )
    queries = (select(func.count()).where(condition) for condition in conditions)
    return Totals(*(db.session.execute(query).scalar_one() for query in queries))


def mails_since(at: datetime) -> Mails:
    """What became of the mails that ended since then. Operators only."""
    ended = select(MailDelivery.state, func.count()).where(MailDelivery.finished_at >= at)
    counts = {row[0]: row[1] for row in db.session.execute(ended.group_by(MailDelivery.state))}
    is_waiting = MailDelivery.state.in_(mail_deliveries.OPEN_STATES)
    return Mails(
        handed_over=sum(counts.get(state, 0) for state in HANDED_OVER),
        waiting=db.session.execute(select(func.count()).where(is_waiting)).scalar_one(),
        not_delivered=sum(counts.get(state, 0) for state in mail_deliveries.NOT_DELIVERED),
        unknown=counts.get(DeliveryState.UNKNOWN, 0),
    )
