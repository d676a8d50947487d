"""Access control of a cloud: who holds which role; *Add*, *Change role*, *Revoke*, *Explain*."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import EmailField, StringField, ValidationError

from portal import db, web
from portal.domain import access, cloud_access, clouds, identity, values
from portal.domain.access import CLOUD_TABLE, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.cloud_access import Member, explanation
from portal.domain.clouds import Cloud
from portal.domain.errors import Code
from portal.domain.values import EmailAddress, Invalid
from portal.web import role_form
from portal.wording import labels, message_drafts
from portal.wording.errors import sentence

blueprint = Blueprint("access", __name__, url_prefix="/clouds/<id:cloud_id>/access")

PARTNER_ID = re.compile(r"dn2[0-9a-v]{17}")


@blueprint.get("")
def index(cloud_id: str) -> Any:
    """Owners see who has access; who else sees the cloud, how they stand themselves."""
    actor, found = web.actor(), web.find_or_404(Cloud, cloud_id)
    may_manage = access.may(actor, Action.CLOUD_MANAGE_ACCESS, found)
    holders = cloud_access.members_of(found, reader=actor) if may_manage else []
    mine = [] if may_manage else explanation.grants_of_user(found, actor.id)
    return web.page(
        "console/access/index.html",
        fragment="holders",
        cloud=found,
        may_manage=may_manage,
        holders=holders,
        partners=_partners(holders),
        mine=mine,
        is_coming=any(one.coming for one in holders) or not all(one.is_now for one in mine),
        **({} if may_manage else _request_for(found)),
        roles=list(CloudRole),
        abilities=[
            (labels.ABILITIES[action], held)
            for action, held in {explanation.SEE: set(CloudRole), **CLOUD_TABLE}.items()
        ],
    )


def _partners(holders: list[Member]) -> dict[str, str]:
    """ID and name of the partners that have access, by their account or by their staff."""
    return {one.partner_id: one.partner_name or "" for one in holders if one.partner_id}


def _request_for(found: Cloud) -> dict[str, Any]:
    """The text with which the signed-in person asks an owner, where that would change anything."""
    actor = web.actor()
    asking = cloud_access.access_request_for(found, actor=actor)
    needs_one = not asking.is_owner and found.closed_at is None
    letter = message_drafts.access_to_cloud(found, asking.partner, actor) if needs_one else ""
    return {"asking": asking, "letter": letter}


class AddForm(role_form.RoleForm, web.CreatingForm):
    """Somebody with an account here, or a partner's account, and a role."""

    email = StringField(lazy_gettext("E-mail of their account here, or a partner’s account ID"))

    def validate_email(self, field: StringField) -> None:
        typed = (field.data or "").strip()
        if typed.startswith("dn2") and "@" not in typed and not PARTNER_ID.fullmatch(typed):
            raise ValidationError(sentence(Code.NO_PARTNER, {}))
        try:
            whom = self.whom()
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error
        field.data = whom if isinstance(whom, str) else whom.display

    def whom(self) -> EmailAddress | str:
        """The address or the ID. Raises Malformed."""
        typed = (self.email.data or "").strip()
        return typed if PARTNER_ID.fullmatch(typed) else values.email(self.email.data or "")


@blueprint.route("/add", methods=["GET", "POST"])
def add(cloud_id: str) -> Any:
    """*Add*: a role for somebody who has none here."""
    actor, found = web.actor(), _find(cloud_id)
    form = AddForm(list(CloudRole), **role_form.initial_role(CloudRole.MEMBER))
    form.email.flags.required = True

    def unit() -> str:
        fresh, role = db.session.get_one(Cloud, cloud_id), CloudRole(form.role.data)
        return cloud_access.grant(fresh, by=actor, role=role, to=form.whom())

    if answer := web.submit(
        form,
        unit,
        to=url_for(".index", cloud_id=cloud_id),
        success=lambda ident: _("%(who)s is added.", who=_holder(found, ident).name),
    ):
        return answer
    is_unknown = form.refusal is not None and form.refusal.code == Code.NO_ACCOUNT
    return web.page(
        "console/access/add.html",
        cloud=found,
        form=form,
        letter=message_drafts.account_for_cloud(form.email.data, found) if is_unknown else "",
        status=form.status,
    )


@blueprint.route("/<id:holder_id>/change", methods=["GET", "POST"])
def change(cloud_id: str, holder_id: str) -> Any:
    """*Change role*."""
    actor, found = web.actor(), _find(cloud_id)
    holder = _holder(found, holder_id)
    at_first = holder.coming or holder.role or CloudRole.MEMBER
    form = role_form.RoleForm(list(CloudRole), **role_form.initial_role(at_first))

    def unit() -> None:
        fresh, role = db.session.get_one(Cloud, cloud_id), CloudRole(form.role.data)
        cloud_access.change(fresh, by=actor, role=role, of=holder_id)

    saved = _("%(name)s’s role is saved.", name=holder.name)
    if answer := web.submit(form, unit, to=lambda _none: _back(cloud_id), success=saved):
        return answer
    return _step("change", form, cloud=found, holder=holder)


@blueprint.route("/<id:holder_id>/revoke", methods=["GET", "POST"])
def revoke(cloud_id: str, holder_id: str) -> Any:
    """*Revoke*: one holder's role."""
    actor, found = web.actor(), _find(cloud_id)
    holder, form = _holder(found, holder_id), web.Form()

    def unit() -> None:
        cloud_access.revoke(db.session.get_one(Cloud, cloud_id), by=actor, of=holder_id)

    revoked = _("%(name)s has no role on this cloud any more.", name=holder.name)
    if answer := web.submit(form, unit, to=lambda _none: _back(cloud_id), success=revoked):
        return answer
    return _step("revoke", form, cloud=found, holder=holder)


@blueprint.route("/<id:partner_id>/revoke-partner", methods=["GET", "POST"])
def revoke_partner(cloud_id: str, partner_id: str) -> Any:
    """*Revoke partner’s access*: the account's role and those of its staff."""
    actor, found, form = web.actor(), _find(cloud_id), web.Form()
    holders = [
        one for one in cloud_access.members_of(found, reader=actor) if one.partner_id == partner_id
    ]
    if not holders:
        abort(404)

    def unit() -> None:
        cloud_access.revoke_partner(db.session.get_one(Cloud, cloud_id), by=actor, of=partner_id)

    name = _partners(holders)[partner_id]
    revoked = _("%(name)s has no access to this cloud any more.", name=name)
    if answer := web.submit(form, unit, to=lambda _none: _back(cloud_id), success=revoked):
        return answer
    payer = db.find(BillingAccount, clouds.payer_of(found).id, actor)
    known = {"partner_name": name, "payer": payer}
    return _step("revoke_partner", form, cloud=found, holders=holders, **known)


class ExplainForm(web.Form):
    """Whom it is about; asking changes nothing."""

    email = EmailField(lazy_gettext("E-mail"))

    def validate_email(self, field: EmailField) -> None:
        try:
            field.data = values.email(field.data or "").display
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error


@blueprint.get("/explain")
def explain(cloud_id: str) -> Any:
    """*Explain*: what somebody may do on the cloud, and which row gives it."""
    found, is_asked = _find(cloud_id), "email" in request.args
    form = ExplainForm(request.args if is_asked else None, meta={"csrf": False})
    answer = None
    if is_asked and form.validate():
        user = identity.user_by_email(values.email(form.email.data).key)
        answer = explanation.explain(found, user, reader=web.actor())
    status = 422 if is_asked and answer is None else 200
    page = "console/access/explain.html"
    return web.page(page, cloud=found, form=form, answer=answer, status=status)


def _find(cloud_id: str) -> Cloud:
    """A cloud whose access the signed-in person manages, 404 or 403."""
    found = web.find_or_404(Cloud, cloud_id)
    access.require(web.actor(), Action.CLOUD_MANAGE_ACCESS, found)
    return found


def _holder(found: Cloud, holder_id: str) -> Member:
    """One of those with a role on it, or 404."""
    holders = cloud_access.members_of(found, reader=web.actor())
    holder = next((one for one in holders if one.id == holder_id), None)
    return holder or abort(404)


def _back(cloud_id: str) -> str:
    """To the list; or home, where the cloud does not exist for who took their own role."""
    is_there = db.find(Cloud, cloud_id, web.actor()) is not None
    return url_for(".index", cloud_id=cloud_id) if is_there else url_for("console.home")


def _step(name: str, form: web.Form, **context: Any) -> Any:
    return web.page(f"console/access/{name}.html", form=form, status=form.status, **context)
