"""Operator: what whoever runs this installation looks at."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, abort, redirect, request, url_for

from portal import web
from portal.domain import feedback
from portal.wording import guide

blueprint = Blueprint("operator", __name__, url_prefix="/operator")


def require_operator() -> None:
    """To everybody else there is nothing here."""
    if not web.actor().is_operator:
        abort(404)


web.gate(blueprint, web.require_sign_in, require_operator)


@blueprint.get("")
def home() -> Any:
    """Leads on to the first tab."""
    return redirect(url_for(".show_feedback"), 303)


@blueprint.get("/feedback")
def show_feedback() -> Any:
    """*Feedback*: what readers said of each page of the guide, and what they wrote."""
    actor, after = web.actor(), request.args.get("after", "")[:20]
    counts = feedback.counts_for(actor)
    by_page = {(one.page, one.language): Counter[str]() for one in counts}
    for one in counts:
        by_page[one.page, one.language][one.reason or "helped"] += one.readers
    order = {slug: place for place, slug in enumerate(guide.PAGES)}
    rows = sorted(by_page.items(), key=lambda row: (order.get(row[0][0], 99), row[0]))
    comments = feedback.comments_for(actor, after=after)
    return web.page(
        "operator/feedback.html",
        rows=rows,
        titles={slug: page.title for slug, page in guide.PAGES.items()},
        reasons=guide.REASONS,
        comments=comments[: feedback.PAGE],
        next_after=comments[feedback.PAGE - 1].id if len(comments) > feedback.PAGE else None,
        after=after,
    )
