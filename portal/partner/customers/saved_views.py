"""*Saved views*: filters of the list of customers, saved as named tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import abort, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired

from portal import db, web
from portal.domain import customers
from portal.domain.customers import Filter, SavedView
from portal.domain.identity import User
from portal.partner.customers.blueprint import blueprint
from portal.partner.customers.filters import filter_parameters, list_url, parse_filter
from portal.web import form_recovery


def tabs_above_list(account_id: str, filter_: Filter) -> dict[str, Any]:
    """Return context of the list: `tabs` of the views, `save_url` for a filter not saved yet."""
    query, views = _query_string(filter_), customers.saved_views_of(web.actor(), g.partner)
    names = [("", _("All customers")), *((view.query, view.name) for view in views)]
    list_path = url_for(".index", account_id=account_id)
    tabs = [(name, f"{list_path}?{saved}", saved == query, None) for saved, name in names]
    is_new = query not in dict(names)
    return {
        "tabs": tabs if views else [],
        "save_url": list_url(account_id, filter_, "save_view") if is_new else None,
    }


def _query_string(filter_: Filter) -> str:
    """Return the filter as a normalised query string."""
    return urlencode(filter_parameters(filter_))


class NameForm(web.CreatingForm):
    """The name of a view."""

    acts_once = False
    name = StringField(
        lazy_gettext("Name of the view"),
        [InputRequired(lazy_gettext("Fill this in; it is required."))],
    )


class SaveForm(NameForm):
    """The name of a new view; the URL holds the filter."""

    acts_once = True

    def body(self) -> dict[str, Any]:
        """Return the sent fields with the filter, so that each filter can be saved once."""
        return super().body() | {"query": _query_string(parse_filter(request.args))}


@blueprint.get("/views")
def views(account_id: str) -> Any:
    """Show the user's saved views, to order, rename and remove."""
    return web.page(
        "partner/customers/views.html",
        partner=g.partner,
        views=customers.saved_views_of(web.actor(), g.partner),
    )


@blueprint.route("/views/save", methods=["GET", "POST"])
def save_view(account_id: str) -> Any:
    """*Save this view*: the URL holds the filter, as that of the list does."""
    actor, partner, filter_ = web.actor(), g.partner, parse_filter(request.args)
    form = SaveForm(**form_recovery.saved_input())

    def unit() -> str:
        name, query = form.name.data or "", _query_string(filter_)
        return customers.save_view(partner, by=actor, name=name, query=query).id

    back = list_url(account_id, filter_)
    saved = _("The view is saved as a tab above the list.")
    if answer := web.submit(form, unit, to=back, success=saved):
        return answer
    return web.form_page(
        form,
        "partner/customers/save_view.html",
        partner=partner,
        action=list_url(account_id, filter_, "save_view"),
        back=back,
    )


@blueprint.route("/views/<id:view_id>/rename", methods=["GET", "POST"])
def rename_view(account_id: str, view_id: str) -> Any:
    """*Rename* a view."""
    view = _find_view(view_id)
    form = NameForm(**{"data": {"name": view.name}, **form_recovery.saved_input()})

    def rename(view: SavedView) -> None:
        customers.rename_view(view, by=web.actor(), name=form.name.data or "")

    back = url_for(".views", account_id=account_id)
    unit = _locked_unit(view_id, rename)
    if answer := web.submit(form, unit, to=back, success=_("The view is renamed.")):
        return answer
    return web.form_page(
        form, "partner/customers/rename_view.html", partner=g.partner, view=_find_view(view_id)
    )


class MoveForm(web.Form):
    """The new position, counted from 0."""

    to = IntegerField(validators=[InputRequired()])


@blueprint.post("/views/<id:view_id>/move")
def move_view(account_id: str, view_id: str) -> Any:
    """Move a view *Up* or *Down*."""
    _find_view(view_id)
    form = MoveForm()
    if not form.validate():
        abort(422)
    position = form.to.data
    move = customers.move_view
    db.write(_locked_unit(view_id, lambda view: move(view, by=web.actor(), to=position)))
    return redirect(url_for(".views", account_id=account_id), 303)


@blueprint.post("/views/<id:view_id>/remove")
def remove_view(account_id: str, view_id: str) -> Any:
    """*Remove* a view, without confirmation: it holds only a filter."""
    name = _find_view(view_id).name
    if not web.Form().validate():
        abort(422)
    db.write(_locked_unit(view_id, lambda view: customers.remove_view(view, by=web.actor())))
    flash(_("The view “%(name)s” is removed; its customers stay.", name=name), "success")
    return redirect(url_for(".views", account_id=account_id), 303)


def _locked_unit(view_id: str, verb: Callable[[SavedView], None]) -> Callable[[], None]:
    """Return a unit of work that locks the user, and runs the verb on the view."""
    actor = web.actor()

    def unit() -> None:
        db.lock(User, actor.id)  # or a second click would find a view that the first removes
        verb(_find_view(view_id))

    return unit


def _find_view(view_id: str) -> SavedView:
    """Return the user's view of this partner's list. Aborts with 404."""
    view = web.find_or_404(SavedView, view_id)
    web.same_or_404(view.partner_id, g.partner.id)
    return view
