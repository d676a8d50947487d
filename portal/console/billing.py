"""Billing: accounts, consumption mode and initial grant, *Switch to paid*."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import gettext as _

from portal import db, web
from portal.console import payer_chart
from portal.console.budget import budget_of
from portal.domain import (
    access,
    accounts,
    billing_days,
    clouds,
    ledger,
    partner_profiles,
    policy,
    prices,
    reports,
    statements,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.reports import Figures
from portal.domain.totals import By
from portal.web import cloud_progress
from portal.wording import money as wording

blueprint = Blueprint("billing", __name__, url_prefix="/billing")


@blueprint.get("")
def index() -> Any:
    """List the billing accounts that the user may see."""
    search, after = request.args.get("q", "").strip()[:200], request.args.get("after", "")[:20]
    rows = accounts.accounts_for(web.actor(), search=search, after=after)
    shown, next_after = web.paginate(rows, accounts.PAGE)
    return web.page(
        "console/billing/index.html",
        accounts=shown,
        next_after=next_after,
        search=search,
        after=after,
    )


@blueprint.get("/<id:account_id>")
def show(account_id: str) -> Any:
    """Show an account: its mode, clouds, and to whom it may the money."""
    actor, account = web.actor(), web.find_or_404(BillingAccount, account_id)
    page = _page_of_clouds(account)
    followed = cloud_progress.followed([cloud.id for cloud in page["clouds"]])
    if cloud_progress.is_shown(followed):
        return "", 204
    return web.page(
        "console/billing/show.html",
        fragment="linked",
        account=account,
        profile=partner_profiles.profile_of(account.parent_id),
        **followed,
        may_switch=access.may(actor, Action.ACCOUNT_SWITCH_TO_PAID, account),
        may_create=access.may(actor, Action.CLOUD_CREATE, account),
        may_link=access.may(actor, Action.CLOUD_LINK, account),
        **_amounts(account),
        **page,
    )


def _amounts(account: BillingAccount) -> dict[str, Any]:
    """What the user reads of amounts: a customer's prices by month, the account's money, and
    whether there are statements."""
    figures = reports.figures_for(web.actor(), account)
    return {
        **_money(account, figures),
        "prices": prices.months_of(account) if account.parent and figures.price else [],
        "has_statements": statements.has_released(account, actor=web.actor()),
    }


def _money(account: BillingAccount, figures: Figures) -> dict[str, Any]:
    """What of the account's money the user may see."""
    if account.parent_id or not figures.cost:
        return {"money_of": None}
    rows = ledger.entries_of(account.id, before=web.number_before())
    entries, next_before = web.paginate(rows, ledger.PAGE, cursor=lambda row: str(row.seq))
    money = ledger.money_for(account, by=web.actor())
    uses = reports.lot_uses(account.id, money.lots) if money else {}
    keys = {key for use in uses.values() for key, _amount in use.clouds}
    return {
        **budget_of(account),
        "money_of": money,
        "lot_uses": uses,
        "cloud_names": reports.names_of(web.actor(), account.id, By.CLOUD, keys),
        "entries": entries,
        "next_before": next_before,
        "grants_pay_all": policy.current().grant_pays_all,
        "wording": wording,
    }


def _page_of_clouds(account: BillingAccount) -> dict[str, Any]:
    """A page of clouds: those linked now, who paid for each, and what they cost where the user may
    see it."""
    after = request.args.get("cloud", "")[:20]
    payers, next_cloud = reports.page_of(reports.payers_of(web.actor(), account, after=after))
    linked = clouds.clouds_linked_to([account.id], after=after, until=next_cloud)[account.id]
    return {
        "clouds": linked,
        "payers": payers,
        "payer_chart": payer_chart.draw(account, payers, db.now()),
        "next_cloud": next_cloud,
        "cloud_after": after,
    }


@blueprint.route("/<id:account_id>/switch-to-paid", methods=["GET", "POST"])
def switch_to_paid(account_id: str) -> Any:
    """*Switch to paid*: GET asks for confirmation, POST switches and goes back."""
    actor, account = web.actor(), web.find_or_404(BillingAccount, account_id)
    access.require(actor, Action.ACCOUNT_SWITCH_TO_PAID, account)
    web.require_recent_sign_in()
    back = web.safe_path(request.args.get("next"), url_for(".show", account_id=account_id))
    form = web.Form()
    if not form.is_submitted() or not form.validate():
        status = 422 if form.is_submitted() else 200
        template = "console/billing/switch_to_paid.html"
        context: dict[str, Any] = {
            "today": billing_days.today(),
            "grants_pay_all": policy.current().grant_pays_all,
        }
        return web.page(template, account=account, form=form, back=back, status=status, **context)
    db.write(
        lambda: accounts.switch_to_paid(db.session.get_one(BillingAccount, account_id), by=actor)
    )
    flash(_("The account is in paid mode now."), "success")
    return redirect(back, 303)
