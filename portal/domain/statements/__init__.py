"""Statements: months are closed, then accounts and customers get what they owe in writing."""

from portal.domain.statements.closing import advance
from portal.domain.statements.drafts import add_drafts, lock_books, undrafted
from portal.domain.statements.erasing import erase, kept_until
from portal.domain.statements.idle_books import close_idle_books
from portal.domain.statements.late_prices import (
    drafts_without_prices,
    refresh_drafts,
    set_missing_prices,
)
from portal.domain.statements.listing import (
    PAGE,
    Line,
    Month,
    accounts_in,
    corrected_months,
    customers_of,
    has_released,
    issued_to,
    lines_of,
    months_of,
    released_for,
)
from portal.domain.statements.making import (
    BROUGHT,
    CARRIED,
    LINES_BATCH,
    Books,
    Plan,
    add_some_lines,
    close_books,
    next_books,
    plan_books,
)
from portal.domain.statements.months import MonthRow, close, finalise, months_for, stop
from portal.domain.statements.overview import MonthOverview, overview_of
from portal.domain.statements.parties import parties_of
from portal.domain.statements.record import Kind, State, Statement, StatementLine
from portal.domain.statements.releasing import Released, release, release_some
from portal.domain.statements.rounding import minor_digits
