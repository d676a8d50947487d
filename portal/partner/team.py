"""Team: the partner's staff with their roles, and what each role allows."""

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
    """The staff, and the role table."""
    actor = web.actor()
    members = team.members(g.partner)
    may_manage = access.may(actor, Action.ACCESS_MANAGE, g.partner)
    may_manage_owners = access.may(actor, Action.ACCESS_MANAGE_OWNERS, g.partner)
    return web.page(
        "partner/team/index.html",
        fragment="staff",
        partner=g.partner,
        members=members,
        is_coming=any(one.coming for one in members),
        may_manage=may_manage,
        may_touch=lambda one: may_manage_owners if _is_owner(one) else may_manage,
        roles=list(AccountRole),
        abilities=[(labels.ABILITIES[action], held) for action, held in ACCOUNT_TABLE.items()],
    )


def _is_owner(member: Member) -> bool:
    return AccountRole.OWNER in (member.role, member.coming)


def _offered() -> list[AccountRole]:
    """The roles that the signed-in person may give."""
    is_owner = access.may(web.actor(), Action.ACCESS_MANAGE_OWNERS, g.partner)
    return [role for role in AccountRole if is_owner or role is not AccountRole.OWNER]


class AddForm(role_form.RoleForm, web.CreatingForm):
    """Somebody for the staff."""

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
    form = AddForm(_offered(), **role_form.initial_role(AccountRole.EDITOR))
    form.email.flags.required = True

    def unit() -> str:
        fresh, role = db.session.get_one(BillingAccount, account_id), AccountRole(form.role.data)
        return team.add(fresh, by=actor, address=values.email(form.email.data), role=role).name

    if answer := web.submit(
        form,
        unit,
        to=url_for(".index", account_id=account_id),
        success=lambda name: _("%(name)s is on the staff.", name=name),
    ):
        return answer
    is_unknown = form.refusal is not None and form.refusal.code == Code.NO_ACCOUNT
    return web.page(
        "partner/team/add.html",
        partner=g.partner,
        form=form,
        letter=message_drafts.account_for_staff(form.email.data, g.partner.name)
        if is_unknown
        else "",
        status=form.status,
    )


@blueprint.route("/<id:user_id>/change", methods=["GET", "POST"])
def change(account_id: str, user_id: str) -> Any:
    """*Change role*."""
    actor, member = web.actor(), _find(user_id)
    at_first = member.coming or member.role or AccountRole.VIEWER
    form = role_form.RoleForm(_offered(), **role_form.initial_role(at_first))

    def unit() -> None:
        fresh, role = db.session.get_one(BillingAccount, account_id), AccountRole(form.role.data)
        access.change(role, of=team.user_of(member), account=fresh, by=actor)

    saved = _("%(name)s’s role is saved.", name=member.name)
    if answer := web.submit(form, unit, to=url_for(".index", account_id=account_id), success=saved):
        return answer
    return _step_page("change", form, member)


@blueprint.route("/<id:user_id>/remove", methods=["GET", "POST"])
def remove(account_id: str, user_id: str) -> Any:
    """*Remove* from the staff."""
    actor, member = web.actor(), _find(user_id)
    form = web.Form()

    def unit() -> None:
        fresh = db.session.get_one(BillingAccount, account_id)
        access.revoke(of=team.user_of(member), account=fresh, by=actor)

    goes = member.id == actor.id
    back = url_for("partner.choose") if goes else url_for(".index", account_id=account_id)
    removed = _("%(name)s is not on the staff any more.", name=member.name)
    if answer := web.submit(form, unit, to=back, success=removed):
        return answer
    return _step_page("remove", form, member)


def _find(user_id: str) -> Member:
    """One of this partner's staff whom the signed-in person may touch, 404 or 403."""
    access.require(web.actor(), Action.ACCESS_MANAGE, g.partner)
    member = team.member(g.partner, user_id)
    if member is None:
        abort(404)
    if _is_owner(member):
        access.require(web.actor(), Action.ACCESS_MANAGE_OWNERS, g.partner)
    return member


def _step_page(name: str, form: web.Form, member: Member) -> Any:
    return web.page(
        f"partner/team/{name}.html",
        partner=g.partner,
        member=member,
        managed=customers.managed_by(member.id, g.partner),
        form=form,
        status=form.status,
    )
