"""*Saved views*: the customers' list as somebody filters it, kept as a named tab."""

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
from portal.partner.customers.filters import filter_of, list_url, parameters
from portal.web import form_recovery


def bar(account_id: str, wanted: Filter) -> dict[str, Any]:
    """For the list: one's tabs, which of them it shows now, and where to save what is none yet."""
    query, saved = _query_of(wanted), customers.saved_views_of(web.actor(), g.partner)
    known = [("", _("All customers")), *((view.query, view.name) for view in saved)]
    everything = url_for(".index", account_id=account_id)
    tabs = [(name, f"{everything}?{its}", its == query, None) for its, name in known]
    is_new = query not in dict(known)
    return {
        "tabs": tabs if saved else [],
        "save_url": list_url(account_id, wanted, "save_view") if is_new else None,
    }


def _query_of(wanted: Filter) -> str:
    """A filter as one text, the same however its URL was written."""
    return urlencode(parameters(wanted))


class NameForm(web.CreatingForm):
    """What a view is called."""

    acts_once = False
    name = StringField(
        lazy_gettext("Name of the view"),
        [InputRequired(lazy_gettext("Fill this in; it is required."))],
    )


class SaveForm(NameForm):
    """A view to save: the list's filter in the URL, and a name."""

    acts_once = True

    def body(self) -> dict[str, Any]:
        """The filter is a part of what was asked for."""
        return super().body() | {"query": _query_of(filter_of(request.args))}


@blueprint.get("/views")
def views(account_id: str) -> Any:
    """One's own, to put into order, rename and remove."""
    return web.page(
        "partner/customers/views.html",
        partner=g.partner,
        views=customers.saved_views_of(web.actor(), g.partner),
    )


@blueprint.route("/views/save", methods=["GET", "POST"])
def save_view(account_id: str) -> Any:
    """*Save this view*: the filter stands in the URL, as it does in the list's."""
    actor, partner, wanted = web.actor(), g.partner, filter_of(request.args)
    form = SaveForm(**form_recovery.saved_input())

    def unit() -> str:
        name, query = form.name.data or "", _query_of(wanted)
        return customers.save_view(partner, by=actor, name=name, query=query).id

    back = list_url(account_id, wanted)
    saved = _("The view is saved as a tab above the list.")
    if answer := web.submit(form, unit, to=back, success=saved):
        return answer
    return web.page(
        "partner/customers/save_view.html",
        partner=partner,
        form=form,
        action=list_url(account_id, wanted, "save_view"),
        back=back,
        status=form.status,
    )


@blueprint.route("/views/<id:view_id>/rename", methods=["GET", "POST"])
def rename_view(account_id: str, view_id: str) -> Any:
    """*Rename*."""
    view = _find(view_id)
    form = NameForm(**{"data": {"name": view.name}, **form_recovery.saved_input()})

    def rename(fresh: SavedView) -> None:
        customers.rename_view(fresh, by=web.actor(), name=form.name.data or "")

    back = url_for(".views", account_id=account_id)
    unit = _unit(view_id, rename)
    if answer := web.submit(form, unit, to=back, success=_("The view is renamed.")):
        return answer
    return web.page(
        "partner/customers/rename_view.html",
        partner=g.partner,
        view=_find(view_id),
        form=form,
        status=form.status,
    )


class MoveForm(web.Form):
    """Where to, counted from 0."""

    to = IntegerField(validators=[InputRequired()])


@blueprint.post("/views/<id:view_id>/move")
def move_view(account_id: str, view_id: str) -> Any:
    """One place up or down."""
    _find(view_id)
    form = MoveForm()
    if not form.validate():
        abort(422)
    place = form.to.data
    move = customers.move_view
    db.write(_unit(view_id, lambda fresh: move(fresh, by=web.actor(), to=place)))
    return redirect(url_for(".views", account_id=account_id), 303)


@blueprint.post("/views/<id:view_id>/remove")
def remove_view(account_id: str, view_id: str) -> Any:
    """*Remove*; it holds nothing but a filter, so nobody is asked twice."""
    name = _find(view_id).name
    if not web.Form().validate():
        abort(422)
    db.write(_unit(view_id, lambda fresh: customers.remove_view(fresh, by=web.actor())))
    flash(_("The view “%(name)s” is removed; its customers stay.", name=name), "success")
    return redirect(url_for(".views", account_id=account_id), 303)


def _unit(view_id: str, verb: Callable[[SavedView], None]) -> Callable[[], None]:
    """The unit of work that runs the verb on the view as it is then."""
    actor = web.actor()

    def unit() -> None:
        db.lock(User, actor.id)  # or a second click finds what the first one takes away
        verb(_find(view_id))

    return unit


def _find(view_id: str) -> SavedView:
    """The person's own view of this partner's list, or 404."""
    view = web.find_or_404(SavedView, view_id)
    web.same_or_404(view.partner_id, g.partner.id)
    return view
