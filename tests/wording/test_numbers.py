"""Numbers are read as the reader's language writes them; one that is unclear is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import force_locale

from portal.domain.errors import Refused
from portal.wording.numbers import read_number

AMOUNTS = {
    "en": {
        "500": 500,
        "49.5": "49.5",
        "49,50": "49.5",
        "1,500": 1500,
        "1,500.25": "1500.25",
        "−43,823.37": "-43823.37",
        "": None,
        "x": None,
        "1.234": None,
        "-5.001": None,
        "1e3": None,
        "1,2,3": None,
        "NaN": None,
        "１２": None,
    },
    "ru": {"1 500": 1500, "1\u00a0500,25": "1500.25", "49.50": "49.5", "1,500": None},
}
"""With up to two decimals."""
RATES = {
    "en": {"12,5": "12.5", "+1,0000": "1", "−0.5": "-0.5", "0,125": "0.125", "1,000,000": 10**6},
    "ru": {"12,5": "12.5", "1,000": "1", "1 000 000": "1000000", "1.000": "1"},
}
"""With up to four."""


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


def test_numbers_are_read_as_people_write_them(app: Flask) -> None:
    for places, languages in ((2, AMOUNTS), (4, RATES)):
        for language, texts in languages.items():
            with app.test_request_context(), force_locale(language):
                found = {text: read_number(text, places=places) for text in texts}
            assert found == {text: it and Decimal(it) for text, it in texts.items()}


def test_a_comma_that_could_mean_thousands_or_decimals_is_refused(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"), pytest.raises(Refused) as refusal:
        read_number("-1,234", places=6)
    assert refusal.value.facts == {"thousands": "-1234", "decimal": "-1.234"}
