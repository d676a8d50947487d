"""What the head of every page of a customer shows: state, delivery, answer, possible actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import g

from portal import db, web
from portal.domain import access, customers, invitations
from portal.domain.actions import Action
from portal.domain.customers import Customer, Status
from portal.domain.outbox import OPEN_STATES, Delivery, OutboxEntry
from portal.partner.customers.filters import STATUSES

MOVING, WAITING, AT_REST = 2, 5, 15  # seconds until a page asks again

LONG = timedelta(days=7)
"""So long a customer may take to answer; the list's filter begins with it, too."""


MENU = (
    # (endpoint, the role table's action, in these states, is it damage)
    ("edit", Action.CUSTOMER_EDIT, (Status.WAITING, Status.ACTIVE, Status.SUSPENDED), False),
    ("correct_address", Action.CUSTOMER_EDIT, (Status.WAITING,), False),
    ("suspend", Action.CUSTOMER_SUSPEND, (Status.ACTIVE,), True),
    ("resume", Action.CUSTOMER_RESUME, (Status.SUSPENDED,), False),
    ("remove", Action.CUSTOMER_REMOVE, (Status.WAITING,), True),
    ("end_partnership", Action.PARTNERSHIP_END, (Status.ACTIVE, Status.SUSPENDED), True),
)


def summary(record: Customer) -> dict[str, Any]:
    """What the head of a customer's page shows, and when that page asks again."""
    delivery = invitations.delivery_of(record.subaccount_id)
    answer = invitations.answer_of(record.subaccount_id)
    is_moving = bool(delivery and delivery.state in OPEN_STATES and not answer[0])
    asks_every = AT_REST if record.status is not Status.WAITING else WAITING
    if is_moving or record.status is Status.INACTIVE:
        asks_every = MOVING if is_moving else 0
    mail = (delivery.state, delivery.tries) if delivery else ()
    ending = customers.ending_of(record) if record.status is Status.INACTIVE else None
    return {
        "partner": g.partner,
        "customer": record,
        "menu": menu_for(record),
        "delivery": delivery,
        "answer": answer,
        "fate": _fate(record, delivery),
        "waited": (db.now() - record.created_at).days,
        "ending": ending,
        "may_ask_again": ending is not None and _may_ask_again(record, ending.action),
        "seen": ".".join(map(str, (STATUSES.index(record.status), *mail))),
        "asks_every": asks_every,
    }


def _fate(record: Customer, delivery: OutboxEntry | None) -> str:
    """What became of the mail, as far as the partner's next step depends on it."""
    if delivery and delivery.state in OPEN_STATES:
        return "retried" if delivery.answer else "queued"
    if delivery and delivery.state is not Delivery.SENT:
        return delivery.state
    return "late" if db.now() - record.created_at >= LONG else "sent"


def _may_ask_again(record: Customer, ending: str) -> bool:
    """Whom an address was corrected for was asked again; of whom was erased nothing is left."""
    is_open = ending != Action.CUSTOMER_CORRECT_ADDRESS and bool(record.invitation_email)
    return is_open and access.may(web.actor(), Action.CUSTOMER_ADD, g.partner)


def menu_for(record: Customer) -> list[tuple[str, bool]]:
    """What the signed-in person may do to the customer now: endpoints, and whether it is damage."""
    actor = web.actor()
    possible = [row for row in MENU if record.status in row[2]]
    return [row[::3] for row in possible if access.may(actor, row[1], g.partner)]
