"""Broken states: for each check of the doctor, the steps that break what it checks."""

from tests.support.broken_states import (
    connections,
    customers,
    money,
    ownership,
    records,
    statements,
    usage,
)

CASES = (
    *connections.CASES,
    *customers.CASES,
    *money.CASES,
    *ownership.CASES,
    *records.CASES,
    *statements.CASES,
    *usage.CASES,
)
"""At least one case for each check of rows; tests/domain/test_doctor.py checks that none is
missing."""
