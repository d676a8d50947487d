"""Clouds: *Create cloud*, a cloud's page and folders, renaming both."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField, ValidationError

from portal import db, web
from portal.console.cloud_people import is_changing, people_of
from portal.domain import access, accounts, clouds, connections, drift, memberships
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.cloud_access import explanation
from portal.domain.clouds import Cloud, Folder, Progress
from portal.web import cloud_forms, form_recovery
from portal.web.cloud_forms import NameForm, NewCloudForm

blueprint = Blueprint("clouds", __name__, url_prefix="/clouds")


class CreateFolderForm(NameForm, web.CreatingForm):
    """The name of a new folder."""


class CreateCloudForm(NewCloudForm):
    """The names of a new cloud and its folder, and the account that pays."""

    account_id = SelectField(lazy_gettext("Billing account"), validate_choice=False)

    def __init__(self, payers: list[BillingAccount], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account_id.choices = [(payer.id, payer_label(payer)) for payer in payers]
        if not self.is_submitted() and request.args.get("account") in dict(self.account_id.choices):
            self.account_id.data = request.args["account"]

    def validate_account_id(self, field: SelectField) -> None:
        if field.data not in dict(field.choices):
            raise ValidationError(_("Choose one of your billing accounts."))


@blueprint.route("/create", methods=["GET", "POST"])
def create() -> Any:
    """*Create cloud*: create a cloud that one of the user's accounts pays for."""
    actor = web.actor()
    payers = _possible_payers(actor)
    has_folders = connections.default().has_folders
    form = CreateCloudForm(payers, has_folders=has_folders, **form_recovery.saved_input())

    def unit() -> str:
        payer = db.session.get_one(BillingAccount, form.account_id.data)
        return clouds.create(payer, by=actor, **form.names()).id

    if answer := web.submit(
        form,
        unit,
        to=lambda cloud_id: url_for(".show", cloud_id=cloud_id),
        success=lambda cloud_id: cloud_forms.created(cloud_id, form),
    ):
        return answer
    return web.form_page(form, "console/clouds/create.html", payers=payers)


def payer_label(payer: BillingAccount) -> str:
    """Return an account's label; a subaccount's names the partner, who pays in the end."""
    if payer.parent is None:
        return f"{payer.name} · {payer.id}"
    facts = {"name": payer.name, "partner": payer.parent.name, "id": payer.id}
    return str(_("%(name)s, subaccount of %(partner)s · %(id)s", **facts))


def _possible_payers(actor: Actor) -> list[BillingAccount]:
    """Return the accounts on which the actor has a role, and the one named in the URL."""
    payers = accounts.accounts_to_pay_from(actor)
    named = db.find(BillingAccount, request.args.get("account", ""), actor)
    if named is None or named in payers or not access.may(actor, Action.CLOUD_CREATE, named):
        return payers
    return [named, *payers]


@blueprint.get("/<id:cloud_id>")
def show(cloud_id: str) -> Any:
    """Show a cloud: its folders, and who pays for it since when."""
    return _page(web.find_or_404(Cloud, cloud_id), CreateFolderForm(**form_recovery.saved_input()))


@blueprint.route("/<id:cloud_id>/rename", methods=["GET", "POST"])
def rename(cloud_id: str) -> Any:
    """*Rename*: rename a cloud."""
    actor, cloud = web.actor(), web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.CLOUD_RENAME, cloud)
    form = NameForm(**({"name": cloud.name} | form_recovery.saved_input()))
    name = form.name

    def unit() -> None:
        clouds.rename(db.session.get_one(Cloud, cloud_id), by=actor, name=name.data or "")

    back = url_for(".show", cloud_id=cloud_id)
    if answer := web.submit(form, unit, to=back, success=_("The cloud is renamed.")):
        return answer
    return _rename_page(form, cloud, title=_("Rename cloud %(name)s", name=cloud.name))


@blueprint.post("/<id:cloud_id>/folders/create")
def create_folder(cloud_id: str) -> Any:
    """*Create folder*: create a folder in a cloud."""
    actor, cloud = web.actor(), web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.FOLDER_CREATE, cloud)
    form = CreateFolderForm()

    def unit() -> str:
        cloud, name = db.session.get_one(Cloud, cloud_id), form.name.data or ""
        return clouds.create_folder(cloud, by=actor, name=name).id

    answer = web.submit(
        form,
        unit,
        to=url_for(".show", cloud_id=cloud_id),
        success=lambda _folder_id: _("The folder %(name)s is created.", name=form.name.data),
    )
    return answer or _page(cloud, form)


@blueprint.route("/<id:cloud_id>/folders/<id:folder_id>/rename", methods=["GET", "POST"])
def rename_folder(cloud_id: str, folder_id: str) -> Any:
    """*Rename*: rename a folder."""
    actor = web.actor()
    cloud, folder = web.find_or_404(Cloud, cloud_id), web.find_or_404(Folder, folder_id)
    web.same_or_404(folder.cloud_id, cloud.id)
    access.require(actor, Action.FOLDER_RENAME, cloud)
    form = NameForm(**({"name": folder.name} | form_recovery.saved_input()))
    name = form.name

    def unit() -> None:
        clouds.rename_folder(db.session.get_one(Folder, folder_id), by=actor, name=name.data or "")

    back = url_for(".show", cloud_id=cloud_id)
    if answer := web.submit(form, unit, to=back, success=_("The folder is renamed.")):
        return answer
    title = _("Rename folder %(name)s", name=folder.name)
    return _rename_page(form, cloud, title=title, folder=folder)


def _rename_page(form: NameForm, cloud: Cloud, *, title: str, folder: Folder | None = None) -> Any:
    return web.form_page(
        form, "console/clouds/rename.html", cloud=cloud, title=title, thing=folder or cloud
    )


def _page(cloud: Cloud, form: CreateFolderForm) -> Any:
    actor = web.actor()
    progress = clouds.progress_for([cloud.id])[cloud.id]
    payer = clouds.visible_payer(cloud, actor)
    may_link = cloud.closed_at is None and access.may(actor, Action.CLOUD_RELINK, cloud)
    accounts_to_link = accounts.accounts_to_pay_from(actor) if may_link else []
    may_manage = access.may(actor, Action.CLOUD_MANAGE_ACCESS, cloud)
    people = people_of(cloud) if may_manage else {}
    own = _access_of(actor, cloud)
    stamp = _stamp(progress, own, people)
    if web.is_partial() and request.args.get("seen") == stamp:
        return "", 204
    return web.form_page(
        form,
        "console/clouds/show.html",
        fragment="cloud",
        cloud=cloud,
        folders=clouds.folders_of(cloud) if progress.place.has_folders else [],
        payers=clouds.payers_of(cloud, actor=actor),
        account=payer,
        progress=progress,
        suspended_by_hand_at=drift.suspended_since(cloud),
        stamp=stamp,
        is_under_way=_is_under_way(progress, own, people),
        moves_on=_moves_on(actor, payer),
        closing_form=web.Form(),
        may_close=access.may(actor, Action.CLOUD_CLOSE, cloud),
        may_rename=access.may(actor, Action.CLOUD_RENAME, cloud),
        may_edit=access.may(actor, Action.FOLDER_CREATE, cloud),
        may_manage=may_manage,
        is_own=payer is not None and payer.kind is Kind.DIRECT and cloud.closed_at is None,
        targets=[account for account in accounts_to_link if account is not payer],
        **own,
        **people,
    )


def _access_of(actor: Actor, cloud: Cloud) -> dict[str, Any]:
    """Return the template's context of the user's own access. Without `may_get` the cloud's kind
    gives none, or the user has no role for it. `get_refusal` is why not now, `get_from` when a role
    to come allows it."""
    is_offered = memberships.is_carried_out(cloud) and cloud.closed_at is None
    may_enter = access.may(actor, Action.CLOUD_GET_ACCESS, cloud)
    may_get = is_offered and may_enter
    return {
        "accesses": memberships.accesses_of(cloud, actor=actor),
        "may_get": may_get,
        "get_refusal": drift.refusal_to_get_access(cloud) if may_get else None,
        "get_from": _get_from(actor, cloud) if is_offered and not may_enter else None,
        "may_enter": may_enter,
    }


def _get_from(actor: Actor, cloud: Cloud) -> datetime | None:
    """Return when a role that was given to the user allows *Get access*; None: never."""
    roles = access.CLOUD_TABLE[Action.CLOUD_GET_ACCESS]
    grants = explanation.grants_of_user(cloud, actor.id or "")
    return min((grant.effective_at for grant in grants if grant.role in roles), default=None)


def _moves_on(actor: Actor, payer: BillingAccount | None) -> date | None:
    """Return the day on which the cloud goes to the user's own account, for the customer's side."""
    if payer is None or payer.ends_on is None or access.is_staff(actor.id, payer.parent_id or ""):
        return None
    return payer.ends_on


def _is_under_way(progress: Progress, own: dict[str, Any], people: dict[str, Any]) -> bool:
    """Whether the page should poll for changes."""
    changing = (memberships.Progress.WAITING, memberships.Progress.ENDING)
    is_mine = own["get_from"] or any(access.progress in changing for access in own["accesses"])
    return bool(progress.tasks or is_mine) or is_changing(people)


def _stamp(progress: Progress, own: dict[str, Any], people: dict[str, Any]) -> str:
    """Return a digest of what the page polls for."""
    standings = [*people.get("holding", {}).values(), *people.get("losing", [])]
    changing = (*own["accesses"], *(one.membership for one in standings))
    rows = [(row.id, row.progress) for row in changing]
    return hashlib.sha256(repr((progress, own["get_from"], rows)).encode()).hexdigest()[:16]
