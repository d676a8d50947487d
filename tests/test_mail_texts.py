"""How a mail reads: in a program that shows text alone, and in one that shows it dark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal import db, mail
from portal.domain import outbox

TEMPLATES = Path(mail.__file__).parent / "templates" / "mail"
PARTNER = {"partner": "North", "email": "carl@customer.example", "subaccount": "dn2" + "0" * 17}
FACTS: dict[str, list[dict[str, Any]]] = {
    "account-exists": [{"next": "/"}, {"next": "/console"}],
    "email-change": [{"email": "old@customer.example"}],
    "email-changed": [{}],
    "invitation": [PARTNER | {"cloud": "b1g" + "0" * 17}, PARTNER | {"cloud": None}],
    "notice": [
        {"notice": "customer.confirmed", "facts": {"customer": "Carl & Sons"}, "path": "/partner"}
    ],
    "password-reset": [{}],
    "test": [{}],
    "verification": [{}],
}


@pytest.fixture
def kind() -> str:
    """How a mail reads does not depend on the database."""
    return "sqlite"


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "which", sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir())
)
def test_a_mail_reads_well_as_text_and_in_the_dark(app: Flask, which: str, language: str) -> None:
    for facts in FACTS[which]:

        def unit(facts: dict[str, Any] = facts) -> mail.Message:
            about = "abt" + "0" * 17
            to = "carl@customer.example"
            return mail.render(
                outbox.add(which, about=about, to=to, language=language, facts=facts)
            )

        message = db.write(unit)
        assert "\n\n\n" not in message.body, "no more than one blank line"
        for line in message.body.splitlines():
            assert line == line.rstrip()
            assert len(line) <= 76 or " " not in line, "only an address is longer"
            assert "://" not in line or line.startswith("http"), "an address has its own line"
        entries = re.findall(r"(?:^- .*\n(?:  .*\n)*)\n(?=- )", message.body, re.MULTILINE)
        assert not entries, "the entries of a list stand together"
        assert '<meta name="color-scheme" content="light dark">' in message.html
        assert message.subject
