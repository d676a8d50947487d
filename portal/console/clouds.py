"""Clouds: *Create cloud*, a cloud's page, its folders; renaming both."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField, ValidationError

from portal import db, web
from portal.domain import access, accounts, clouds
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud, Folder
from portal.web import form_recovery
from portal.web.cloud_forms import NameForm, NewCloudForm

blueprint = Blueprint("clouds", __name__, url_prefix="/clouds")


class CreateFolderForm(NameForm, web.CreatingForm):
    """A name, and the key by which the folder is created once."""


class CreateCloudForm(NewCloudForm):
    """A new cloud, and which account pays for it."""

    account_id = SelectField(lazy_gettext("Billing account"), validate_choice=False)

    def validate_account_id(self, field: SelectField) -> None:
        if field.data not in dict(field.choices):
            raise ValidationError(_("Choose one of your billing accounts."))


@blueprint.route("/create", methods=["GET", "POST"])
def create() -> Any:
    """*Create cloud*, paid by one of one's accounts."""
    actor = web.actor()
    payers = _payers(actor)
    form = CreateCloudForm(**form_recovery.saved_input())
    form.account_id.choices = [(a.id, _label(a)) for a in payers]
    if not form.is_submitted() and request.args.get("account") in {a.id for a in payers}:
        form.account_id.data = request.args["account"]

    def unit() -> str:
        payer = db.session.get_one(BillingAccount, form.account_id.data)
        return clouds.create(payer, by=actor, **form.names()).id

    if answer := web.submit(
        form,
        unit,
        to=lambda ident: url_for(".show", cloud_id=ident),
        success=lambda _ident: _("The cloud %(name)s is created.", name=form.name.data),
    ):
        return answer
    return web.page("console/clouds/create.html", form=form, payers=payers, status=form.status)


def _label(payer: BillingAccount) -> str:
    """An account to choose: of a subaccount, whose partner pays in the end."""
    if payer.parent is None:
        return f"{payer.name} · {payer.id}"
    facts = {"name": payer.name, "partner": payer.parent.name, "id": payer.id}
    return str(_("%(name)s, subaccount of %(partner)s · %(id)s", **facts))


def _payers(actor: Actor) -> list[BillingAccount]:
    """The accounts with a role of one's own, and the one from whose page one came."""
    payers = accounts.accounts_to_pay_from(actor)
    asked = db.find(BillingAccount, request.args.get("account", ""), actor)
    if asked is None or asked in payers or not access.may(actor, Action.CLOUD_CREATE, asked):
        return payers
    return [asked, *payers]


@blueprint.get("/<id:cloud_id>")
def show(cloud_id: str) -> Any:
    """A cloud: who pays for it since when, its folders."""
    return _page(web.find_or_404(Cloud, cloud_id), CreateFolderForm(**form_recovery.saved_input()))


@blueprint.route("/<id:cloud_id>/rename", methods=["GET", "POST"])
def rename(cloud_id: str) -> Any:
    """Rename a cloud."""
    actor, found = web.actor(), web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.CLOUD_RENAME, found)
    form = NameForm(**({"name": found.name} | form_recovery.saved_input()))
    name = form.name

    def unit() -> None:
        clouds.rename(db.session.get_one(Cloud, cloud_id), by=actor, name=name.data or "")

    back = url_for(".show", cloud_id=cloud_id)
    if answer := web.submit(form, unit, to=back, success=_("The cloud is renamed.")):
        return answer
    return _rename_page(form, found, title=_("Rename cloud %(name)s", name=found.name))


@blueprint.post("/<id:cloud_id>/folders/create")
def create_folder(cloud_id: str) -> Any:
    """*Create folder*."""
    actor = web.actor()
    found = web.find_or_404(Cloud, cloud_id)
    access.require(actor, Action.FOLDER_CREATE, found)
    form = CreateFolderForm()

    def unit() -> str:
        fresh, name = db.session.get_one(Cloud, cloud_id), form.name.data or ""
        return clouds.create_folder(fresh, by=actor, name=name).id

    answer = web.submit(
        form,
        unit,
        to=url_for(".show", cloud_id=cloud_id),
        success=lambda _ident: _("The folder %(name)s is created.", name=form.name.data),
    )
    return answer or _page(found, form)


@blueprint.route("/<id:cloud_id>/folders/<id:folder_id>/rename", methods=["GET", "POST"])
def rename_folder(cloud_id: str, folder_id: str) -> Any:
    """Rename a folder."""
    actor = web.actor()
    found, folder = web.find_or_404(Cloud, cloud_id), web.find_or_404(Folder, folder_id)
    web.same_or_404(folder.cloud_id, found.id)
    access.require(actor, Action.FOLDER_RENAME, found)
    form = NameForm(**({"name": folder.name} | form_recovery.saved_input()))
    name = form.name

    def unit() -> None:
        clouds.rename_folder(db.session.get_one(Folder, folder_id), by=actor, name=name.data or "")

    back = url_for(".show", cloud_id=cloud_id)
    if answer := web.submit(form, unit, to=back, success=_("The folder is renamed.")):
        return answer
    title = _("Rename folder %(name)s", name=folder.name)
    return _rename_page(form, found, title=title, folder=folder)


def _rename_page(form: NameForm, found: Cloud, *, title: str, folder: Folder | None = None) -> Any:
    return web.page(
        "console/clouds/rename.html",
        cloud=found,
        title=title,
        thing=folder or found,
        form=form,
        status=form.status,
    )


def _page(found: Cloud, form: CreateFolderForm) -> Any:
    actor = web.actor()
    payers = clouds.payers_of(found, actor=actor)
    payer = db.find(BillingAccount, payers[0].account_id or "", actor)
    may_link = found.closed_at is None and access.may(actor, Action.CLOUD_RELINK, found)
    others = accounts.accounts_to_pay_from(actor) if may_link else []
    return web.page(
        "console/clouds/show.html",
        cloud=found,
        form=form,
        folders=clouds.folders_of(found),
        payers=payers,
        may_rename=access.may(actor, Action.CLOUD_RENAME, found),
        may_edit=access.may(actor, Action.FOLDER_CREATE, found),
        is_own=payer is not None and payer.kind is Kind.DIRECT and found.closed_at is None,
        targets=[one for one in others if one is not payer],
        status=form.status,
    )
