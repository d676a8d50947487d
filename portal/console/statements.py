"""*Statements* of an account: the list, each as a page and as files."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, request

from portal import db, web
from portal.domain import statements
from portal.domain.accounts import BillingAccount
from portal.domain.statements import Statement
from portal.i18n import formats
from portal.web import statement_pages
from portal.web.statement_pages import firm_of, sheet_of

blueprint = Blueprint("statements", __name__, url_prefix="/statements")


@blueprint.get("")
def index() -> Any:
    """List the statements of an account that the user may see."""
    account = web.find_or_404(BillingAccount, request.args.get("account", "")[:40])
    before = request.args.get("before", type=date.fromisoformat)
    rows = statements.released_for(account, actor=web.actor(), before=before)
    shown, next_before = web.paginate(
        rows, statements.PAGE, cursor=lambda row: row.month_on.isoformat()
    )
    return web.page(
        "console/statements/index.html",
        fragment="list",
        account=account,
        rows=shown,
        next_before=next_before,
        month_name=formats.month,
    )


@blueprint.get("/<id:statement_id>")
def show(statement_id: str) -> Any:
    """Show a statement as a sheet that prints well."""
    statement = web.find_or_404(Statement, statement_id)
    return web.page(
        "console/statements/show.html",
        statement=statement,
        sheet=sheet_of(statement),
        firm=firm_of(statement),
        has_list=db.find(BillingAccount, statement.account_id, web.actor()) is not None,
    )


@blueprint.get("/<id:statement_id>/download")
def download(statement_id: str) -> Any:
    """Download a statement as PDF, CSV, spreadsheet or FOCUS 1.4."""
    return statement_pages.download(web.find_or_404(Statement, statement_id))
