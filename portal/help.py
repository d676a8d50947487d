"""Help: the guide, a page per task, and whether it helped."""

from __future__ import annotations

import secrets
from itertools import groupby
from typing import Any

from flask import Blueprint, abort, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import RadioField, StringField
from wtforms.validators import ValidationError

from portal import db, web
from portal.domain import feedback
from portal.domain.errors import Refused
from portal.domain.feedback import Reason
from portal.wording import guide

blueprint = Blueprint("help", __name__, url_prefix="/help")
web.gate(blueprint)


class FeedbackForm(web.Form):
    """Why a page did not help."""

    reason = RadioField(
        lazy_gettext("What was wrong"),
        choices=list(Reason),
        validate_choice=False,
    )
    comment = StringField(
        lazy_gettext("What were you looking for?"),
        filters=[lambda text: (text or "").strip()],
    )

    def validate_reason(self, field: RadioField) -> None:
        """One of them, unless the page helped."""
        if "helped" not in request.form and field.data not in set(Reason):
            raise ValidationError(_("Choose one of these."))


@blueprint.get("")
def index() -> Any:
    """The contents."""
    pages = groupby(guide.PAGES.values(), key=lambda page: page.audience)
    parts = [(guide.AUDIENCES[audience], list(of)) for audience, of in pages]
    return web.page("help/index.html", parts=parts)


@blueprint.get("/<slug>")
def show(slug: str) -> Any:
    """A page of the guide."""
    return _page(slug, FeedbackForm())


@blueprint.post("/<slug>/feedback")
def answer(slug: str) -> Any:
    """*Was this helpful?* Anybody may answer; the last answer counts."""
    form, helped = FeedbackForm(), "helped" in request.form
    if slug not in guide.PAGES:
        abort(404)
    if not form.validate():
        return _page(slug, form, status=422)
    actor, voice, language = web.signed_in(), _voice(), guide.language()

    def unit() -> None:
        feedback.submit(
            slug,
            by=actor,
            voice=voice,
            network=web.client_network(),
            language=language,
            reason=None if helped else Reason(form.reason.data),
            comment="" if helped else form.comment.data,
        )

    try:
        db.write(unit)
    except Refused as error:
        form.refuse(error)
        return _page(slug, form, status=422)
    return redirect(url_for(".show", slug=slug, _anchor="feedback"), 303)


def _voice() -> str:
    """Who says it where nobody is signed in: a number that only this browser's cookie has."""
    return str(session.setdefault("voice", f"browser-{secrets.token_urlsafe(16)}"))


def _page(slug: str, form: FeedbackForm, *, status: int = 200) -> Any:
    if slug not in guide.PAGES:
        abort(404)
    actor, slugs = web.signed_in(), list(guide.PAGES)
    voice, place = actor.id if actor else session.get("voice", ""), slugs.index(slug)
    return web.page(
        "help/show.html",
        fragment="feedback",
        guide_page=guide.PAGES[slug],
        text=guide.rendered(slug, guide.language()),
        pages=guide.PAGES.values(),
        before=guide.PAGES[slugs[place - 1]] if place else None,
        after=guide.PAGES[slugs[place + 1]] if place + 1 < len(slugs) else None,
        form=form,
        has_said=feedback.feedback_by(voice, slug),
        is_part=web.is_partial(),
        status=status,
    )
