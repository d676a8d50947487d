"""*Link cloud*: the drop-down of clouds with reasons, the preview of the effect, and the link.

One URL serves the page, the dialog and their parts; htmx names the part by its target.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from wtforms import HiddenField, StringField

from portal import db, web
from portal.domain import access, claims, links, reports
from portal.domain.accounts import BillingAccount, PartnerAccount
from portal.domain.actions import Action
from portal.domain.claims import ClaimState
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from portal.domain.links import Candidate, Target
from portal.web import cloud_progress
from portal.wording import message_drafts

blueprint = Blueprint("linking", __name__, url_prefix="/billing/<id:account_id>/link")

PARTS = {"choices": "choices", "effect": "effect"}
"""The block rendered for each target of htmx; for others the whole form."""


class LinkForm(web.Form):
    """The chosen cloud, and the digest of the effect that was shown."""

    cloud = StringField()
    shown = HiddenField()
    chosen: Cloud | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Require a cloud that the signed-in user may see."""
        is_valid = bool(super().validate(extra_validators))
        if is_valid and self.chosen is None:
            self.form_errors = [_("Choose one of the clouds.")]
        return is_valid and self.chosen is not None


@blueprint.route("", methods=["GET", "POST"])
def link(account_id: str) -> Any:
    """*Link cloud*: GET shows the clouds and the effect; POST links if the effect is the same."""
    actor, account = web.actor(), web.find_or_404(BillingAccount, account_id)
    form, back = LinkForm(), _back_url(account_id)
    cloud_id = form.cloud.data if form.is_submitted() else request.args.get("cloud")
    cloud: Any = db.find(Cloud, (cloud_id or "")[:20], actor)
    form.chosen = cloud

    def unit() -> None:
        links.link(cloud, by=actor, to=account, preview_digest=form.shown.data or "")

    def success(_none: None) -> str:
        facts = {"cloud": cloud.name, "payer": (account.parent or account).name}
        return str(_("%(cloud)s is linked. From now on %(payer)s pays for it.", **facts))

    is_preview = "show" in request.form
    if not is_preview and (answer := web.submit(form, unit, to=back, success=success)):
        return answer
    return _page(links.target_for(account, actor), form, cloud)


def _back_url(account_id: str) -> str:
    default = url_for("console.billing.show", account_id=account_id)
    return web.safe_path(request.args.get("next"), default)


def _page(target: Target, form: LinkForm, cloud: Cloud | None) -> Any:
    search = request.values.get("q", "").strip()[:200]
    limit = request.args.get("shown", links.PAGE, type=int)
    is_dialog = "dialog" in request.args
    back = _back_url(target.account.id)
    query: dict[str, Any] = {"account_id": target.account.id, "next": back}
    query |= {"dialog": 1} if is_dialog else {}
    chosen = links.find_candidate(target, cloud) if cloud else None
    refusal = links.find_refusal(target, chosen) if chosen else None
    candidates = links.list_candidates(target, search=search, limit=limit)
    options = (*candidates.eligible, *candidates.ineligible)
    part = PARTS.get(request.headers.get("HX-Target", "")) if web.is_partial() else None
    return web.page(
        "console/linking/link.html",
        fragment=part or "form",
        account=target.account,
        here=url_for(".link", **query),
        more_url=url_for(".link", **query, q=search or None, shown=limit + links.PAGE)
        if limit < links.WINDOW
        else None,
        is_dialog=is_dialog,
        back=back,
        form=form,
        part=part,
        account_refusal=links.account_refusal(target),
        candidates=candidates,
        **cloud_progress.followed([option.candidate.id for option in options]),
        claims=claims.claims_of(target.actor, ClaimState.WAITING, search=search),
        search=search,
        chosen=chosen,
        refusal=refusal,
        **_effect(target, chosen, refusal),
        message_draft=_message_draft(target),
        may_switch=access.may(target.actor, Action.ACCOUNT_SWITCH_TO_PAID, target.account),
        status=422 if form.errors or form.form_errors else 200,
    )


def _effect(target: Target, chosen: Candidate | None, refusal: Refused | None) -> dict[str, Any]:
    """What linking the chosen cloud does, and what it cost last month to who may know."""
    if chosen is None or refusal is not None:
        return {"effect": None}
    costs = reports.last_month_of(target.actor, chosen.id)
    return {"effect": links.preview_link(target, chosen), "costs": costs}


def _message_draft(target: Target) -> str:
    """Return a request to the owner of a cloud that is not listed, or not owned by the user."""
    parent = target.account.parent if target.partner_id == target.account.parent_id else None
    partner = PartnerAccount(parent.id, parent.name) if parent else None
    return message_drafts.access_to_clouds(partner, target.actor)
