"""Statements as PDF: a sheet on pages of A4, with the logo of who issues it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from flask_babel import pgettext
from PIL import Image

from portal.i18n.formats import money
from portal.wording.statement_sheet import Group, Sheet

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"
WIDTH, QUANTITY, AMOUNT, GAP = 174, 42, 30, 4
"""In mm, of the text on a page of A4, of its columns of quantities and amounts, between them."""
PARTY, FACT = 90, 25
"""Of names and addresses, and of what facts are called, in mm."""
LOGO_WIDTH, LOGO_HEIGHT = 60, 16
"""At most."""
LINE, SMALL = 5.2, 4.4
"""Heights of lines in mm."""
GREY, RULE = 90, 190


def render(sheet: Sheet, logo: bytes | None = None) -> bytes:
    """The statement as the bytes of a PDF. `logo` is a PNG or JPEG."""
    pdf = _document(sheet)
    _head(pdf, sheet, logo)
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
            _text(self, f"{sheet.number}   {self.page_no()}/{{nb}}", size=8, grey=True)

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
    **options: Any,
) -> Any:
    """Write a text, wrapped into a cell; the next one begins below it, at the left margin."""
    pdf.set_font("DejaVu", "B" if bold else "", size)
    pdf.set_text_color(GREY if grey else 0)
    height = LINE if size > 8 else SMALL
    places: dict[str, Any] = {"new_x": "LMARGIN", "new_y": "NEXT"}
    return pdf.multi_cell(width, height, text, align=align, **places, **options)


def _head(pdf: FPDF, sheet: Sheet, logo: bytes | None) -> None:
    """Who issues it with the facts beside, and for whom it is."""
    top = pdf.y
    for label, value in sheet.facts:
        y, left = pdf.y, pdf.l_margin + PARTY + GAP
        pdf.set_xy(left, y)
        _text(pdf, label, grey=True, width=FACT - GAP)
        below = pdf.y
        pdf.set_xy(left + FACT, y)
        _text(pdf, value)
        pdf.set_y(max(below, pdf.y))
    below = pdf.y
    pdf.set_y(top)
    if logo:
        _logo(pdf, logo)
    for number, line in enumerate(sheet.issuer):
        _text(pdf, line, bold=not number, grey=bool(number), width=PARTY)
    pdf.set_y(max(below, pdf.y) + 8)
    _text(pdf, pgettext("statement", "For"), size=8, grey=True)
    for number, line in enumerate(sheet.recipient):
        _text(pdf, line, bold=not number, width=PARTY)


def _logo(pdf: FPDF, logo: bytes) -> None:
    with Image.open(io.BytesIO(logo)) as picture:
        width, height = picture.size
        scale = min(LOGO_WIDTH / width, LOGO_HEIGHT / height)
        pdf.image(picture, pdf.l_margin, pdf.y, width * scale, height * scale)
    pdf.set_y(pdf.y + height * scale + GAP)


def _total(pdf: FPDF, sheet: Sheet) -> None:
    pdf.ln(8)
    y = pdf.y
    _text(pdf, sheet.heading, size=12, bold=True, width=WIDTH - 60)
    below = pdf.y
    pdf.set_xy(pdf.l_margin + WIDTH - 60, y)
    _text(pdf, money(sheet.total), size=16, bold=True, align="R")
    pdf.set_y(max(below, pdf.y) + 3)


def _row(
    pdf: FPDF, label: str, amount: str, *, used: str = "", bold: bool = False, note: str = ""
) -> None:
    """A row of the table, on one page: its label is wrapped, with a note below it."""
    room = WIDTH - AMOUNT - QUANTITY - 2 * GAP
    cells = ((label, 0.0, room), (used, room + GAP, QUANTITY), (amount, WIDTH - AMOUNT, AMOUNT))
    height = max(
        _text(pdf, text, bold=bold, width=width, dry_run=True, output="HEIGHT")
        for text, _left, width in cells
    )
    if pdf.will_page_break(height + bool(note) * (SMALL + 2 * LINE)):
        pdf.add_page()  # the first row of a group stays with it
    y = pdf.y
    for text, left, width in cells:
        pdf.set_xy(pdf.l_margin + left, y)
        align = "R" if left else "L"
        _text(pdf, text, bold=bold, grey=text is used, width=width, align=align)
    pdf.set_y(y + height)
    if note.strip():
        _text(pdf, note, size=8, grey=True)
    pdf.set_draw_color(RULE)
    pdf.line(pdf.l_margin, pdf.y, pdf.w - pdf.r_margin, pdf.y)


def _group(pdf: FPDF, group: Group) -> None:
    pdf.ln(2)
    note = "  ".join(filter(None, (group.note, group.id)))
    _row(pdf, group.name, money(group.amount), bold=True, note=note)
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
