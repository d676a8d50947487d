"""The customer's answer: the invitation page, confirm, decline."""

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
    """Changes nothing, whoever or whatever opens it; the buttons on the page do."""
    actor = web.actor()
    found = invitations.find_by_link(actor, ident)
    if found is None:
        return _nothing_here(ident)
    if found.is_open and customers.is_own_customers_invitation(actor, ident):
        return _own_customers()
    return _page(found, web.Form())


@blueprint.post("/accept/<ident>")
def accept(ident: str) -> Any:
    """Confirm."""
    done = _(
        "You confirmed the partnership. Its subaccount stands below: begin in its cloud, or, with "
        "⋯ → Link cloud, link one that you have already."
    )
    return _answer(ident, customers.accept, done)


@blueprint.post("/decline/<ident>")
def decline(ident: str) -> Any:
    """Decline."""
    return _answer(ident, customers.decline, _("You declined. Nothing changes for you."))


def _answer(ident: str, verb: Any, done: str) -> Any:
    actor = web.actor()
    found = invitations.find_by_link(actor, ident)
    if found is None:
        return _nothing_here(ident)
    subaccount_id = found.subaccount_id
    form = web.Form()
    if not form.validate():
        return _page(found, form, status=422)
    try:
        db.write(lambda: verb(db.session.get_one(Invitation, subaccount_id), by=actor))
    except Refused as error:
        if error.code == Code.ALREADY_CONFIRMED:
            return redirect(url_for("invites.show", ident=subaccount_id), 303)
        # The role is missing where the address was changed while the page was open.
        if error.code in (Code.INVITATION_CLOSED, Code.ROLE_MISSING):
            return _nothing_here(ident)
        if error.code == Code.OWN_CUSTOMER:
            return _own_customers()
        raise
    flash(done, "success")
    return redirect(url_for("console.home"), 303)


def _page(found: Invitation, form: web.Form, *, status: int = 200) -> Any:
    card = customers.subaccount_cards(web.actor(), only=[found.subaccount_id])[0]
    template = "invites/invitation.html" if found.is_open else "invites/confirmed.html"
    return web.page(template, invitation=found, card=card, form=form, status=status)


def _nothing_here(ident: str) -> Any:
    """One and the same answer for another account, an unknown ID, a closed invitation."""
    if customers.is_own_customers_invitation(web.actor(), ident):
        return _own_customers()
    return web.page("invites/none.html", status=404)


def _own_customers() -> Any:
    return web.page("invites/own_customers.html", status=403)
