"""Imports: customers from a file, tried row by row, then added by the worker at a bounded pace."""

from portal.domain.imports.lifecycle import OPEN_MOST, begin, end, remove, upload
from portal.domain.imports.parser import REASONS, ROWS_MOST, Line, lines_of
from portal.domain.imports.record import (
    FORGOTTEN_AFTER,
    KEPT_FOR,
    PAGE,
    Import,
    ImportRow,
    Outcome,
    State,
    Totals,
    erase,
    forget_old,
    imports_of,
    refused_rows,
    rows_of,
    totals_of,
)
from portal.domain.imports.steps import due, go_on, put_off

__all__ = [
    "FORGOTTEN_AFTER",
    "KEPT_FOR",
    "OPEN_MOST",
    "PAGE",
    "REASONS",
    "ROWS_MOST",
    "Import",
    "ImportRow",
    "Line",
    "Outcome",
    "State",
    "Totals",
    "begin",
    "due",
    "end",
    "erase",
    "forget_old",
    "go_on",
    "imports_of",
    "lines_of",
    "put_off",
    "refused_rows",
    "remove",
    "rows_of",
    "totals_of",
    "upload",
]
