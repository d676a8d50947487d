"""Amounts, quantities and shares as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from portal.i18n import formats


@pytest.mark.parametrize(
    ("amount", "exact", "rounded"),
    [
        ("-0.004", "-€0.004", "€0.00"),
        ("0.005", "€0.005", "€0.01"),
        ("-1234.565", "-€1,234.565", "-€1,234.57"),
        ("2.000000000000001", "€2.000000000000001", "€2.00"),
    ],
)
def test_amounts_are_exact_or_rounded_half_away_from_zero(
    app: Flask, amount: str, exact: str, rounded: str
) -> None:
    with app.test_request_context():
        assert formats.money(Decimal(amount)) == exact
        assert formats.money(Decimal(amount), is_exact=False) == rounded


@pytest.mark.parametrize(
    ("share", "text"),
    [("0.004", "0 %"), ("-0.004", "0 %"), ("-0.5", "−50 %"), ("12.345", "+1,235 %")],
)
def test_shares_have_a_sign_unless_they_are_nothing(app: Flask, share: str, text: str) -> None:
    with app.test_request_context():
        assert formats.percent(Decimal(share)) == text
