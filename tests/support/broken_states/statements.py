"""Broken states of months and statements: Dora's row is on a statement, and for each check a step
that breaks that."""

from __future__ import annotations

from tests.support.broken_states.money import PAID
from tests.support.broken_states.steps import APRIL
from tests.support.state_breaking import Case

CLOSED = (
    *PAID,
    f"INSERT INTO billing_months (month_on, state, closes_at, closed_at) VALUES ('2026-03-01',"
    f" 'closed', {APRIL}, {APRIL})",
    "UPDATE ledgers SET closed_on = '2026-03-01' WHERE account_id = :direct",
)
STATED = (
    *CLOSED,
    "INSERT INTO statements (id, kind, state, account_id, issuer_id, month_on, created_at,"
    " released_at, released_by, prefix, number, currency, total, carried, is_last, missing, issuer,"
    " recipient, payments) VALUES ('stm', 'account', 'released', :direct, '', '2026-03-01',"
    f" {APRIL}, {APRIL}, 'sql', '', 1, 'EUR', 0, 0, FALSE, 0, '{{}}', '{{}}', '[]')",
    "INSERT INTO statement_lines (statement_id, number, account_id, customer, cloud_id, cloud,"
    " service, is_correction, amount, micros, rest) VALUES ('stm', 0, :direct, '', :doras_cloud,"
    " '', '', FALSE, 0, 1, 1)",
    "UPDATE installation SET last_statement = 1",
)
"""Steps that close March, with Dora's statement."""

CASES = (
    Case(
        "month-sum-differs-from-charges", (*PAID, "UPDATE charge_sums SET micros = 2"), ("direct",)
    ),
    Case("closed-month-charged", (*PAID, "UPDATE postings SET open_on = '2026-04-01'"), ("pst",)),
    Case(
        "statement-lines-differ-from-total",
        (*STATED, "UPDATE statement_lines SET amount = 1"),
        ("stm",),
    ),
    Case(
        "statements-differ-from-sums", (*STATED, "UPDATE statement_lines SET micros = 2"), ("stm",)
    ),
    Case(
        "statement-payments-differ-from-draws",
        (*STATED, """UPDATE statements SET payments = '[["personal", "0.01"]]'"""),
        ("stm",),
    ),
    Case(
        "expired-lots-differ",
        (*STATED, "UPDATE ledgers SET closed_on = '2026-05-01' WHERE account_id = :direct"),
        ("lot",),
    ),
    Case(
        "statement-numbers-have-gaps",
        (*STATED, "UPDATE statements SET number = 2 WHERE id = 'stm'"),
        ("",),
    ),
    Case("statement-missing", CLOSED, ("direct",)),
)
