"""Statements as files: PDF, CSV and spreadsheet of a sheet, FOCUS 1.4 of its lines."""

from __future__ import annotations

from flask import Response, abort

from portal.domain import reports, statements
from portal.domain.partner_profiles import PartnerProfile
from portal.domain.statements import Statement
from portal.web.pages import csv_file
from portal.web.spreadsheet import xlsx_file
from portal.web.statement_pdf import render
from portal.wording.statement_sheet import Sheet, table


def focus_file(statement: Statement, name: str) -> Response:
    """The statement as FOCUS rows, which sum to its total. A customer's have prices as costs."""
    issuer, recipient = statements.parties_of(statement)
    lines = statements.lines_of(statement)
    more = {
        "BillingAccountId": statement.account_id,
        "BillingAccountName": recipient.get("name", ""),
        "BillingCurrency": statement.currency,
        "InvoiceId": statement.full_number,
        "InvoiceIssuerName": issuer["name"],
    }
    names = {line.cloud_id: line.cloud for line in lines}
    rows = reports.focus_rows(statement.account, lines, names, statement.month_on, more)
    return csv_file(f"focus-{name}", [reports.FOCUS_COLUMNS, *rows])


def sheet_file(sheet: Sheet, name: str, kind: str, firm: PartnerProfile | None) -> Response:
    """The statement as a file of this kind, a PDF with the firm's logo; aborts with 404 for an
    unknown one."""
    if kind == "csv":
        return csv_file(name, list(table(sheet)))
    if kind == "xlsx":
        return xlsx_file(name, table(sheet))
    if kind != "pdf":
        abort(404)
    filename = f"{name}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    content = render(sheet, firm.logo if firm else None)
    return Response(content, mimetype="application/pdf", headers=headers)
