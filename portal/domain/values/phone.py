"""Phone numbers, parsed by the rules of a country."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from portal.domain.errors import Code
from portal.domain.values.country import country as require_country
from portal.domain.values.invalid import Invalid
from portal.domain.values.text import line, without_format

PHONE_LIMIT = 60  # characters as typed, spaces and brackets included

_PUNCTUATION = frozenset("+()./ -‐‑‒–—―−")
_EXTENSION = re.compile(r"(ext|extn|extension|доб|вн|x|#|;|,)\W*\d{1,7}\W*$", re.IGNORECASE)

_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: Code.PHONE_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: Code.PHONE_SHORT,  # area code missing
    ValidationResult.TOO_LONG: Code.PHONE_LONG,
    ValidationResult.INVALID_LENGTH: Code.PHONE_NUMBER,
    ValidationResult.INVALID_COUNTRY_CODE: Code.PHONE_COUNTRY,
}


@dataclass(frozen=True, slots=True)
class Phone:
    """A number as stored (`e164`, ITU-T E.164) and as displayed (`display`, ITU-T E.123).

    `is_valid` is False if the library's numbering plans do not assign the number. New ranges open
    before libraries know them, so this justifies a warning, never a refusal.
    """

    e164: str
    display: str
    is_valid: bool


def phone(value: str, country: str) -> Phone:
    """Parse a number in the national format of `country` or in international format (+…).

    Digits of all scripts are accepted. An extension is refused, not dropped: E.164 cannot hold it,
    and the number without it would reach another person. Raises Invalid as `line`, or with
    "country-unknown" or a code that begins with "phone-".
    """
    region = require_country(country)
    text = _require_phone_text(value)
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise Invalid(_parse_error_code(error)) from None
    result = phonenumbers.is_possible_number_with_reason(number)
    if result != ValidationResult.IS_POSSIBLE:
        raise Invalid(_IMPOSSIBLE.get(result, Code.PHONE_NUMBER))
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if phonenumbers.parse(e164) != number:
        # An extra leading zero: parsed again, it would be dropped as the trunk prefix.
        raise Invalid(Code.PHONE_NUMBER)
    return Phone(
        e164=e164,
        display=phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
        is_valid=phonenumbers.is_valid_number(number),
    )


def _require_phone_text(value: str) -> str:
    text = unicodedata.normalize("NFKC", line(without_format(value), limit=PHONE_LIMIT))
    if _EXTENSION.search(text):
        raise Invalid(Code.PHONE_EXTENSION)
    # The parser is lenient: it converts letters to digits, and finds a number inside a sentence.
    if not all(character.isdecimal() or character in _PUNCTUATION for character in text):
        raise Invalid(Code.PHONE_CHARACTERS)
    return text


def _parse_error_code(error: NumberParseException) -> Code:
    if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
        return Code.PHONE_COUNTRY
    if error.error_type == NumberParseException.TOO_LONG:
        return Code.PHONE_LONG
    if error.error_type == NumberParseException.NOT_A_NUMBER:
        return Code.PHONE_NUMBER
    return Code.PHONE_SHORT
