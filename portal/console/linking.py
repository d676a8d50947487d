"""*Link cloud*: the drop-down with its reasons, the effect, and the link itself.

One address for the page, the dialog and their parts: htmx names in its target what it wants.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from wtforms import HiddenField, StringField

from portal import db, web
from portal.domain import access, links
from portal.domain.accounts import BillingAccount, PartnerAccount
from portal.domain.actions import Action
from portal.domain.clouds import Cloud
from portal.domain.links import Target
from portal.wording import message_drafts

blueprint = Blueprint("linking", __name__, url_prefix="/billing/<id:account_id>/link")

PARTS = {"choices": "choices", "effect": "effect"}
"""The element that htmx fills, and the block that fills it; else the whole form."""


class LinkForm(web.Form):
    """The cloud that was chosen, and the digest of the effect that was shown."""

    cloud = StringField()
    shown = HiddenField()
    chosen: Cloud | None = None

    def validate(self, extra_validators: Any = None) -> bool:
        """What is chosen is a cloud that exists for the signed-in person."""
        is_valid = bool(super().validate(extra_validators))
        if is_valid and self.chosen is None:
            self.form_errors = [_("Choose one of the clouds.")]
        return is_valid and self.chosen is not None


@blueprint.route("", methods=["GET", "POST"])
def link(account_id: str) -> Any:
    """GET chooses a cloud and shows the effect; POST links it, while that is still the effect."""
    actor = web.actor()
    account = web.find_or_404(BillingAccount, account_id)
    form = LinkForm()
    asked = form.cloud.data if form.is_submitted() else request.args.get("cloud")
    chosen: Any = db.find(Cloud, (asked or "")[:20], actor)
    form.chosen = chosen

    def unit() -> None:
        links.link(chosen, by=actor, to=account, shown=form.shown.data or "")

    def linked(_none: None) -> str:
        facts = {"cloud": chosen.name, "payer": (account.parent or account).name}
        return str(_("%(cloud)s is linked. From now on %(payer)s pays for it.", **facts))

    is_pressed = "show" not in request.form
    if is_pressed and (answer := web.submit(form, unit, to=_back(account_id), success=linked)):
        return answer
    return _page(links.target_for(account, actor), form, chosen)


def _back(account_id: str) -> str:
    """Where one came from."""
    own = url_for("console.billing.show", account_id=account_id)
    return web.own_path(request.args.get("next"), own)


def _page(at: Target, form: LinkForm, chosen: Cloud | None) -> Any:
    search = request.values.get("q", "").strip()[:200]
    shown = request.args.get("shown", links.PAGE, type=int)
    is_dialog = "dialog" in request.args
    back = _back(at.account.id)
    query: dict[str, Any] = {"account_id": at.account.id, "next": back}
    query |= {"dialog": 1} if is_dialog else {}
    one = links.find_candidate(at, chosen) if chosen else None
    reason = links.find_refusal(at, one) if one else None
    part = PARTS.get(request.headers.get("HX-Target", "")) if web.is_partial() else None
    return web.page(
        "console/linking/link.html",
        fragment=part or "form",
        account=at.account,
        here=url_for(".link", **query),
        more=url_for(".link", **query, q=search or None, shown=shown + links.PAGE)
        if shown < links.WINDOW
        else None,
        is_dialog=is_dialog,
        back=back,
        form=form,
        part=part,
        against=links.account_refusal(at),
        choices=links.list_candidates(at, search=search, shown=shown),
        search=search,
        chosen=one,
        reason=reason,
        effect=links.preview_effect(at, one) if one and not reason else None,
        letter=_letter(at),
        may_switch=access.may(at.actor, Action.ACCOUNT_SWITCH_TO_PAID, at.account),
        status=422 if form.errors or form.form_errors else 200,
    )


def _letter(at: Target) -> str:
    """What to send to the owner of a cloud that is missing here, or not owned enough."""
    partner = at.account.parent if at.partner_id == at.account.parent_id else None
    asking = PartnerAccount(partner.id, partner.name) if partner else None
    return message_drafts.access_to_clouds(asking, at.actor)
