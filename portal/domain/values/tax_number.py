"""Tax numbers: required where, called what, written how."""

from __future__ import annotations

import re
import unicodedata

from stdnum.exceptions import InvalidChecksum, ValidationError

from portal.domain.errors import Code
from portal.domain.values.country import country as known_country
from portal.domain.values.invalid import Invalid
from portal.domain.values.tax_number_formats import EU, KINDS, VAT_PREFIXES, checks
from portal.domain.values.text import line, without_format

LEAST, MOST = 2, 30  # characters of a number as it is stored
TYPED_LIMIT = 60  # characters as typed, blanks and dashes included

# Where a number is digits only, their count is the first thing to say about a wrong one.
_LENGTHS = {"RU": (10, 12), "KZ": (12,)}

_OTHER = "Tax number"
_LABELS = dict.fromkeys([*EU, "GB"], "VAT number") | {
    "RU": "INN",
    "KZ": "BIN/IIN",
    "BY": "UNP",
    "UA": "EDRPOU/RNOKPP",
    "MD": "IDNO",
    "AZ": "VÖEN",
    "TR": "VKN",
    "RS": "PIB",
    "ME": "PIB",
    "CH": "UID",
    "NO": "Organisation number",
    "IN": "GSTIN/PAN",
    "CN": "USCC",
    "AU": "ABN",
    "BR": "CNPJ/CPF",
    "AR": "CUIT",
    "CL": "RUT",
}

TAX_LABELS = frozenset(_LABELS.values()) | {_OTHER}
"""Every label `tax_label` may give, in English, for the surfaces to translate."""

_EXAMPLES = {
    "AT": "ATU12345678", "BE": "BE0123456789", "BG": "BG123456789", "CY": "CY10234567X", "CZ":
    "CZ12345678", "DE": "DE123456789", "DK": "DK12345678", "EE": "EE123456789", "ES":
    "ESX1234567X", "FI": "FI12345678", "FR": "FR12345678901", "GR": "EL123456789", "HR":
    "HR12345678901", "HU": "HU12345678", "IE": "IE1234567B", "IT": "IT12345670018", "LT":
    "LT123456716", "LU": "LU12345678", "LV": "LV41234567890", "MT": "MT12345678", "NL":
    "NL123456789B01", "PL": "PL1234567890", "PT": "PT123456780", "RO": "RO12345678", "SE":
    "SE123456789001", "SI": "SI12345678", "SK": "SK1234567890", "GB": "GB123456789", "RU":
    "1234567890", "KZ": "240140012345", "BY": "123456789", "UA": "12345670", "MD":
    "1234567890123", "AZ": "1234567891", "TR": "1234567891", "RS": "123456789", "ME":
    "12345678", "CH": "CHE-123.456.789", "NO": "123 456 789", "IN": "27ABCPE1234F1Z0", "CN":
    "91123456789ABCDEFG", "AU": "12 345 678 901", "BR": "12.345.678/0001-90", "AR":
    "20-12345678-9", "CL": "12.345.678-9",
}  # fmt: skip
"""Numbers of the right form that nobody has: their check digits are wrong."""

_SEPARATORS = re.compile("[ ‐‑‒–—―−-]")


def tax_required(country: str) -> bool:
    """Whether a customer of that country must give a tax number: in Russia and Kazakhstan."""
    return country.strip().upper() in _LENGTHS


def tax_label(country: str) -> str:
    """What the number is called there, one of TAX_LABELS; `Tax number` where we know no name."""
    return _LABELS.get(country.strip().upper(), _OTHER)


def tax_example(country: str) -> str:
    """The form of that country's number, by an example; empty where we know no name for it."""
    return _EXAMPLES.get(country.strip().upper(), "")


def tax_number(value: str, country: str) -> str:
    """The number in capitals, without blanks and dashes, checked as far as the country's is known.

    Where we know the kinds of number a country has (kinds.KINDS), it must be one of them, check
    digits included; dots and slashes go there, too. A VAT number of the European Union or Britain
    gets the prefix it is written with (DE…, Greece EL…), typed or not, so that the same number
    twice is the same text. Elsewhere: 2 to 30 letters, digits, `/` and `.`. Whether the number was
    ever given out is not asked. Raises Malformed: what `line` raises, country-unknown, or a code
    that begins with tax-.
    """
    code = known_country(country)
    number = _compact(value)
    if code not in KINDS:
        return number
    bare = re.sub("[./]", "", number)
    try:
        return _checked(bare, code)
    except ValidationError as error:
        raise _invalid(bare, code, error) from None


def _compact(value: str) -> str:
    typed = line(without_format(value), limit=TYPED_LIMIT)
    capitals = unicodedata.normalize("NFKC", typed).upper()
    packed = _SEPARATORS.sub("", unicodedata.normalize("NFKC", capitals))
    number = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in packed)
    if not all(sign.isalnum() or sign in "./" for sign in number):
        raise Invalid(Code.TAX_CHARACTERS)
    if not LEAST <= len(number) <= MOST:
        raise Invalid(Code.TAX_LENGTH, least=LEAST, most=MOST)
    if not any(digit in number for digit in "123456789"):
        # "n/a" is no number, and all noughts satisfy most check digits.
        raise Invalid(Code.TAX_NO_DIGITS)
    return number


def _checked(number: str, country: str) -> str:
    """The number in its compact form. Raises stdnum's ValidationError, InvalidChecksum before any
    other: who got the digits of one kind wrong is not helped by hearing that it is no other."""
    faults: list[ValidationError] = []
    for rank, check in enumerate(checks(country)):
        try:
            compact = check(number)
        except ValidationError as fault:
            faults.append(fault)
            continue
        prefix = VAT_PREFIXES.get(country, "") if rank == 0 else ""
        if prefix == "GB" and number.startswith("XI"):
            prefix = "XI"  # Northern Ireland
        kept = compact == number and number.startswith(prefix)  # as Romania's check does
        return compact if kept else prefix + compact
    raise next((fault for fault in faults if isinstance(fault, InvalidChecksum)), faults[0])


def _invalid(number: str, country: str, fault: ValidationError) -> Invalid:
    label, lengths = tax_label(country), _LENGTHS.get(country)
    if other := _member_of(number, besides=country):
        return Invalid(Code.TAX_OTHER_COUNTRY, country=country, other=other)
    if lengths and not (number.isdecimal() and len(number) in lengths):
        return Invalid(Code.TAX_DIGITS, label=label, lengths=lengths)
    wrong = Code.TAX_CHECK_DIGITS if isinstance(fault, InvalidChecksum) else Code.TAX_FORMAT
    return Invalid(wrong, label=label, country=country)


def _member_of(number: str, *, besides: str) -> str | None:
    """The country whose VAT number this is, prefix and check digits, if it is another one."""
    for country, prefix in VAT_PREFIXES.items():
        if country != besides and number.startswith(prefix):
            try:
                checks(country)[0](number)
            except ValidationError:
                return None
            return country
    return None
