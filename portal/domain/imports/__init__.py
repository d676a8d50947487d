"""CSV import of customers: the worker checks each row, then adds customers at a bounded rate."""

from portal.domain.imports.lifecycle import MAX_OPEN_IMPORTS, begin, cancel, end, remove, upload
from portal.domain.imports.parser import MAX_ROWS, REASONS, Line, parse_lines
from portal.domain.imports.record import (
    PAGE,
    RETENTION,
    UNUSED_RETENTION,
    Import,
    ImportRow,
    Outcome,
    State,
    Totals,
    erase,
    imports_of,
    is_parked,
    purge_expired,
    refused_rows,
    rows_of,
    totals_of,
)
from portal.domain.imports.steps import run_step
