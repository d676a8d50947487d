"""*Statements* of an account: the list, each as a page, as PDF and as CSV."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, request

from portal import db, web
from portal.domain import statements
from portal.domain.accounts import BillingAccount
from portal.domain.statements import Statement
from portal.i18n import formats
from portal.web import statement_files
from portal.web.statement_pages import file_name, firm_of, sheet_of

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


@blueprint.get("/<id:statement_id>/pdf")
def pdf(statement_id: str) -> Any:
    """Download a statement as PDF."""
    statement = web.find_or_404(Statement, statement_id)
    return statement_files.pdf_of(sheet_of(statement), file_name(statement))


@blueprint.get("/<id:statement_id>/csv")
def csv(statement_id: str) -> Any:
    """Download a statement as CSV."""
    statement = web.find_or_404(Statement, statement_id)
    return statement_files.csv_of(sheet_of(statement), file_name(statement))
