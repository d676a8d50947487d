"""Help: the guide with a page for each task, and readers' feedback."""

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
    """Whether a page helped, and if not, why."""

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
        """Require a reason unless the page helped."""
        if "helped" not in request.form and field.data not in set(Reason):
            raise ValidationError(_("Choose one of these."))

    def answer(self) -> dict[str, Any]:
        """Return the keyword arguments of `feedback.submit` that say whether the page helped."""
        if "helped" in request.form:
            return {"reason": None, "comment": ""}
        return {"reason": Reason(self.reason.data), "comment": self.comment.data}


@blueprint.get("")
def index() -> Any:
    """List the pages of the guide by audience."""
    pages = groupby(guide.PAGES.values(), key=lambda page: page.audience)
    parts = [(guide.AUDIENCES[audience], list(group)) for audience, group in pages]
    return web.page("help/index.html", parts=parts)


@blueprint.get("/<slug>")
def show(slug: str) -> Any:
    """Show a page of the guide."""
    return _page(slug, FeedbackForm())


@blueprint.post("/<slug>/feedback")
def answer(slug: str) -> Any:
    """*Was this helpful?*: store the answer of a reader, in place of their last one."""
    form = FeedbackForm()
    if slug not in guide.PAGES:
        abort(404)
    if not form.validate():
        return _page(slug, form, status=422)
    actor, voice, language = web.actor_or_none(), _voice(), guide.language()

    def unit() -> None:
        reader: dict[str, Any] = {"by": actor, "voice": voice, "network": web.client_network()}
        feedback.submit(slug, **reader, language=language, **form.answer())

    try:
        db.write(unit)
    except Refused as error:
        form.refuse(error)
        return _page(slug, form, status=422)
    return redirect(url_for(".show", slug=slug, _anchor="feedback"), 303)


def _voice() -> str:
    """Return the ID of a reader who is not signed in, which the browser's session keeps."""
    return str(session.setdefault("voice", f"browser-{secrets.token_urlsafe(16)}"))


def _page(slug: str, form: FeedbackForm, *, status: int = 200) -> Any:
    if slug not in guide.PAGES:
        abort(404)
    actor, slugs = web.actor_or_none(), list(guide.PAGES)
    voice, position = actor.id if actor else session.get("voice", ""), slugs.index(slug)
    return web.page(
        "help/show.html",
        fragment="feedback",
        guide_page=guide.PAGES[slug],
        text=guide.render(slug, guide.language()),
        pages=guide.PAGES.values(),
        previous_page=guide.PAGES[slugs[position - 1]] if position else None,
        next_page=guide.PAGES[slugs[position + 1]] if position + 1 < len(slugs) else None,
        form=form,
        has_answered=feedback.feedback_by(voice, slug),
        is_partial=web.is_partial(),
        status=status,
    )
