"""New passwords: long enough, in one form of Unicode, and not easy to guess."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from portal import db
from portal.domain import identity, policy, values
from portal.domain.errors import Refused
from portal.domain.identity import User
from portal.domain.mail_deliveries import MailDelivery
from tests.conftest import HASHER
from tests.support.world import DORA, signed_in, user

OLGA = ("olga@halden.example", "Olga Brandt")
COMPOSED = "Zoë’s long café"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)

GOOD = (
    "correct horse",
    "ключ от дома",
    "x8kd93jf2m",
    "my cloud has a silver lining",
    "olga sang at dawn in March",
    "🚀🌵🎺🦜🧀🪁🐙🍋🧲🎃",
    "tree lamp river stone " * 9,
)
BAD = {
    "password-short": ("", "xk4fj9dm2", "é" * 9, unicodedata.normalize("NFD", "éàüöñ")),
    "password-long": ("tree lamp river stone " * 10, "x" * 10_000, "e\u0301" * 201),
    "password-common": (
        *("aaaaaaaaaa", "          ", "1234567890", "0987654321", "qwertyuiop", "abcdefghij"),
        *("abcabcabcabc", "x" * 200, "Password123!", "P@ssw0rd1234", "iloveyou12", "monkey1234"),
        *(
            "administrator",
            "welcome2026",
            "passwordpassword",
            "qazwsxedcrfv",
            "ｐａｓｓｗｏｒｄ１２",
        ),
        *("йцукенгшщз", "привет12345", "Пароль2026!", "наташа1985"),
    ),
    "password-personal": (
        *("olga@halden.example", "OLGA@HALDEN.EXAMPLE", "olgabrandt", "Olga.Brandt1990"),
        *("Northfold Cloud 2026", "northfoldcloud", "Northfold-Olga!", "ＨＡＬＤＥＮ-halden-1"),
        *("o l g a 1 9 9 0 b", "n.o.r.t.h.f.o.l.d", "n0rthf0ldcl0ud"),
    ),
}


@pytest.fixture
def kind() -> str:
    """What a password must be does not depend on the database."""
    return "sqlite"


@pytest.fixture(autouse=True)
def _product() -> Iterator[None]:
    """The product is called Northfold Cloud."""
    before = policy.current()
    policy.configure(replace(before, product_name="Northfold Cloud"))
    yield
    policy.configure(before)


def code_of(password: str) -> str | None:
    problem = identity.password_problem(password, *OLGA)
    return problem and problem.code


def test_a_password_is_refused_if_it_is_common_personal_too_short_or_too_long() -> None:
    assert {password: code_of(password) for password in GOOD} == dict.fromkeys(GOOD)
    for code, passwords in BAD.items():
        assert {password: code_of(password) for password in passwords} == dict.fromkeys(
            passwords, code
        )


def test_nothing_else_is_asked_of_a_password_and_all_of_it_counts() -> None:
    long = "tree lamp river stone " * 9
    for password in (*GOOD, "all lower case words"):
        assert code_of(password) is None
    stored = identity.hash_new_password(long, *OLGA)
    assert HASHER.verify(stored, long)
    assert not identity.password._matches(stored, long[:-1])


def test_a_refused_password_is_not_hashed() -> None:
    with pytest.raises(Refused, match=r"^password-common$"):
        identity.hash_new_password("1234567890", *OLGA)


def test_a_password_is_the_same_however_its_letters_are_composed(app: Flask) -> None:
    set_hash(identity.hash_new_password(DECOMPOSED))
    assert identity.check_password(DORA, COMPOSED) is not None
    assert identity.check_password(DORA, DECOMPOSED) is not None
    assert identity.check_password(DORA, COMPOSED.replace("ë", "e")) is None


def test_a_password_that_was_hashed_as_it_was_typed_still_signs_in(app: Flask) -> None:
    set_hash(HASHER.hash(DECOMPOSED))
    assert identity.check_password(DORA, DECOMPOSED) is not None
    assert identity.check_password(DORA, COMPOSED) is None, "no other one does"


def test_a_text_that_would_take_long_to_normalize_is_only_too_long(app: Flask) -> None:
    marks = "\u0316\u0301" * 200_000
    assert code_of(marks) == "password-long"
    assert identity.check_password(DORA, marks) is None


def test_a_mail_says_that_a_password_was_changed_or_reset(app: Flask) -> None:
    dora = signed_in(DORA)
    db.write(lambda: identity.change_password(dora, password_hash="x"))
    db.write(lambda: identity.request_password_reset(values.email(DORA)))
    (link,) = db.session.query(MailDelivery).filter_by(kind="password-reset")
    key = link.about
    db.write(lambda: identity.reset_password(dora.id, reset_key=key, password_hash="y"))
    mails = db.session.query(MailDelivery).filter_by(kind="password-changed")
    assert [(mail.about, mail.recipient) for mail in mails] == [(dora.id, DORA)] * 2


def set_hash(password_hash: str) -> None:
    def unit() -> None:
        person: User = user(DORA)
        person.password_hash = password_hash

    db.write(unit)
