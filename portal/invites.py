"""Invitations: the page where a customer confirms or declines a partnership."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _

from portal import db, web
from portal.domain import customers, invitations
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Invitation

blueprint = Blueprint("invites", __name__, url_prefix="/invite")
web.gate(blueprint, web.require_sign_in)


@blueprint.get("/accept/<ident>")
def show(ident: str) -> Any:
    """Show the invitation. Opening the link changes nothing; the page's buttons do."""
    actor = web.actor()
    invitation = invitations.find_by_link(actor, ident)
    if invitation is None:
        return _no_invitation_page(ident)
    if invitation.is_open and customers.is_own_customers_invitation(actor, ident):
        return _own_customers_page()
    return _page(invitation, web.Form())


@blueprint.post("/accept/<ident>")
def accept(ident: str) -> Any:
    """*Confirm*: accept the invitation."""
    success = _(
        "You confirmed the partnership. Its subaccount is below: begin in its cloud, or, with "
        "⋯ → Link cloud, link one that you have already."
    )
    return _answer(ident, customers.accept, success)


@blueprint.post("/decline/<ident>")
def decline(ident: str) -> Any:
    """*Decline*: decline the invitation."""
    return _answer(ident, customers.decline, _("You declined. Nothing changes for you."))


def _answer(ident: str, verb: Any, success: str) -> Any:
    actor = web.actor()
    invitation = invitations.find_by_link(actor, ident)
    if invitation is None:
        return _no_invitation_page(ident)
    subaccount_id = invitation.subaccount_id
    form = web.Form()
    if not form.validate():
        return _page(invitation, form, status=422)
    try:
        db.write(lambda: verb(db.session.get_one(Invitation, subaccount_id), by=actor))
    except Refused as error:
        web.log_refusal(error)
        if error.code == Code.ALREADY_CONFIRMED:
            return redirect(url_for("invites.show", ident=subaccount_id), 303)
        # The role is missing if the address was changed while the page was open.
        if error.code in (Code.INVITATION_CLOSED, Code.ROLE_MISSING):
            return _no_invitation_page(ident)
        if error.code == Code.OWN_CUSTOMER:
            return _own_customers_page()
        raise
    flash(success, "success")
    return redirect(url_for("console.home"), 303)


def _page(invitation: Invitation, form: web.Form, *, status: int = 200) -> Any:
    card = customers.subaccount_cards(web.actor(), only=[invitation.subaccount_id])[0]
    template = "invites/invitation.html" if invitation.is_open else "invites/confirmed.html"
    return web.page(template, invitation=invitation, card=card, form=form, status=status)


def _no_invitation_page(ident: str) -> Any:
    """Return the same page for another account's, an unknown and a closed invitation."""
    if customers.is_own_customers_invitation(web.actor(), ident):
        return _own_customers_page()
    return web.page("invites/none.html", status=404)


def _own_customers_page() -> Any:
    return web.page("invites/own_customers.html", status=403)
