"""*Statements* of a partner's customers: drafts, *Release* one or all, each as page and files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from flask import Blueprint, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext, pgettext
from wtforms import BooleanField, StringField

from portal import db, web
from portal.domain import access, prices, reports, statements
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.statements import Statement
from portal.i18n import formats
from portal.partner.prices import customer_of_address, read_percent
from portal.web import statement_pages
from portal.web.statement_pages import firm_of, sheet_of
from portal.wording import statements as wording

blueprint = Blueprint("statements", __name__, url_prefix="/<id:account_id>/statements")

BATCHES = 10
"""Units of work in which one request releases statements."""


@blueprint.get("")
def index(account_id: str) -> Any:
    """List the statements of customers in a month, or of one customer."""
    if customer := customer_of_address():
        return _page_of(customer)
    months = statements.months_of(g.partner)
    month = _chosen(months)
    after = request.args.get("after", "")[:40]
    rows = statements.customers_of(g.partner, month and month.month_on, after=after)
    shown, next_after = web.paginate(rows, statements.PAGE)
    return web.page(
        "partner/statements/index.html",
        fragment="list",
        partner=g.partner,
        months=months,
        month=month,
        rows=shown,
        next_after=next_after,
        **_context(),
    )


def _page_of(customer: Customer) -> Any:
    return web.page(
        "partner/statements/customer.html",
        partner=g.partner,
        customer=customer,
        rows=statements.issued_to(g.partner, customer.subaccount_id),
        **_context(),
    )


def _context() -> dict[str, Any]:
    return {
        "may_set_prices": access.may(web.actor(), Action.PRICE_SET_RATE, g.partner),
        "may_release": access.may(web.actor(), Action.STATEMENT_RELEASE, g.partner),
        "may_see_money": reports.figures_for(web.actor(), g.partner).cost,
        "states": wording.STATES,
        "month_name": formats.month,
    }


def _chosen(months: list[statements.Month]) -> statements.Month | None:
    """The month that the address names, else the newest."""
    name = request.args.get("month", "")
    chosen = [month for month in months if month.month_on.isoformat() == name]
    return next(iter(chosen or months), None)


def _find(statement_id: str) -> Statement:
    statement = web.find_or_404(Statement, statement_id)
    web.same_or_404(statement.issuer_id, g.partner.id)
    return statement


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download the statements of a month as CSV."""
    month = _chosen(statements.months_of(g.partner))
    name = f"statements-{month.month_on:%Y-%m}" if month else "statements"
    return web.csv_file(name, _rows(account_id, month and month.month_on))


def _rows(account_id: str, month_on: date | None) -> Iterator[list[object]]:
    """A header and the rows. Each page has its own transaction: a slow client holds none."""
    header = [_("Month"), _("Customer"), _("Subaccount"), pgettext("statement", "Number")]
    yield [*header, _("State"), _("Prices missing"), _("Total"), _("Currency")]
    actor, after = web.actor(), ""
    while after is not None:
        rows = db.read(partial(_page, actor, account_id, month_on, after))
        shown, after = web.paginate(rows, statements.PAGE)
        for row in shown:
            whose = row.month_on.isoformat()[:7], row.account.name, row.account_id
            state = str(wording.STATES[row.state])
            total = round(row.total, statements.minor_digits(row.currency))
            yield [*whose, row.full_number, state, row.missing, total, row.currency]


def _page(actor: Actor, account_id: str, month_on: date | None, after: str) -> list[Statement]:
    partner = db.find(BillingAccount, account_id, actor)
    if partner is None:
        raise web.Interrupted
    return statements.customers_of(partner, month_on, after=after)


@blueprint.get("/<id:statement_id>")
def show(account_id: str, statement_id: str) -> Any:
    """Show a statement, or the draft of one, as a sheet that prints well."""
    statement = _find(statement_id)
    return web.page(
        "partner/statements/show.html",
        partner=g.partner,
        statement=statement,
        sheet=sheet_of(statement),
        firm=firm_of(statement),
        is_hidden=not prices.is_published_by(account_id, statement.account_id),
        customer_id=reports.customers_of([statement.account_id]).get(statement.account_id),
        **_context(),
    )


@blueprint.get("/<id:statement_id>/download")
def download(account_id: str, statement_id: str) -> Any:
    """Download a statement as PDF, CSV, spreadsheet or FOCUS 1.4."""
    return statement_pages.download(_find(statement_id))


class ReleaseForm(web.Form):
    """What has to be meant to release a statement."""

    leave_out = BooleanField(lazy_gettext("Release it without the costs that have no price"))


@blueprint.route("/<id:statement_id>/release", methods=["GET", "POST"])
def release(account_id: str, statement_id: str) -> Any:
    """*Release* a customer's statement."""
    access.require(web.actor(), Action.STATEMENT_RELEASE, g.partner)
    statement, form = _find(statement_id), ReleaseForm()
    if not statement.missing:
        del form.leave_out
    leave_out = bool("leave_out" in form and form.leave_out.data)

    def unit() -> None:
        row = db.session.get_one(Statement, statement_id)
        statements.release(row, by=web.actor(), leave_out=leave_out)

    back = url_for(".show", account_id=account_id, statement_id=statement_id)
    if answer := web.submit(form, unit, to=back, success=_("The statement is released.")):
        return answer
    return web.form_page(
        form, "partner/statements/release.html", partner=g.partner, statement=statement, back=back
    )


class MissingPricesForm(web.CreatingForm):
    """A mark-up for the costs that have no price, and on which drafts."""

    percent = StringField(
        lazy_gettext("Mark-up in percent"),
        [web.REQUIRED, read_percent],
        description=lazy_gettext("On the costs without a price; 0 makes the cost the price."),
    )
    is_for_all = BooleanField(lazy_gettext("On all drafts of this month"))

    value: Decimal

    def unit(self, statement_id: str) -> int:
        """Set the rate; its number."""
        statement = db.session.get_one(Statement, statement_id)
        is_for_all = bool(self.is_for_all.data)
        rate = statements.set_missing_prices(
            statement, percent=self.value, by=web.actor(), is_for_all=is_for_all
        )
        return rate.number


@blueprint.route("/<id:statement_id>/set-missing-prices", methods=["GET", "POST"])
def set_missing_prices(account_id: str, statement_id: str) -> Any:
    """*Set missing prices* of a draft, or of all drafts of its month."""
    access.require(web.actor(), Action.PRICE_SET_RATE, g.partner)
    statement, form = _find(statement_id), MissingPricesForm()
    back = url_for(".show", account_id=account_id, statement_id=statement_id)
    done = _("A worker sets the missing prices. That takes some minutes.")
    if answer := web.submit(form, lambda: form.unit(statement_id), to=back, success=done):
        return answer
    return web.form_page(
        form,
        "partner/statements/set_missing_prices.html",
        partner=g.partner,
        statement=statement,
        back=back,
    )


@blueprint.route("/release-all", methods=["GET", "POST"])
def release_all(account_id: str) -> Any:
    """*Release all* drafts of a month whose prices are there."""
    access.require(web.actor(), Action.STATEMENT_RELEASE, g.partner)
    month, form = _chosen(statements.months_of(g.partner)), web.Form()
    named = month and month.month_on.isoformat()
    back = url_for(".index", account_id=account_id, month=named)
    if month is None or (form.is_submitted() and named != request.args.get("month")):
        return redirect(back, 303)
    if form.is_submitted() and form.validate():
        try:
            _release_all(account_id, month.month_on)
            return redirect(back, 303)
        except Refused as refusal:
            form.refuse(refusal)
    return web.form_page(
        form, "partner/statements/release_all.html", partner=g.partner, month=month, back=back
    )


def _release_all(account_id: str, month_on: date) -> None:
    """Release what one request may, and say how many were released."""
    last, count = "", 0

    def unit() -> statements.Released:
        partner = db.session.get_one(BillingAccount, account_id)
        return statements.release_some(partner, month_on=month_on, by=web.actor(), after=last)

    for _batch in range(BATCHES):
        batch = db.write(unit)
        count, last = count + batch.released, batch.last
        if not last:
            break
    done = ngettext("%(num)s statement is released.", "%(num)s statements are released.", count)
    flash(done, "success")
