"""Pages of statements, in the console, the partner portal and the operator's pages."""

from __future__ import annotations

from typing import Any

from flask import request

from portal.domain import ledger, partner_profiles, statements
from portal.domain.partner_profiles import PartnerProfile
from portal.domain.statements import Statement
from portal.web.statement_files import focus_file, sheet_file
from portal.wording.statement_sheet import Sheet, sheet


def sheet_of(statement: Statement) -> Sheet:
    """The sheet of a statement that the reader may see."""
    money = ledger.money_of(statement.account_id)
    issuer, recipient = statements.parties_of(statement)
    lines = statements.lines_of(statement)
    lots = money.lots if money else []
    corrected = (
        statements.corrected_months(statement) if any(it.is_correction for it in lines) else []
    )
    parties = {"issuer": issuer, "recipient": recipient}
    return sheet(statement, lines, lots=lots, corrected=corrected, **parties)


def firm_of(statement: Statement) -> PartnerProfile | None:
    """The profile whose logo the sheet shows: that of the partner who issues it."""
    return partner_profiles.profile_of(statement.issuer_id)


def download(statement: Statement) -> Any:
    """The statement as the kind of file that the address names."""
    name, kind = _file_name(statement), request.args.get("format", "pdf")
    if kind == "focus":
        return focus_file(statement, name)
    return sheet_file(sheet_of(statement), name, kind, firm_of(statement))


def _file_name(statement: Statement) -> str:
    """What the file of a statement is called, without what file systems refuse."""
    number = "".join(c if c.isascii() and c.isalnum() else "-" for c in statement.full_number)
    return f"statement-{number or 'draft'}-{statement.month_on:%Y-%m}"
