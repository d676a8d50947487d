"""*Partners*: list them, give and take back partner status."""

from __future__ import annotations

from typing import Any

from flask import abort, request, url_for
from flask_babel import lazy_gettext
from wtforms import EmailField, StringField

from portal import web
from portal.domain import accounts, identity, values, work, workflows
from portal.domain.accounts import BillingAccount
from portal.domain.errors import Code, Refused
from portal.operator import steps
from portal.operator.blueprint import blueprint
from portal.operator.steps import Step


class MakePartnerForm(web.Form):
    """Whose own account becomes a partner's, and the partner's name."""

    email = EmailField(
        lazy_gettext("E-mail"),
        [web.REQUIRED, web.EMAIL],
        description=lazy_gettext("Of a person who has an account here."),
    )
    name = StringField(
        lazy_gettext("The partner’s name"),
        [web.REQUIRED, web.normalise_with(values.line)],
        description=lazy_gettext("Its customers read it."),
    )


@blueprint.get("/partners")
def show_partners() -> Any:
    """*Partners*: list those with partner status; a search."""
    search, after = (request.args.get(name, "")[:100].strip() for name in ("q", "after"))
    rows = work.partners_for(web.actor(), search=search, after=after)
    shown, next_after = web.paginate(rows, work.PARTNERS_PAGE, cursor=lambda row: row.account.id)
    return web.page(
        "operator/partners.html",
        fragment="list",
        rows=shown,
        search=search,
        after=after,
        next_after=next_after,
    )


@blueprint.get("/partners/<id:reseller_id>")
def show_partner(reseller_id: str) -> Any:
    """A partner: owners, mode, customers."""
    partner = _find(reseller_id)
    details = work.details_of_partner(partner)
    return web.page("operator/partner.html", partner=partner, details=details)


@blueprint.route("/partners/make", methods=["GET", "POST"])
def make_partner() -> Any:
    """*Make a partner*: a person's own account gets partner status."""
    web.require_recent_sign_in()
    form = MakePartnerForm()

    def unit() -> str:
        person = identity.user_by_email(values.email(form.email.data or "").key)
        if person is None:
            raise Refused(Code.PERSON_UNKNOWN, field="email")
        owned = accounts.direct_accounts_of(person.id)
        if not owned:
            raise Refused(Code.NOT_DIRECT, field="email")
        accounts.grant_partner_status(owned[0], name=form.name.data, by=web.actor())
        return owned[0].id

    success = lazy_gettext("The account has partner status. Its owner can add customers.")
    if answer := web.submit(form, unit, to=_page_of, success=success):
        return answer
    return web.form_page(form, "operator/make_partner.html")


REVOKE = Step(
    workflows.revoke_partner_status,
    lazy_gettext("Take back partner status?"),
    lazy_gettext("Take back"),
    lazy_gettext(
        "The account becomes a direct one. Its team’s access to clouds through the partner ends. "
        "It must have no customers but Inactive ones."
    ),
    lazy_gettext("The account has no partner status any more."),
    is_danger=True,
)


@blueprint.route("/partners/<id:reseller_id>/revoke", methods=["GET", "POST"])
def revoke_partner(reseller_id: str) -> Any:
    """*Take back* partner status."""
    return steps.take(
        REVOKE, lambda: _find(reseller_id), tab="partners", back=url_for(".show_partners")
    )


def _find(reseller_id: str) -> BillingAccount:
    return work.find_partner(web.actor(), reseller_id) or abort(404)


def _page_of(reseller_id: str) -> str:
    return url_for(".show_partner", reseller_id=reseller_id)
