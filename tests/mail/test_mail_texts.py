"""How a mail reads: in a program that shows text alone, and in one that shows it dark."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_mail import Message

from portal import db, mail
from portal.domain import mail_deliveries
from portal.domain.notifications import Kind
from portal.domain.readiness import Cause

TEMPLATES = Path(mail.__file__).parent.parent / "templates" / "mail"
PARTNER = {
    "partner": "Carl & Sons",
    "email": "carl@customer.example",
    "subaccount": "dn2" + "0" * 17,
}
NAME = "Carl & Sons"
TOLD = dict.fromkeys(("customer", "partner", "cloud", "thing", "account", "issuer"), NAME)
TOLD |= {"role": "billing.accounts.editor", "day": "2026-04-01", "month": "2026-03-01"}
TOLD |= {"amount": "4000", "percent": "80", "left": "0.5", "next": "waived"}
TOLD |= {"step": "80", "until": "2026-05-01"}
TARGET = {"kind": "account", "id": "dn2" + "0" * 17, "account_id": None}
OF_ACCESS = (Kind.ACCESS_GIVEN, Kind.ACCESS_TAKEN)


def notice(kind: Kind, *facts: dict[str, str], more: int = 0) -> dict[str, Any]:
    """The facts of a mail of notifications, one for each of `facts`."""
    entries = [{"about": "x", "target": TARGET, "facts": each} for each in facts]
    return {"notice": kind, "entries": entries, "more": more}


FACTS: dict[str, list[dict[str, Any]]] = {
    "account-blocked": [{}],
    "account-exists": [{"next": "/"}, {"next": "/console"}],
    "email-change": [{"email": "old@customer.example"}],
    "email-changed": [{}],
    "invitation": [PARTNER | {"cloud": "b1g" + "0" * 17}, PARTNER | {"cloud": None}],
    "notice": [
        *(notice(kind, TOLD | {"person": NAME}) for kind in Kind),
        *(notice(kind, TOLD) for kind in OF_ACCESS),
        *(notice(Kind.BUDGET, TOLD | {"step": it}) for it in ("forecast", "100", "suspended")),
        *(notice(Kind.LIMIT, TOLD | {"step": it}) for it in ("near", "stopped", "suspends")),
        notice(Kind.LOT_USED, TOLD | {"percent": "100", "next": "personal"}),
        notice(Kind.LOT_EXPIRES, TOLD | {"next": "lot"}),
        notice(Kind.PARKED, TOLD | {"reason": "fault"}, TOLD, TOLD, more=2),
    ],
    "password-changed": [{}],
    "password-reset": [{}],
    "test": [{}],
    "operator-alert": [{"problems": [[cause, "mail"] for cause in Cause]}],
    "verification": [{}],
}


HOSTILE = (
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ url }} %(product)s",
    "Carl\r\nBcc: thief@x.example\r\n\r\nhello",
)


@pytest.fixture
def kind() -> str:
    """How a mail reads does not depend on the database."""
    return "sqlite"


def rendered(which: str, facts: dict[str, Any], language: str = "en") -> Message:
    about, to = "abt" + "0" * 17, "carl@customer.example"
    entry = {"about": about, "to": to, "language": language, "facts": facts}
    return db.write(lambda: mail.render(mail_deliveries.add(which, **entry)))


def tags(html: str) -> list[tuple[str, Any]]:
    """Its elements with their attributes."""
    found: list[tuple[str, Any]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda *tag: found.append(tag)  # type: ignore[method-assign]
    parser.feed(html)
    return found


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "which", sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir())
)
def test_a_mail_reads_well_as_text_and_in_the_dark(app: Flask, which: str, language: str) -> None:
    for facts in FACTS[which]:
        message = rendered(which, facts, language)
        assert "\n\n\n" not in message.body, "no more than one blank line"
        for line in message.body.splitlines():
            assert line == line.rstrip()
            assert len(line) <= 76 or " " not in line, "only an address is longer"
            assert "://" not in line or line.startswith("http"), "an address has its own line"
        entries = re.findall(r"(?:^- .*\n(?:  .*\n)*)\n(?=- )", message.body, re.MULTILINE)
        assert not entries, "the entries of a list stand together"
        assert '<meta name="color-scheme" content="light dark">' in message.html
        assert message.subject


@pytest.mark.parametrize("which", FACTS)
def test_no_name_becomes_markup_a_link_or_a_header(app: Flask, which: str) -> None:
    for facts in FACTS[which]:
        plain = rendered(which, facts)
        for _tag, attributes in tags(plain.html):
            assert dict(attributes).get("href", "http://localhost").startswith("http://localhost")
        for hostile in HOSTILE:
            names = json.dumps(facts).replace(NAME, json.dumps(hostile)[1:-1])
            message = rendered(which, json.loads(names))
            assert tags(message.html) == tags(plain.html)
            headers = message_from_bytes(message.as_bytes(), policy=policy.default)
            wanted = message_from_bytes(plain.as_bytes(), policy=policy.default)
            assert headers.keys() == wanted.keys()
            assert headers["To"] == wanted["To"]
            assert headers["Subject"] == wanted["Subject"], "a subject is ours alone"


RUSSIAN = {
    "notice": (
        "Клиент подтвердил партнёрство",
        "С этого момента вы платите за всё, что есть в сабаккаунте.",
        "Открыть",
    ),
    "password-reset": (
        "Новый пароль для Test Cloud",
        "Кто-то, вероятно вы, не помнит пароль учётной записи с этим адресом в Test Cloud.",
        "Задать новый пароль",
    ),
}
OTHERS_WORDS = re.compile(r"http\S+|\S+@\S+|Test Cloud|Carl & Sons|flask doctor|\b(dn2|b1g)0+")


@pytest.mark.parametrize("which", RUSSIAN)
def test_a_mail_is_told_in_russian_as_text_and_as_html(app: Flask, which: str) -> None:
    subject, said, button = RUSSIAN[which]
    message = rendered(which, FACTS[which][0], "ru")
    assert message.subject == subject
    assert said in " ".join(message.body.split())
    assert f"<p>{said}" in message.html
    assert f">{button}</a>" in message.html
    assert '<html lang="ru">' in message.html


@pytest.mark.parametrize("which", FACTS)
def test_no_word_of_a_russian_mail_is_english(app: Flask, which: str) -> None:
    for facts in FACTS[which]:
        message = rendered(which, facts, "ru")
        words = " ".join(f"{message.subject} {message.body}".split())
        assert not re.search("[A-Za-z]", OTHERS_WORDS.sub("", words)), words
