"""*Clouds* of a customer: those linked to the subaccount, *Create cloud*, asking for access."""

from __future__ import annotations

from typing import Any

from flask import g, request, url_for

from portal import db, web
from portal.domain import access, connections
from portal.domain import clouds as domain_clouds
from portal.domain.accounts import BillingAccount, PartnerAccount
from portal.domain.actions import Action
from portal.partner.customers.blueprint import blueprint, find
from portal.partner.customers.summary import summary
from portal.web import cloud_forms, cloud_progress, form_recovery
from portal.web.cloud_forms import NewCloudForm
from portal.wording import message_drafts


@blueprint.get("/<id:customer_id>/clouds")
def clouds(account_id: str, customer_id: str) -> Any:
    """*Clouds*: show those linked to the subaccount, the only ones that the partner may see."""
    customer = find(customer_id)
    subaccount = web.find_or_404(BillingAccount, customer.subaccount_id)
    partner = PartnerAccount(g.partner.id, g.partner.name)
    page = _page_of(subaccount)
    followed = cloud_progress.followed([cloud.id for cloud in page["clouds"]])
    if cloud_progress.is_shown(followed):
        return "", 204
    return web.page(
        "partner/customers/clouds.html",
        fragment="linked",
        **summary(customer),
        **followed,
        **page,
        may_create=access.may(web.actor(), Action.CLOUD_CREATE, subaccount),
        message_draft=message_drafts.access_to_clouds(partner, web.actor()),
    )


def _page_of(subaccount: BillingAccount) -> dict[str, Any]:
    after = request.args.get("after", "")[:20]
    rows = domain_clouds.linked_page_of(subaccount, after=after)
    linked, next_after = web.paginate(rows, domain_clouds.PAGE)
    return {"clouds": linked, "after": after, "next_after": next_after}


@blueprint.route("/<id:customer_id>/clouds/create", methods=["GET", "POST"])
def create_cloud(account_id: str, customer_id: str) -> Any:
    """*Create cloud*, paid by the subaccount from the start."""
    actor, customer = web.actor(), find(customer_id)
    payer_id = customer.subaccount_id
    access.require(actor, Action.CLOUD_CREATE, web.find_or_404(BillingAccount, payer_id))
    has_folders = connections.default().has_folders
    form = NewCloudForm(has_folders=has_folders, **form_recovery.saved_input())

    def unit() -> str:
        payer = db.session.get_one(BillingAccount, payer_id)
        return domain_clouds.create(payer, by=actor, **form.names()).id

    back = url_for(".clouds", account_id=account_id, customer_id=customer_id)
    if answer := web.submit(form, unit, to=back, success=lambda it: cloud_forms.created(it, form)):
        return answer
    return web.form_page(form, "partner/customers/create_cloud.html", **summary(customer))
