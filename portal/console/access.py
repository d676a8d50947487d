"""Access control of a cloud: its members and roles; *Add*, *Change role*, *Revoke*, *Explain*."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import BooleanField, EmailField, StringField, ValidationError

from portal import db, web
from portal.console.cloud_people import is_changing, partners_of, people_of, standing_of
from portal.domain import access, cloud_access, clouds, identity, memberships, values
from portal.domain.access import CLOUD_TABLE, CloudRole
from portal.domain.actions import Action
from portal.domain.cloud_access import Member, explanation
from portal.domain.cloud_access.explanation import Grant
from portal.domain.clouds import Cloud
from portal.domain.errors import Code
from portal.domain.values import EmailAddress, Invalid
from portal.web import role_form
from portal.wording import labels, message_drafts
from portal.wording import memberships as membership_wording
from portal.wording.errors import sentence

blueprint = Blueprint("access", __name__, url_prefix="/clouds/<id:cloud_id>/access")

PARTNER_ID = re.compile(r"dn2[0-9a-v]{17}")


@blueprint.get("")
def index(cloud_id: str) -> Any:
    """List the members for owners; show others their own grants."""
    actor, cloud = web.actor(), web.find_or_404(Cloud, cloud_id)
    may_manage = access.may(actor, Action.CLOUD_MANAGE_ACCESS, cloud)
    people = people_of(cloud) if may_manage else _own_access(cloud)
    has_pending_roles = _has_pending_roles(people.get("members", []), people.get("own_grants", []))
    return web.page(
        "console/access/index.html",
        fragment="holders",
        cloud=cloud,
        may_manage=may_manage,
        is_under_way=has_pending_roles or is_changing(people),
        has_pending_roles=has_pending_roles,
        **people,
        revoke_refusals=cloud_access.revoke_refusals(cloud, actor) if may_manage else {},
        roles=list(CloudRole),
        abilities=labels.abilities({explanation.SEE: set(CloudRole), **CLOUD_TABLE}),
    )


def _own_access(cloud: Cloud) -> dict[str, Any]:
    """Return the template's context of the reader's own access, for who is no owner."""
    actor_id = web.actor().id
    own_grants = explanation.grants_of_user(cloud, actor_id)
    return {"own_grants": own_grants, **_access_request(cloud), **standing_of(cloud, actor_id)}


def _has_pending_roles(members: list[Member], own_grants: list[Grant]) -> bool:
    """Whether one of the roles takes effect later."""
    has_pending_member = any(member.pending_role for member in members)
    return has_pending_member or not all(grant.is_now for grant in own_grants)


def _access_request(cloud: Cloud) -> dict[str, Any]:
    """Return the template's context for asking an owner for access, with a draft if it helps."""
    actor = web.actor()
    request_ = cloud_access.access_request_for(cloud, actor=actor)
    is_needed = not request_.is_owner and cloud.closed_at is None
    draft = message_drafts.access_to_cloud(cloud, request_.partner, actor) if is_needed else ""
    return {"access_request": request_, "message_draft": draft}


class AddForm(role_form.RoleForm, web.CreatingForm):
    """A user's address or the ID of a partner account, and a role."""

    email = StringField(lazy_gettext("E-mail of their account here, or a partner’s account ID"))

    def validate_email(self, field: StringField) -> None:
        text = (field.data or "").strip()
        if text.startswith("dn2") and "@" not in text and not PARTNER_ID.fullmatch(text):
            raise ValidationError(sentence(Code.NO_PARTNER, {}))
        try:
            grantee = self.grantee()
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error
        field.data = grantee if isinstance(grantee, str) else grantee.display

    def grantee(self) -> EmailAddress | str:
        """Return the user's address or the partner account's ID. Raises Invalid."""
        text = (self.email.data or "").strip()
        return text if PARTNER_ID.fullmatch(text) else values.email(self.email.data or "")


@blueprint.route("/add", methods=["GET", "POST"])
def add(cloud_id: str) -> Any:
    """*Add*: give a role to a person or a partner account without one."""
    actor, cloud = web.actor(), _find(cloud_id)
    form = AddForm(list(CloudRole), **role_form.initial_role(CloudRole.MEMBER))
    form.email.flags.required = True

    def unit() -> str:
        cloud, role = db.session.get_one(Cloud, cloud_id), CloudRole(form.role.data)
        return cloud_access.grant(cloud, by=actor, role=role, to=form.grantee())

    def success(member_id: str) -> str:
        return str(_("%(who)s is added.", who=_member(cloud, member_id).name))

    back = url_for(".index", cloud_id=cloud_id)
    if answer := web.submit(form, unit, to=back, success=success):
        return answer
    has_no_account = form.is_refused_with(Code.NO_ACCOUNT)
    draft = message_drafts.account_for_cloud(form.email.data, cloud) if has_no_account else ""
    return _page("add", form, cloud=cloud, message_draft=draft)


@blueprint.route("/<id:holder_id>/change", methods=["GET", "POST"])
def change(cloud_id: str, holder_id: str) -> Any:
    """*Change role*: change the role of a member."""
    actor, cloud = web.actor(), _find(cloud_id)
    member = _member(cloud, holder_id)
    current_role = member.pending_role or member.role or CloudRole.MEMBER
    form = role_form.RoleForm(list(CloudRole), **role_form.initial_role(current_role))

    def unit() -> None:
        cloud, role = db.session.get_one(Cloud, cloud_id), CloudRole(form.role.data)
        cloud_access.change(cloud, by=actor, role=role, of=holder_id)

    success = _("%(name)s’s role is saved.", name=member.name)
    if answer := web.submit(form, unit, to=lambda _none: _url_after(cloud_id), success=success):
        return answer
    return _page("change", form, cloud=cloud, member=member)


class RevokeForm(web.Form):
    """Which button was pressed: *Revoke*, or *Revoke and stop*."""

    stop = BooleanField()


@blueprint.route("/<id:holder_id>/revoke", methods=["GET", "POST"])
def revoke(cloud_id: str, holder_id: str) -> Any:
    """*Revoke*: revoke the role of a member."""
    actor, cloud = web.actor(), _find(cloud_id)
    member, form = _member(cloud, holder_id), RevokeForm()

    def unit() -> None:
        cloud, stop = db.session.get_one(Cloud, cloud_id), form.stop.data
        cloud_access.revoke(cloud, by=actor, of=holder_id, stop=stop)

    what_ends = _what_ends(cloud, [member])
    success = _("%(name)s has no role on this cloud any more.", name=member.name)
    if what_ends["kept"]:
        success = _("The role of %(name)s is revoked.", name=member.name)
    if answer := web.submit(form, unit, to=lambda _none: _url_after(cloud_id), success=success):
        return answer
    return _page("revoke", form, cloud=cloud, member=member, **what_ends)


@blueprint.route("/<id:partner_id>/revoke-partner", methods=["GET", "POST"])
def revoke_partner(cloud_id: str, partner_id: str) -> Any:
    """*Revoke partner’s access*: revoke the account's role and those of its staff."""
    actor, cloud, form = web.actor(), _find(cloud_id), RevokeForm()
    members = _members_of_partner(cloud, partner_id)

    def unit() -> None:
        cloud, stop = db.session.get_one(Cloud, cloud_id), form.stop.data
        cloud_access.revoke_partner(cloud, by=actor, of=partner_id, stop=stop)

    name = partners_of(members)[partner_id]
    success = _("%(name)s has no access to this cloud any more.", name=name)
    if answer := web.submit(form, unit, to=lambda _none: _url_after(cloud_id), success=success):
        return answer
    payer = clouds.visible_payer(cloud, actor)
    context = {"cloud": cloud, "members": members, "partner_name": name, "payer": payer}
    return _page("revoke_partner", form, **context, **_what_ends(cloud, members))


class ExplainForm(web.Form):
    """The address of the user whose access is explained; a GET form."""

    email = EmailField(lazy_gettext("E-mail"))

    def validate_email(self, field: EmailField) -> None:
        try:
            field.data = values.email(field.data or "").display
        except Invalid as error:
            raise ValidationError(sentence(error.code, error.facts)) from error


@blueprint.get("/explain")
def explain(cloud_id: str) -> Any:
    """*Explain*: show what a user may do on the cloud, and by which grants."""
    cloud, is_submitted = _find(cloud_id), "email" in request.args
    form = ExplainForm(request.args if is_submitted else None, meta={"csrf": False})
    abilities = user = None
    if is_submitted and form.validate():
        user = identity.user_by_email(values.email(form.email.data).key)
        abilities = explanation.explain(cloud, user, reader=web.actor())
    status = 422 if is_submitted and abilities is None else 200
    template = "console/access/explain.html"
    account = clouds.visible_payer(cloud, web.actor())
    context: dict[str, Any] = {
        "account": account,
        "progress": clouds.progress_for([cloud.id])[cloud.id],
        "is_carried_out": memberships.is_carried_out(cloud),
    }
    if abilities is not None:
        context |= standing_of(cloud, user.id if user else None)
    return web.page(template, cloud=cloud, form=form, abilities=abilities, status=status, **context)


def _find(cloud_id: str) -> Cloud:
    """Return a cloud whose access the signed-in user manages. Aborts with 404; raises Forbidden."""
    cloud = web.find_or_404(Cloud, cloud_id)
    access.require(web.actor(), Action.CLOUD_MANAGE_ACCESS, cloud)
    return cloud


def _what_ends(cloud: Cloud, members: list[Member]) -> dict[str, Any]:
    """Return the template's context of what revoking the roles of these members ends in the
    cloud, whether it can stop the instances, and who keeps access by which grants."""
    kept = explanation.kept_grants(cloud, {member.id for member in members})
    if not memberships.is_carried_out(cloud):
        return {"kept": kept, "ends": [], "can_stop": False}
    user_ids = {member.id for member in members}.union(
        *(access.staff_ids(member.id) for member in members if member.is_partner)
    )
    staying = {user.id for user, grants in kept.items() if any(map(_gives_access, grants))}
    holding = user_ids & memberships.memberships_of(cloud).holding.keys()
    has_access, connection = bool(holding - staying), clouds.pending_tasks(cloud).connection
    is_ending = has_access or not staying
    ends = membership_wording.revoking(connection, has_access=has_access) if is_ending else []
    return {"kept": kept, "ends": ends, "can_stop": has_access and connection.can_stop}


def _gives_access(grant: Grant) -> bool:
    """Whether the grant keeps a person's access in the cloud."""
    return grant.is_now and grant.role in memberships.GIVING_ACCESS


def _member(cloud: Cloud, member_id: str) -> Member:
    """Return the member with this ID. Aborts with 404."""
    members = cloud_access.members_of(cloud, reader=web.actor())
    member = next((member for member in members if member.id == member_id), None)
    return member or abort(404)


def _members_of_partner(cloud: Cloud, partner_id: str) -> list[Member]:
    """Return the partner account and its staff, those that are members. Aborts with 404."""
    members = cloud_access.members_of(cloud, reader=web.actor())
    return [member for member in members if member.partner_id == partner_id] or abort(404)


def _url_after(cloud_id: str) -> str:
    """Return the list's URL, or the homepage's for a user who can't see the cloud any more."""
    is_visible = db.find(Cloud, cloud_id, web.actor()) is not None
    return url_for(".index", cloud_id=cloud_id) if is_visible else url_for("console.home")


def _page(name: str, form: web.Form, **context: Any) -> Any:
    return web.form_page(form, f"console/access/{name}.html", **context)
