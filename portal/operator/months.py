"""*Months*: close a month, at once or a day later, or stop its closing; its statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

from flask import abort, request, url_for
from flask_babel import lazy_gettext

from portal import config, web
from portal.domain import billing_months, statements
from portal.i18n import formats
from portal.operator.blueprint import blueprint
from portal.wording import statements as wording


class MonthStep(NamedTuple):
    """A step of an operator with a month: its wording and its verb."""

    title: Any
    button: Any
    consequence: Any
    done: Any
    verb: Callable[..., object]
    is_danger: bool = False


FINALISE = MonthStep(
    lazy_gettext("Close this month?"),
    lazy_gettext("Close in 24 hours"),
    lazy_gettext(
        "Accountants are notified. Until then deliveries still count, partners can set missing "
        "prices, and you can stop it."
    ),
    lazy_gettext("The month closes in 24 hours."),
    statements.finalise,
)
CLOSE = MonthStep(
    lazy_gettext("Close this month now?"),
    lazy_gettext("Close now"),
    lazy_gettext(
        "Its costs and prices change no more, and it can’t be opened again. A worker makes the "
        "statements."
    ),
    lazy_gettext("The month is closed. A worker makes its statements."),
    statements.close,
    is_danger=True,
)
STOP = MonthStep(
    lazy_gettext("Stop closing this month?"),
    lazy_gettext("Stop"),
    lazy_gettext("It stays open until you close it."),
    lazy_gettext("The month stays open."),
    statements.stop,
)


@blueprint.get("/months")
def show_months() -> Any:
    """*Months*: their states, and how many statements they have."""
    return web.page(
        "operator/months.html",
        rows=statements.months_for(web.actor()),
        close_after_days=config.current().close_after_days,
        states=wording.MONTH_STATES,
        month_name=formats.month,
    )


def _read(month: str) -> date:
    try:
        month_on = datetime.strptime(month, "%Y-%m").date()  # noqa: DTZ007 - a day has no zone
        billing_months.next_month(month_on)
    except (ValueError, OverflowError):
        abort(404)
    return month_on


@blueprint.get("/months/<month>")
def show_month(month: str) -> Any:
    """The statements of accounts for a month."""
    month_on, after = _read(month), request.args.get("after", "")[:40]
    rows = statements.accounts_in(month_on, actor=web.actor(), after=after)
    shown, next_after = web.paginate(rows, statements.PAGE)
    return web.page(
        "operator/month.html",
        month_on=month_on,
        rows=shown,
        next_after=next_after,
        month_name=formats.month,
    )


@blueprint.route("/months/<month>/finalise", methods=["GET", "POST"])
def finalise_month(month: str) -> Any:
    """*Close* a month 24 hours later."""
    return _take(FINALISE, month)


@blueprint.route("/months/<month>/close", methods=["GET", "POST"])
def close_month(month: str) -> Any:
    """*Close now*."""
    return _take(CLOSE, month)


@blueprint.route("/months/<month>/stop", methods=["GET", "POST"])
def stop_month(month: str) -> Any:
    """*Stop* the closing of a month."""
    return _take(STOP, month)


def _take(step: MonthStep, month: str) -> Any:
    """Ask for confirmation on GET, take the step on POST."""
    month_on = _read(month)
    web.require_recent_sign_in()
    form, back = web.Form(), url_for(".show_months")

    def unit() -> None:
        step.verb(month_on, by=web.actor())

    if answer := web.submit(form, unit, to=back, success=step.done):
        return answer
    return web.form_page(
        form,
        "operator/month_step.html",
        month_on=month_on,
        step=step,
        back=back,
        month_name=formats.month,
    )
