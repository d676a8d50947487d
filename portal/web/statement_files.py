"""Statements as files: PDF, CSV and spreadsheet of a sheet, FOCUS 1.4 of its lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, abort
from flask_babel import gettext as _
from flask_babel import pgettext

from portal.domain import reports, statements
from portal.domain.statements import Statement
from portal.i18n.formats import money
from portal.web.pages import csv_file
from portal.web.spreadsheet import xlsx_file
from portal.wording.statement_sheet import Group, Sheet, table

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"
WIDTH, QUANTITY, AMOUNT = 174, 44, 34
"""Of the text on a page of A4, and of its columns of quantities and amounts, in mm."""
LINE, SMALL = 5.2, 4.4
"""Heights of lines in mm."""
GREY, RULE = 90, 190


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


def sheet_file(sheet: Sheet, name: str, kind: str) -> Response:
    """The statement as a file of this kind; aborts with 404 for an unknown one."""
    if kind == "csv":
        return csv_file(name, list(table(sheet)))
    if kind == "xlsx":
        return xlsx_file(name, table(sheet))
    if kind != "pdf":
        abort(404)
    filename = f"{name}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(render(sheet), mimetype="application/pdf", headers=headers)


def render(sheet: Sheet) -> bytes:
    """The statement as the bytes of a PDF on A4."""
    pdf = _document(sheet)
    _head(pdf, sheet)
    _total(pdf, sheet)
    for group in sheet.groups:
        _group(pdf, group)
    _sums(pdf, sheet)
    _notes(pdf, sheet)
    return bytes(pdf.output())


def _document(sheet: Sheet) -> FPDF:
    from fpdf import FPDF  # noqa: PLC0415 - 0.3 s, which no other page waits for

    class Document(FPDF):
        def footer(self) -> None:
            self.set_y(-14)
            _text(self, f"{sheet.number}   {self.page_no()}/{{nb}}", size=8, grey=True, align="R")

    pdf = Document(format="A4")
    pdf.set_margins(18, 18, 18)
    pdf.c_margin = 0
    pdf.set_auto_page_break(auto=True, margin=20)
    for style, file in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        pdf.add_font("DejaVu", style, FONTS / file)
    pdf.set_title(f"{sheet.number} {sheet.title}".strip())
    pdf.add_page()
    return pdf


def _text(
    pdf: FPDF,
    text: str,
    *,
    size: float = 9,
    bold: bool = False,
    grey: bool = False,
    width: float = 0,
    align: str = "L",
    is_last: bool = True,
) -> None:
    """Write a line of text into a cell; what is too long for it is cut off with an ellipsis."""
    pdf.set_font("DejaVu", "B" if bold else "", size)
    pdf.set_text_color(GREY if grey else 0)
    room = (width or pdf.w - pdf.r_margin - pdf.x) - 2 * pdf.c_margin
    if pdf.get_string_width(text) > room:
        while text and pdf.get_string_width(f"{text}…") > room:
            text = text[:-1]
        text = f"{text}…"
    follows: dict[str, Any] = {"new_x": "LMARGIN", "new_y": "NEXT"} if is_last else {}
    pdf.cell(width, LINE if size > 8 else SMALL, text, align=align, **follows)


def _head(pdf: FPDF, sheet: Sheet) -> None:
    """Who issues it with the facts beside, and for whom it is."""
    rows = max(len(sheet.issuer), len(sheet.facts))
    issuer = sheet.issuer + [""] * (rows - len(sheet.issuer))
    facts = sheet.facts + [("", "")] * (rows - len(sheet.facts))
    for number, (line, (label, value)) in enumerate(zip(issuer, facts, strict=True)):
        _text(pdf, line, bold=not number, grey=bool(number), width=94, is_last=False)
        _text(pdf, label, grey=True, width=26, is_last=False)
        _text(pdf, value)
    pdf.ln(8)
    _text(pdf, pgettext("statement", "For"), size=8, grey=True)
    for number, line in enumerate(sheet.recipient):
        _text(pdf, line, bold=not number)


def _total(pdf: FPDF, sheet: Sheet) -> None:
    pdf.ln(8)
    _text(pdf, sheet.heading, size=12, bold=True, width=WIDTH - 50, is_last=False)
    _text(pdf, money(sheet.total), size=16, bold=True, width=50, align="R")
    pdf.ln(3)


def _row(pdf: FPDF, label: str, amount: str, *, used: str = "", bold: bool = False) -> None:
    _text(pdf, label, bold=bold, width=WIDTH - AMOUNT - QUANTITY, is_last=False)
    _text(pdf, used, grey=True, width=QUANTITY, align="R", is_last=False)
    _text(pdf, amount, bold=bold, width=AMOUNT, align="R")
    _rule(pdf)


def _rule(pdf: FPDF) -> None:
    pdf.set_draw_color(RULE)
    pdf.line(pdf.l_margin, pdf.y, pdf.w - pdf.r_margin, pdf.y)


def _group(pdf: FPDF, group: Group) -> None:
    if pdf.will_page_break(3 * LINE + SMALL):  # its first row stays with it
        pdf.add_page()
    pdf.ln(2)
    _text(pdf, group.name, bold=True, width=WIDTH - AMOUNT, is_last=False)
    _text(pdf, money(group.amount), bold=True, width=AMOUNT, align="R")
    if note := "  ".join(filter(None, (group.note, group.id))):
        _text(pdf, note, size=8, grey=True)
    _rule(pdf)
    for row in group.rows:
        _row(pdf, row.label, money(row.amount), used=row.used)


def _sums(pdf: FPDF, sheet: Sheet) -> None:
    pdf.ln(3)
    _row(pdf, _("Total"), money(sheet.total), bold=True)
    for row in sheet.payments:
        _row(pdf, row.label, money(row.amount))


def _notes(pdf: FPDF, sheet: Sheet) -> None:
    pdf.ln(8)
    for note in sheet.notes:
        _text(pdf, note, size=8, grey=True)
