"""*Suspend*, *Resume*, *Remove*, *Send again*, *End partnership*: confirmed with their effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import g
from flask_babel import lazy_gettext

from portal import db, web
from portal.domain import access, customers, invitations
from portal.domain.actions import Action
from portal.domain.customers import Customer
from portal.partner.customers.blueprint import blueprint, customer_url, find


class StateChange(NamedTuple):
    """A change of state: its action in the role table, its verb, and its wording."""

    action: Action
    verb: Callable[..., None]
    title: Any
    button: Any
    consequences: tuple[Any, ...]
    done: Any
    is_danger: bool = True


STATE_CHANGES = {
    "suspend": StateChange(
        Action.CUSTOMER_SUSPEND,
        customers.suspend,
        lazy_gettext("Suspend this customer?"),
        lazy_gettext("Suspend"),
        (
            lazy_gettext("You stop your services; nothing can be created in the subaccount."),
            lazy_gettext("Its clouds stay linked, and their usage still goes to you."),
            lazy_gettext("You can resume at any time."),
            lazy_gettext("The customer gets a notice."),
        ),
        lazy_gettext("The customer is suspended."),
    ),
    "resume": StateChange(
        Action.CUSTOMER_RESUME,
        customers.resume,
        lazy_gettext("Resume this customer?"),
        lazy_gettext("Resume"),
        (
            lazy_gettext("You take your services up again; clouds can be created again."),
            lazy_gettext("The customer gets a notice."),
        ),
        lazy_gettext("The customer is active again."),
        is_danger=False,
    ),
    "remove": StateChange(
        Action.CUSTOMER_REMOVE,
        customers.remove,
        lazy_gettext("Remove this customer?"),
        lazy_gettext("Remove"),
        (
            lazy_gettext("The invitation is withdrawn and its link stops working."),
            lazy_gettext("The subaccount is closed with its empty cloud; the address is free."),
            lazy_gettext("The record stays, as Inactive."),
        ),
        lazy_gettext("The customer is removed; the record stays."),
    ),
    "send-again": StateChange(
        Action.INVITATION_SEND_AGAIN,
        customers.send_again,
        lazy_gettext("Send the email again?"),
        lazy_gettext("Send again"),
        (
            lazy_gettext("A new email with the same link goes to the invited address."),
            lazy_gettext("An email is sent at most three times in all, once an hour."),
        ),
        lazy_gettext("The email is queued again."),
        is_danger=False,
    ),
    "end-partnership": StateChange(
        Action.PARTNERSHIP_END,
        customers.end_partnership,
        lazy_gettext("End the partnership?"),
        lazy_gettext("End partnership"),
        (
            lazy_gettext("The subaccount is closed, with its default cloud if that is unused."),
            lazy_gettext("Other clouds must be linked to another account first."),
            lazy_gettext("The record stays, as Inactive; the address is free again."),
            lazy_gettext("The customer gets a notice."),
        ),
        lazy_gettext("The partnership is over; the record stays."),
    ),
}


@blueprint.route("/<id:customer_id>/suspend", methods=["GET", "POST"])
def suspend(account_id: str, customer_id: str) -> Any:
    """*Suspend* an active customer."""
    return _change_state("suspend", customer_id)


@blueprint.route("/<id:customer_id>/resume", methods=["GET", "POST"])
def resume(account_id: str, customer_id: str) -> Any:
    """*Resume* a suspended customer."""
    return _change_state("resume", customer_id)


@blueprint.route("/<id:customer_id>/remove", methods=["GET", "POST"])
def remove(account_id: str, customer_id: str) -> Any:
    """*Remove* a customer that has not confirmed."""
    return _change_state("remove", customer_id)


@blueprint.route("/<id:customer_id>/send-again", methods=["GET", "POST"])
def send_again(account_id: str, customer_id: str) -> Any:
    """*Send again* the invitation's email, because it did not arrive."""
    delivery = invitations.delivery_of(find(customer_id).subaccount_id)
    return _change_state("send-again", customer_id, delivery=delivery)


@blueprint.route("/<id:customer_id>/end-partnership", methods=["GET", "POST"])
def end_partnership(account_id: str, customer_id: str) -> Any:
    """*End partnership* of a confirmed customer."""
    web.require_recent_sign_in()
    return _change_state("end-partnership", customer_id)


def _change_state(name: str, customer_id: str, **context: Any) -> Any:
    """Ask for confirmation on GET, change the state on POST. The page gets the context."""
    change, actor = STATE_CHANGES[name], web.actor()
    find(customer_id)
    access.require(actor, change.action, g.partner)
    form = web.Form()

    def unit() -> None:
        change.verb(db.session.get_one(Customer, customer_id), by=actor)

    if answer := web.submit(form, unit, to=customer_url(customer_id), success=change.done):
        return answer
    return web.form_page(
        form,
        "partner/customers/step.html",
        fragment="dialog",
        partner=g.partner,
        customer=find(customer_id),
        change=change,
        **context,
    )
