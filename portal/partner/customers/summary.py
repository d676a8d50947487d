"""The head of every page of a customer: status, delivery, answer, menu of actions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import g

from portal import db, web
from portal.domain import access, customers, invitations
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Customer, Status
from portal.domain.errors import Code, Refused
from portal.domain.mail_deliveries import OPEN_STATES, DeliveryState, MailDelivery
from portal.partner.customers.filters import STATUSES

POLL_DURING_DELIVERY, POLL_WAITING, POLL_OTHERWISE = 2, 5, 15  # seconds

LATE_AFTER = timedelta(days=7)
"""Time to answer before the page suggests a reminder; the list's filter starts with it, too."""


CONFIRMED = (Status.ACTIVE, Status.SUSPENDED)
MENU = (
    # (endpoint, action in the role table, possible in these states, is destructive)
    ("edit", Action.CUSTOMER_EDIT, (Status.WAITING, Status.ACTIVE, Status.SUSPENDED), False),
    ("correct_address", Action.CUSTOMER_EDIT, (Status.WAITING,), False),
    ("suspend", Action.CUSTOMER_SUSPEND, (Status.ACTIVE,), True),
    ("resume", Action.CUSTOMER_RESUME, (Status.SUSPENDED,), False),
    ("remove", Action.CUSTOMER_REMOVE, (Status.WAITING,), True),
    ("give_notice", Action.PARTNERSHIP_GIVE_NOTICE, CONFIRMED, True),
    ("withdraw_notice", Action.PARTNERSHIP_WITHDRAW_NOTICE, CONFIRMED, False),
    ("end_partnership", Action.PARTNERSHIP_END, CONFIRMED, True),
)


class Resend(NamedTuple):
    """Whether *Send again* is offered; if not, the reason to show; how many times are left."""

    is_possible: bool
    refusal: Refused | None = None
    left: int = 0


def summary(customer: Customer) -> dict[str, Any]:
    """Return the context of a customer's page: its head, and the seconds between polls."""
    deliveries = invitations.deliveries_of(customer.subaccount_id)
    delivery = deliveries[-1] if deliveries else None
    resend = _resend(customer, deliveries)
    answer = invitations.answer_of(customer.subaccount_id)
    is_mail_open = bool(delivery and delivery.state in OPEN_STATES and not answer[0])
    poll_seconds = POLL_OTHERWISE if customer.status is not Status.WAITING else POLL_WAITING
    if is_mail_open or customer.status is Status.INACTIVE:
        poll_seconds = POLL_DURING_DELIVERY if is_mail_open else 0
    mail = (len(deliveries), delivery.state, delivery.attempts) if delivery else ()
    since = delivery.created_at if delivery else customer.created_at
    ending = customers.ending_of(customer) if customer.status is Status.INACTIVE else None
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    ends_on = customers.ends_on(customer)
    stamp = (STATUSES.index(customer.status), ends_on, *mail, resend.is_possible)
    return {
        "partner": g.partner,
        "customer": customer,
        "ends_on": ends_on,
        "no_clouds_until": subaccount.no_clouds_until,
        "menu": menu_for(customer, is_ending=ends_on is not None),
        "deliveries": deliveries,
        "delivery": delivery,
        "resend": resend,
        "answer": answer,
        "mail_status": _mail_status(delivery, since),
        "days_waiting": max((db.now() - since).days, 0),  # the clock may have been set back
        "ending": ending,
        "may_invite_again": ending is not None and _may_invite_again(customer, ending.action),
        "stamp": ".".join(map(str, stamp)),
        "poll_seconds": poll_seconds,
    }


def _resend(customer: Customer, deliveries: list[MailDelivery]) -> Resend:
    """Return whether to offer *Send again*, or why it is not possible yet, or not any more."""
    refusal = customers.resend_refusal(customer, deliveries)
    if not access.may(web.actor(), Action.INVITATION_SEND_AGAIN, g.partner):
        return Resend(is_possible=False)
    is_explained = refusal is not None and refusal.code in (Code.RESEND_EARLY, Code.DELIVERIES_MANY)
    left = customers.MAX_DELIVERIES - len(deliveries)
    return Resend(refusal is None, refusal if is_explained else None, left)


def _mail_status(delivery: MailDelivery | None, since: datetime) -> str:
    """Return the state of the mail, as far as the partner's next step depends on it."""
    if delivery and delivery.state in OPEN_STATES:
        return "retried" if delivery.answer else "queued"
    if delivery and delivery.state not in (DeliveryState.SENT, DeliveryState.ARRIVED):
        return delivery.state
    if db.now() - since >= LATE_AFTER:
        return "late"
    return delivery.state if delivery else "sent"


def _may_invite_again(customer: Customer, ending: str) -> bool:
    """Whether to offer *Invite again*: not after *Correct address*, nor after erasure."""
    is_open = ending != Action.CUSTOMER_CORRECT_ADDRESS and bool(customer.invitation_email)
    return is_open and access.may(web.actor(), Action.CUSTOMER_ADD, g.partner)


def menu_for(customer: Customer, *, is_ending: bool) -> list[tuple[str, bool]]:
    """Return the actions that the user may take now: (endpoint, is destructive)."""
    actor, other_step = web.actor(), "give_notice" if is_ending else "withdraw_notice"
    entries = [entry for entry in MENU if customer.status in entry[2] and entry[0] != other_step]
    return [entry[::3] for entry in entries if access.may(actor, entry[1], g.partner)]
