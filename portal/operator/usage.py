"""*Usage*: sources, deliveries and their sums; *Publish*, *Discard*, *Remove*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import request, url_for
from flask_babel import lazy_gettext
from wtforms import BooleanField

from portal import config, web
from portal.domain import metering, usage
from portal.domain.errors import Code
from portal.domain.usage import Delivery, Mode, State
from portal.operator.blueprint import blueprint
from portal.wording import usage as wording
from portal.wording import usage_warnings as warnings

LISTED = 100
"""Unassigned keys, and clouds with rows before the portal, that the page lists."""
MOST_AFTER = 1_000_000
"""Accounts that a page of changes passes over."""
MOVING = (State.UPLOADING, State.UPLOADED, State.STAGING)
"""States that end by themselves."""


@blueprint.get("/usage")
def show_usage() -> Any:
    """*Usage*: list deliveries, sources, what is unassigned and what is before the portal."""
    actor = web.actor()
    return web.page(
        "operator/usage.html",
        fragment="list",
        **_deliveries(),
        sources=usage.file_sources_for(actor),
        connections=metering.statuses_for(actor).values(),
        unassigned=usage.unassigned_for(actor, limit=LISTED + 1),
        invoices=usage.comparisons_for(actor),
        assigned=usage.assigned_for(actor, limit=LISTED + 1),
        before_portal=usage.before_for(actor, limit=LISTED + 1),
        listed=LISTED,
    )


def _deliveries() -> dict[str, Any]:
    """A page of deliveries, with their billing periods."""
    before = request.args.get("before", "")[:40]
    rows = usage.deliveries_for(web.actor(), before=before)
    shown, next_before = web.paginate(rows, usage.PAGE, cursor=lambda row: row.id)
    return {
        "rows": shown,
        "periods": usage.periods_of(shown),
        "before": before,
        "next_before": next_before,
        "is_moving": any(row.state in MOVING for row in shown),
    }


@blueprint.get("/usage/<id:delivery_id>")
def show_delivery(delivery_id: str) -> Any:
    """A delivery: its files and state, its preview, the steps that can be taken."""
    delivery = web.find_or_404(Delivery, delivery_id)
    has_rows = delivery.state in (State.STAGED, State.PUBLISHED, State.REMOVED)
    return web.page(
        "operator/usage_delivery.html",
        fragment="delivery",
        delivery=delivery,
        is_moving=delivery.state in MOVING,
        preview=usage.preview(delivery) if has_rows else None,
        warnings=_warnings(delivery) if has_rows else [],
        **_changes(delivery),
        upload_mb=config.current().upload_mb,
    )


def _warnings(delivery: Delivery) -> list[str]:
    """What is odd about a delivery; of a removed one nothing."""
    if delivery.state is State.REMOVED:
        return []
    return warnings.sentences(delivery, usage.warnings_of(delivery))


def _changes(delivery: Delivery) -> dict[str, Any]:
    """A page of what publishing a staged delivery changes, and where the next page begins."""
    after = max(0, min(request.args.get("after", 0, type=int), MOST_AFTER))
    is_staged = delivery.state is State.STAGED
    found = usage.changes_of(delivery, after=after) if is_staged else None
    rows, size = found.rows if found else [], usage.CHANGES_PAGE
    next_after = after + size if len(rows) > size else None
    return {"changes": found, "shown": rows[:size], "next_after": next_after}


@blueprint.get("/usage/<id:delivery_id>/bad-rows")
def download_bad_rows(delivery_id: str) -> Any:
    """Download the first bad rows of a delivery, each with its reason."""
    delivery = web.find_or_404(Delivery, delivery_id)
    return web.csv_file("bad-rows", wording.bad_rows_table(delivery.bad_listed))


class PublishForm(web.Form):
    """What has to be meant to publish the delivery."""

    skip_bad_rows = BooleanField(lazy_gettext("Publish it without the bad rows"))
    again = BooleanField(lazy_gettext("Append these files again: that is meant"))

    def leave_out(self, delivery: Delivery) -> None:
        """Leave out what this delivery does not ask."""
        if not delivery.bad_rows:
            del self.skip_bad_rows
        if not self.is_refused_with(Code.USAGE_APPEND_AGAIN) and not self.again.data:
            del self.again


@blueprint.route("/usage/<id:delivery_id>/publish", methods=["GET", "POST"])
def publish_delivery(delivery_id: str) -> Any:
    """*Publish* a delivery whose rows are staged."""
    delivery = web.find_or_404(Delivery, delivery_id)
    web.require_recent_sign_in()
    form = PublishForm()

    def unit() -> bool:
        return usage.publish_or_queue(
            web.find_or_404(Delivery, delivery_id),
            by=web.actor(),
            skip_bad_rows=bool(form.skip_bad_rows.data),
            again=bool(form.again.data),
        )

    back = url_for(".show_delivery", delivery_id=delivery_id)
    if answer := web.submit(form, unit, to=back, success=lambda done: str(PUBLISHED[done])):
        return answer
    form.leave_out(delivery)
    return step_page(PUBLISH, delivery.source.name, form, back, **_said(delivery))


def _said(delivery: Delivery) -> dict[str, Any]:
    """What the delivery says, for the confirmation of its publishing."""
    return {
        "delivery": delivery,
        "preview": usage.preview(delivery),
        "changes": usage.changes_of(delivery),
        "warnings": _warnings(delivery),
    }


PUBLISHED = {
    True: lazy_gettext("The delivery is published."),
    False: lazy_gettext("Links or deliveries changed: a worker publishes the delivery next."),
}
"""By whether the delivery is published."""


class Step(NamedTuple):
    """A step of an operator with a delivery or key: its wording; its verb, if it asks nothing."""

    title: Any
    button: Any
    consequence: Any
    done: Any = ""
    verb: Callable[..., object] | None = None
    is_danger: bool = False


PUBLISH = Step(
    lazy_gettext("Publish this delivery?"),
    lazy_gettext("Publish"),
    lazy_gettext("Its rows count from now on. A snapshot replaces its billing periods."),
)
DISCARD = Step(
    lazy_gettext("Discard this delivery?"),
    lazy_gettext("Discard"),
    lazy_gettext("Nothing of it is published. Its rows are deleted."),
    lazy_gettext("The delivery is discarded."),
    usage.discard,
    is_danger=True,
)
REMOVE = Step(
    lazy_gettext("Remove this delivery?"),
    lazy_gettext("Remove delivery"),
    "",
    lazy_gettext("A worker removes the delivery."),
    usage.remove_or_queue,
    is_danger=True,
)


def _removing(delivery: Delivery) -> Step:
    """*Remove delivery*, with what it changes."""
    periods = usage.periods_of([delivery]).get(delivery.id)
    if periods is None or not periods.open:
        return REMOVE._replace(consequence=REPLACED)
    return REMOVE._replace(consequence=REMOVED[delivery.mode])


REPLACED = lazy_gettext("Newer snapshots have replaced all of it: no cost changes.")
REMOVED = {
    Mode.OVERWRITE: lazy_gettext(
        "Its billing periods become empty. An older snapshot does not come back: import its file "
        "again if it is right."
    ),
    Mode.APPEND: lazy_gettext(
        "Its rows count no more. What other deliveries say of the same billing periods stays."
    ),
}


@blueprint.route("/usage/<id:delivery_id>/discard", methods=["GET", "POST"])
def discard_delivery(delivery_id: str) -> Any:
    """*Discard* a delivery that is not published."""
    return _take(DISCARD, delivery_id)


@blueprint.route("/usage/<id:delivery_id>/remove", methods=["GET", "POST"])
def remove_delivery(delivery_id: str) -> Any:
    """*Remove* a published delivery."""
    return _take(REMOVE, delivery_id)


def _take(step: Step, delivery_id: str) -> Any:
    """Ask for confirmation on GET, take the step on POST."""
    delivery = web.find_or_404(Delivery, delivery_id)
    web.require_recent_sign_in()
    form, back = web.Form(), url_for(".show_delivery", delivery_id=delivery_id)

    def unit() -> None:
        if step.verb is not None:
            step.verb(web.find_or_404(Delivery, delivery_id), by=web.actor())

    if answer := web.submit(form, unit, to=back, success=step.done):
        return answer
    shown = _removing(delivery) if step is REMOVE else step
    return step_page(shown, delivery.source.name, form, back)


def step_page(step: Step, name: str, form: web.Form, back: str, **preview: Any) -> Any:
    """Ask for confirmation of a step with the delivery or key of this name."""
    preview |= {"name": name, "step": step, "back": back}
    return web.form_page(form, "operator/usage_step.html", **preview)
