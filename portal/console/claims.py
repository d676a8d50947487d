"""Registered clouds: *Register an existing cloud*, *Check again*, *Withdraw*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField, StringField

from portal import db, web
from portal.console.clouds import payer_label
from portal.domain import accounts, claims, clouds, values
from portal.domain.accounts import BillingAccount
from portal.domain.claims import Claim
from portal.domain.connections import Connection
from portal.web import form_recovery

blueprint = Blueprint("claims", __name__, url_prefix="/claims")


def _name(value: str) -> str:
    return values.line(value, limit=clouds.MAX_NAME_LENGTH)


class RegisterForm(web.CreatingForm):
    """Where the cloud is, its ID there, and what it is to be here."""

    connection_id = SelectField(lazy_gettext("Where it is"), [web.REQUIRED])
    external_id = StringField(
        lazy_gettext("Its ID there"), [web.REQUIRED, web.normalise_with(values.line)]
    )
    name = StringField(lazy_gettext("Name"), [web.REQUIRED, web.normalise_with(_name)])
    account_id = SelectField(lazy_gettext("Billing account"), [web.REQUIRED])

    def __init__(self, payers: list[BillingAccount], places: list[Connection], **kw: Any) -> None:
        super().__init__(**kw)
        self.connection_id.choices = [(place.id, place.name) for place in places]
        self.account_id.choices = [(payer.id, payer_label(payer)) for payer in payers]


@blueprint.route("/register", methods=["GET", "POST"])
def register() -> Any:
    """*Register an existing cloud* of a connection; one of the user's accounts will pay for it."""
    actor = web.actor()
    payers, places = accounts.accounts_to_pay_from(actor), claims.connections_to_claim()
    form = RegisterForm(payers, places, **form_recovery.saved_input())

    def unit() -> str:
        account = db.session.get_one(BillingAccount, form.account_id.data)
        connection = db.session.get_one(Connection, form.connection_id.data)
        names = {"external_id": form.external_id.data or "", "name": form.name.data or ""}
        return claims.register(account, connection=connection, by=actor, **names).id

    if answer := web.submit(form, unit, to=_page_of, success=_("The cloud is registered.")):
        return answer
    is_possible = bool(payers and places)
    return web.form_page(form, "console/claims/register.html", is_possible=is_possible)


@blueprint.get("/<id:claim_id>")
def show(claim_id: str) -> Any:
    """A registered cloud that is not verified yet, and what can be done."""
    return _page(claim_id, web.Form())


@blueprint.post("/<id:claim_id>/check")
def check(claim_id: str) -> Any:
    """*Check again* whether the cloud is the user's."""
    success = _("The connection is being asked again.")
    return _take(claims.check_again, claim_id, _page_of(claim_id), success)


@blueprint.post("/<id:claim_id>/withdraw")
def withdraw(claim_id: str) -> Any:
    """*Withdraw* the registration."""
    success = _("The registration is withdrawn.")
    return _take(claims.withdraw, claim_id, url_for("console.home"), success)


def _take(verb: Callable[..., None], claim_id: str, back: str, success: str) -> Any:
    web.find_or_404(Claim, claim_id)
    form = web.Form()

    def unit() -> None:
        verb(web.find_or_404(Claim, claim_id), by=web.actor())

    return web.submit(form, unit, to=back, success=success) or _page(claim_id, form)


def _page(claim_id: str, form: web.Form) -> Any:
    claim = web.find_or_404(Claim, claim_id)
    return web.page(
        "console/claims/show.html",
        fragment="claim",
        claim=claim,
        account=db.session.get_one(BillingAccount, claim.account_id),
        connection=db.session.get_one(Connection, claim.connection_id),
        is_over=claim.expires_at <= db.now(),
        is_author=claim.user_id == web.actor().id,
        form=form,
        status=form.status,
    )


def _page_of(claim_id: str) -> str:
    return url_for("console.claims.show", claim_id=claim_id)
