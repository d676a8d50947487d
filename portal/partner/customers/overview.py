"""A customer’s *Overview* and *History*, and the confirmation link to copy."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from flask import abort, g, redirect, url_for
from flask_babel import gettext as _

from portal import config, db, web
from portal.domain import clouds, customers, values
from portal.domain.customers import Customer, Status
from portal.partner import record_fields
from portal.partner.customers.blueprint import blueprint, customer_url, find
from portal.partner.customers.filters import manager_label
from portal.partner.customers.summary import summary


@blueprint.get("/<id:customer_id>")
def show(account_id: str, customer_id: str) -> Any:
    """*Overview*: show the record, subaccount, default cloud, invitation and its delivery."""
    template = "invitation" if web.is_partial() else "show"
    return web.page(f"partner/customers/{template}.html", **overview(find(customer_id)))


def overview(customer: Customer) -> dict[str, Any]:
    """Return the context of *Overview*: that of every page of a customer, and its own."""
    cloud_id, manager = customer.default_cloud_id, customers.manager_of(customer)
    default_cloud, folder = clouds.default_folder(cloud_id) if cloud_id else (None, None)
    link = web.external_url(url_for("invites.show", ident=customer.subaccount_id))
    return summary(customer) | {
        "cloud": default_cloud,
        "progress": clouds.progress_for([cloud_id])[cloud_id] if cloud_id else None,
        "folder": folder,
        "last_copy": customers.last_link_copy(customer),
        "manager": manager_label(manager) if manager else "",
        "link": link,
        "mailto_url": _mailto_url(customer, link) if customer.status is Status.WAITING else None,
        "phone": record_fields.display_phone(customer.phone, customer.country),
    }


@blueprint.post("/<id:customer_id>/copy-link")
def copy_link(account_id: str, customer_id: str) -> Any:
    """*Copy confirmation link*: record it; the browser does the copying."""
    find(customer_id)
    if not web.Form().validate():
        abort(422)
    actor = web.actor()
    db.write(lambda: customers.copy_link(db.session.get_one(Customer, customer_id), by=actor))
    return redirect(customer_url(customer_id), 303)


@blueprint.get("/<id:customer_id>/history")
def history(account_id: str, customer_id: str) -> Any:
    """*History*: show the audit lines of the customer, newest first."""
    customer = find(customer_id)
    return web.page(
        "partner/customers/history.html",
        **summary(customer),
        lines=customers.history_of(customer),
    )


def _mailto_url(customer: Customer, link: str) -> str:
    """Return a mailto: URL (RFC 6068) that drafts a reminder in the user's own mail program."""
    product = config.current().product_name
    text = _(
        "Hello,\n\nplease confirm that you want to work with %(partner)s in %(product)s. Open this "
        "link, sign in as %(email)s, and answer there:\n\n%(link)s\n\nOpening the link changes "
        "nothing.\n",
        partner=g.partner.name,
        product=product,
        email=customer.invitation_email,
        link=link,
    )
    subject = _(
        "Confirm your willingness to work with the integrator in %(product)s", product=product
    )
    fields = urlencode({"subject": subject, "body": text.replace("\n", "\r\n")}, quote_via=quote)
    return f"mailto:{quote(values.email(customer.invitation_email).wire, safe='@')}?{fields}"
