"""*Registered clouds*: existing clouds that people registered; *Verify*, *Refuse*."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext
from wtforms import TextAreaField

from portal import web
from portal.domain import claims, values
from portal.domain.claims import Claim
from portal.operator.blueprint import blueprint


class RefuseForm(web.Form):
    """Why it is not verified."""

    reason = TextAreaField(lazy_gettext("Because"), [web.REQUIRED, web.normalise_with(values.line)])


@blueprint.get("/claims")
def show_claims() -> Any:
    """*Registered clouds*: list those that wait, the oldest first."""
    after = request.args.get("after", "")[:20]
    rows = claims.open_claims_for(web.actor(), after=after)
    shown, next_after = web.paginate(rows, claims.PAGE, cursor=lambda row: row.claim.id)
    return web.page(
        "operator/claims.html", fragment="list", rows=shown, after=after, next_after=next_after
    )


@blueprint.route("/claims/<id:claim_id>/verify", methods=["GET", "POST"])
def verify_claim(claim_id: str) -> Any:
    """*Verify*: the cloud is the person's."""

    def unit() -> None:
        claims.verify(web.find_or_404(Claim, claim_id), by=web.actor())

    return _page(claim_id, web.Form(), unit, lazy_gettext("It is a cloud here now."))


@blueprint.route("/claims/<id:claim_id>/refuse", methods=["GET", "POST"])
def refuse_claim(claim_id: str) -> Any:
    """*Refuse*, because of a reason."""
    form = RefuseForm()

    def unit() -> None:
        reason = form.reason.data or ""
        claims.refuse(web.find_or_404(Claim, claim_id), reason=reason, by=web.actor())

    return _page(claim_id, form, unit, lazy_gettext("The reason is shown to the person."))


def _page(claim_id: str, form: web.Form, unit: Any, success: Any) -> Any:
    web.require_recent_sign_in()
    claim, back = web.find_or_404(Claim, claim_id), url_for(".show_claims")
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    return web.form_page(form, "operator/claim_step.html", claim=claim, back=back)
