"""Clouds: *Create cloud*, a cloud's page and folders, renaming both."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField, ValidationError

from portal import db, web
from portal.domain import access, accounts, clouds, memberships
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Folder
from portal.web import form_recovery
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
    form = CreateCloudForm(payers, **form_recovery.saved_input())

    def unit() -> str:
        payer = db.session.get_one(BillingAccount, form.account_id.data)
        return clouds.create(payer, by=actor, **form.names()).id

    if answer := web.submit(
        form,
        unit,
        to=lambda cloud_id: url_for(".show", cloud_id=cloud_id),
        success=lambda _cloud_id: _("The cloud %(name)s is created.", name=form.name.data),
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
    payers = clouds.payers_of(cloud, actor=actor)
    payer = db.find(BillingAccount, payers[0].account_id or "", actor)
    may_link = cloud.closed_at is None and access.may(actor, Action.CLOUD_RELINK, cloud)
    accounts_to_link = accounts.accounts_to_pay_from(actor) if may_link else []
    return web.form_page(
        form,
        "console/clouds/show.html",
        fragment="accesses",
        cloud=cloud,
        folders=clouds.folders_of(cloud),
        payers=payers,
        account=payer,
        progress=clouds.progress_for([cloud.id])[cloud.id],
        closing_form=web.Form(),
        may_close=access.may(actor, Action.CLOUD_CLOSE, cloud),
        **_access_of(actor, cloud),
        may_rename=access.may(actor, Action.CLOUD_RENAME, cloud),
        may_edit=access.may(actor, Action.FOLDER_CREATE, cloud),
        is_own=payer is not None and payer.kind is Kind.DIRECT and cloud.closed_at is None,
        targets=[account for account in accounts_to_link if account is not payer],
    )


def _access_of(actor: Actor, cloud: Cloud) -> dict[str, Any]:
    """Return the template's context of the user's own access."""
    is_offered = cloud.closed_at is None and memberships.is_carried_out(cloud)
    return {
        "accesses": memberships.accesses_of(cloud, actor=actor),
        "may_get": is_offered and access.may(actor, Action.CLOUD_GET_ACCESS, cloud),
    }
