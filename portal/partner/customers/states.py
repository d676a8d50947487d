"""Changes of a customer's state, from *Suspend* to *End partnership*: confirmed with effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flask import g
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import DateField
from wtforms.validators import InputRequired

from portal import config, db, web
from portal.domain import access, clouds, customers, invitations
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.customers import Customer
from portal.i18n.formats import plain_day
from portal.partner.customers.blueprint import blueprint, customer_url, find
from portal.web import form_recovery
from portal.wording import clouds as cloud_wording


class StateChange(NamedTuple):
    """A change of state: its action in the role table, its verb, and its wording."""

    action: Action
    verb: Callable[..., None]
    title: Any
    button: Any
    consequences: tuple[Any, ...]
    done: Any
    is_danger: bool = True


class NoticeForm(web.Form):
    """The day on which the partnership ends."""

    ends_on = DateField(
        lazy_gettext("The partnership ends on"),
        validators=[InputRequired(lazy_gettext("Choose a day."))],
    )


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
    "give-notice": StateChange(
        Action.PARTNERSHIP_GIVE_NOTICE,
        customers.give_notice,
        lazy_gettext("Give notice?"),
        lazy_gettext("Give notice"),
        (
            lazy_gettext("The customer is notified; both of you see the day from now on."),
            lazy_gettext("From now on nothing can be linked to the subaccount or created in it."),
            lazy_gettext("Clouds still linked on that day move to the customer’s own account."),
            lazy_gettext("Clouds that nobody on the customer’s side owns move to your account."),
            lazy_gettext("You can withdraw the notice until that day."),
        ),
        lazy_gettext("Notice is given."),
    ),
    "withdraw-notice": StateChange(
        Action.PARTNERSHIP_WITHDRAW_NOTICE,
        customers.withdraw_notice,
        lazy_gettext("Withdraw the notice?"),
        lazy_gettext("Withdraw notice"),
        (
            lazy_gettext("The partnership goes on; clouds can be linked and created again."),
            lazy_gettext("The customer is notified."),
        ),
        lazy_gettext("The notice is withdrawn."),
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
    subaccount = web.find_or_404(BillingAccount, find(customer_id).subaccount_id)
    lines = cloud_wording.suspension(clouds.connections_of(subaccount))
    return _change_state("suspend", customer_id, lines=lines)


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


@blueprint.route("/<id:customer_id>/give-notice", methods=["GET", "POST"])
def give_notice(account_id: str, customer_id: str) -> Any:
    """*Give notice* of the end of a confirmed partnership."""
    web.require_recent_sign_in()
    earliest = customers.earliest_ending()
    form = NoticeForm(**({"ends_on": earliest} | form_recovery.saved_input()))
    form.ends_on.render_kw = {"min": earliest.isoformat()}
    hint = _(
        "It ends at 00:00 %(zone)s of this day. The earliest day is %(day)s.",
        zone=config.current().billing_time_zone,
        day=plain_day(earliest),
    )
    return _change_state("give-notice", customer_id, form, hint=hint)


@blueprint.route("/<id:customer_id>/withdraw-notice", methods=["GET", "POST"])
def withdraw_notice(account_id: str, customer_id: str) -> Any:
    """*Withdraw notice*, until its day."""
    return _change_state("withdraw-notice", customer_id)


@blueprint.route("/<id:customer_id>/end-partnership", methods=["GET", "POST"])
def end_partnership(account_id: str, customer_id: str) -> Any:
    """*End partnership* of a confirmed customer."""
    web.require_recent_sign_in()
    return _change_state("end-partnership", customer_id)


def _change_state(
    name: str,
    customer_id: str,
    form: web.Form | None = None,
    *,
    lines: Sequence[str] = (),
    **context: Any,
) -> Any:
    """Ask for confirmation on GET, change the state on POST. `lines` are consequences beside those
    of the change; the page gets the context."""
    change, actor = STATE_CHANGES[name], web.actor()
    find(customer_id)
    access.require(actor, change.action, g.partner)
    form = form or web.Form()

    def unit() -> None:
        facts = {"ends_on": form.ends_on.data} if isinstance(form, NoticeForm) else {}
        change.verb(db.session.get_one(Customer, customer_id), by=actor, **facts)

    if answer := web.submit(form, unit, to=customer_url(customer_id), success=change.done):
        return answer
    return web.form_page(
        form,
        "partner/customers/step.html",
        fragment="dialog",
        partner=g.partner,
        customer=find(customer_id),
        change=change,
        consequences=(*change.consequences[:1], *lines, *change.consequences[1:]),
        **context,
    )
