"""Team: the partner's staff with their roles, and the role table."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import EmailField, ValidationError

from portal import db, web
from portal.domain import access, customers, team, values
from portal.domain.access import ACCOUNT_TABLE, AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.errors import Code
from portal.domain.team import Member
from portal.domain.values import Invalid
from portal.web import role_form
from portal.wording import labels, message_drafts
from portal.wording.errors import sentence

blueprint = Blueprint("team", __name__, url_prefix="/<id:account_id>/team")


@blueprint.get("")
def index(account_id: str) -> Any:
    """Show the staff and the role table."""
    actor = web.actor()
    members = team.members(g.partner)
    may_manage = access.may(actor, Action.ACCESS_MANAGE, g.partner)
    may_manage_owners = access.may(actor, Action.ACCESS_MANAGE_OWNERS, g.partner)
    return web.page(
        "partner/team/index.html",
        fragment="staff",
        partner=g.partner,
        members=members,
        has_pending_roles=any(member.pending_role for member in members),
        may_manage=may_manage,
        may_edit=lambda member: may_manage_owners if _is_owner(member) else may_manage,
        roles=list(AccountRole),
        abilities=labels.abilities(ACCOUNT_TABLE),
    )


def _is_owner(member: Member) -> bool:
    return AccountRole.OWNER in (member.role, member.pending_role)


def _assignable_roles() -> list[AccountRole]:
    """Return the roles that the signed-in user may give."""
    is_owner = access.may(web.actor(), Action.ACCESS_MANAGE_OWNERS, g.partner)
    return [role for role in AccountRole if is_owner or role is not AccountRole.OWNER]


class AddForm(role_form.RoleForm, web.CreatingForm):
    """A user with an account here to add to the staff, and the role."""

    email = EmailField(lazy_gettext("E-mail of their account here"))

    def validate_email(self, field: EmailField) -> None:
        try:
            field.data = values.email(field.data or "").display
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error


@blueprint.route("/add", methods=["GET", "POST"])
def add(account_id: str) -> Any:
    """*Add staff*."""
    actor = web.actor()
    access.require(actor, Action.ACCESS_MANAGE, g.partner)
    form = AddForm(_assignable_roles(), **role_form.initial_role(AccountRole.EDITOR))
    form.email.flags.required = True

    def unit() -> str:
        partner, role = db.session.get_one(BillingAccount, account_id), AccountRole(form.role.data)
        return team.add(partner, by=actor, address=values.email(form.email.data), role=role).name

    def success(name: str) -> str:
        return str(_("%(name)s is on the staff.", name=name))

    back = url_for(".index", account_id=account_id)
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    is_unknown = form.is_refused_with(Code.NO_ACCOUNT)
    draft = message_drafts.account_for_staff(form.email.data, g.partner.name) if is_unknown else ""
    return web.form_page(form, "partner/team/add.html", partner=g.partner, message_draft=draft)


@blueprint.route("/<id:user_id>/change", methods=["GET", "POST"])
def change(account_id: str, user_id: str) -> Any:
    """*Change role*."""
    actor, member = web.actor(), _find_member(user_id)
    initial = member.pending_role or member.role or AccountRole.VIEWER
    form = role_form.RoleForm(_assignable_roles(), **role_form.initial_role(initial))

    def unit() -> None:
        partner, role = db.session.get_one(BillingAccount, account_id), AccountRole(form.role.data)
        team.change(role, of=team.user_of(member), partner=partner, by=actor)

    saved = _("%(name)s’s role is saved.", name=member.name)
    if answer := web.submit(form, unit, to=url_for(".index", account_id=account_id), success=saved):
        return answer
    return _member_page("change", form, member)


@blueprint.route("/<id:user_id>/remove", methods=["GET", "POST"])
def remove(account_id: str, user_id: str) -> Any:
    """*Remove* from the staff."""
    actor, member = web.actor(), _find_member(user_id)
    form = web.Form()

    def unit() -> None:
        partner = db.session.get_one(BillingAccount, account_id)
        team.remove(of=team.user_of(member), partner=partner, by=actor)

    is_self = member.id == actor.id
    back = url_for("partner.choose") if is_self else url_for(".index", account_id=account_id)
    removed = _("%(name)s is not on the staff any more.", name=member.name)
    if answer := web.submit(form, unit, to=back, success=removed):
        return answer
    return _member_page("remove", form, member)


def _find_member(user_id: str) -> Member:
    """Return the member of the staff. Aborts with 404; Forbidden unless the actor may edit them."""
    access.require(web.actor(), Action.ACCESS_MANAGE, g.partner)
    member = team.member(g.partner, user_id)
    if member is None:
        abort(404)
    if _is_owner(member):
        access.require(web.actor(), Action.ACCESS_MANAGE_OWNERS, g.partner)
    return member


def _member_page(name: str, form: web.Form, member: Member) -> Any:
    return web.form_page(
        form,
        f"partner/team/{name}.html",
        partner=g.partner,
        member=member,
        managed_count=customers.count_managed_customers(member.id, g.partner),
    )
