"""Rules for new passwords: their length, and that they are not easy to guess.

They follow NIST SP 800-63B-4, 3.1.1.2: no rules of composition, a comparison with common passwords
and with words of the context, and Unicode normalization.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from zxcvbn_rs_py import zxcvbn

from portal.domain import policy
from portal.domain.errors import Code, Refused

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 10, 200

MIN_GUESSES_LOG10 = 8
"""At least 10⁸ guesses, which is zxcvbn's score 3; its authors call any lower score too weak."""

CHECKED_LENGTH = 40
"""The characters that are rated, from the first: a longer text may take zxcvbn seconds."""

SEPARATORS = re.compile(r"[\s._-]+")
"""What people put between letters of a word."""

RUSSIAN_KEYS = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбю", "qwertyuiop[]asdfghjkl;'zxcvbnm,.")
"""zxcvbn knows common passwords and rows of keys by Latin letters only."""


def normalize_password(password: str) -> str:
    """The form in which a password is hashed and compared: NFC, so that each keyboard and system
    gives the same."""
    return unicodedata.normalize("NFC", cut_password(password))


def cut_password(password: str) -> str:
    """The password, unless it is too long in any form: then its beginning, which is too long, too.
    To normalize a very long text may take minutes. NFC makes at most four characters one."""
    return password[: 4 * MAX_PASSWORD_LENGTH + 1]


def password_problem(password: str, *about: str) -> Refused | None:
    """Why a new password is not accepted: too short, too long, common, or made of `about`, such as
    the person's address and name, and of the product's name."""
    password = normalize_password(password)
    if len(password) < MIN_PASSWORD_LENGTH:
        return Refused(Code.PASSWORD_SHORT, field="password", least=MIN_PASSWORD_LENGTH)
    if len(password) > MAX_PASSWORD_LENGTH:
        return Refused(Code.PASSWORD_LONG, field="password", most=MAX_PASSWORD_LENGTH)
    text, words = _comparable(password), _words(*about, policy.current().product_name)
    for form in (text, SEPARATORS.sub("", text)):
        rest = form
        for word in words:
            rest = rest.replace(word, "")
        if rest != form and _is_easy_to_guess(rest):
            return Refused(Code.PASSWORD_PERSONAL, field="password")
    if _is_easy_to_guess(text):
        return Refused(Code.PASSWORD_COMMON, field="password")
    # The words with digits in place of letters.
    is_personal = _is_easy_to_guess(text, words)
    return Refused(Code.PASSWORD_PERSONAL, field="password") if is_personal else None


def _words(*about: str) -> list[str]:
    """The words of these texts that have three letters or more, the longest first."""
    words = {word for text in about for word in re.split(r"[\W_]+", _comparable(text[:400]))}
    return sorted((word for word in words if len(word) > 2), key=lambda word: (-len(word), word))


def _comparable(text: str) -> str:
    """The text without differences of case, width and style."""
    return unicodedata.normalize("NFKC", text).casefold()


def _is_easy_to_guess(text: str, words: Sequence[str] = ()) -> bool:
    """Whether there are easier guesses than allowed, for somebody who knows the words."""
    text = text[:CHECKED_LENGTH]
    forms = {text, text.translate(RUSSIAN_KEYS)}
    return any(zxcvbn(form, list(words)).guesses_log10 < MIN_GUESSES_LOG10 for form in forms)
