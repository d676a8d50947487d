"""*Feedback* on the guide: answers by page, and comments."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from flask import request

from portal import web
from portal.domain import feedback
from portal.operator.blueprint import blueprint
from portal.wording import guide


@blueprint.get("/feedback")
def show_feedback() -> Any:
    """*Feedback*: show the answers for each page of the guide, and the comments."""
    actor, after = web.actor(), request.args.get("after", "")[:20]
    answers: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for count in feedback.counts_for(actor):
        answers[count.page, count.language][count.reason or "helped"] += count.readers
    order = {slug: position for position, slug in enumerate(guide.PAGES)}
    rows = sorted(answers.items(), key=lambda row: (order.get(row[0][0], 99), row[0]))
    comments, next_after = web.paginate(feedback.comments_for(actor, after=after), feedback.PAGE)
    return web.page(
        "operator/feedback.html",
        rows=rows,
        titles={slug: page.title for slug, page in guide.PAGES.items()},
        reasons=guide.REASONS,
        comments=comments,
        next_after=next_after,
        after=after,
    )
