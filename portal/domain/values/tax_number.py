"""Tax numbers by country: whether required, label, format, check digits."""

from __future__ import annotations

import re
import unicodedata

from stdnum.exceptions import InvalidChecksum, ValidationError

from portal.domain.errors import Code
from portal.domain.values.country import country as require_country
from portal.domain.values.invalid import Invalid
from portal.domain.values.tax_number_formats import EU, KINDS, VAT_PREFIXES, checks
from portal.domain.values.text import line, without_format

MIN_LENGTH, MAX_LENGTH = 2, 30  # characters of a number as stored
INPUT_LIMIT = 60  # characters as typed, spaces and dashes included

# Countries that require a number, which has digits only: an error first names their count.
_LENGTHS = {"RU": (10, 12), "KZ": (12,)}

_DEFAULT_LABEL = "Tax number"
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

TAX_LABELS = frozenset(_LABELS.values()) | {_DEFAULT_LABEL}
"""All labels that `tax_label` may return, in English; surfaces translate them."""

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
"""Numbers in the right format that are never assigned, since their check digits are wrong."""

_SEPARATORS = re.compile("[ ‐‑‒–—―−-]")


def is_tax_number_required(country: str) -> bool:
    """Return whether customers of the country must give a tax number: in Russia and Kazakhstan."""
    return country.strip().upper() in _LENGTHS


def tax_label(country: str) -> str:
    """Return the number's name in that country, one of TAX_LABELS; by default "Tax number"."""
    return _LABELS.get(country.strip().upper(), _DEFAULT_LABEL)


def tax_example(country: str) -> str:
    """Return an example of that country's number; empty if its format is not known."""
    return _EXAMPLES.get(country.strip().upper(), "")


def tax_number(value: str, country: str) -> str:
    """Return the number in upper case, without spaces and dashes, validated for its country.

    For the countries in `tax_number_formats.KINDS` it must match one of their kinds, check digits
    included; dots and slashes are removed. A VAT number of the European Union or Britain gets its
    prefix (DE…, Greece EL…) if that is missing, so that equal numbers are equal strings. For other
    countries: 2 to 30 letters, digits, `/` and `.`. Whether the number is assigned is not checked.
    Raises Invalid as `line`, or with "country-unknown" or a code that begins with "tax-".
    """
    code = require_country(country)
    number = _compact(value)
    if code not in KINDS:
        return number
    compact = re.sub("[./]", "", number)
    try:
        return _validate(compact, code)
    except ValidationError as error:
        raise _to_invalid(compact, code, error) from None


def _compact(value: str) -> str:
    text = line(without_format(value), limit=INPUT_LIMIT)
    upper = unicodedata.normalize("NFKC", text).upper()
    joined = _SEPARATORS.sub("", unicodedata.normalize("NFKC", upper))
    number = "".join(str(int(char)) if char.isdecimal() else char for char in joined)
    if not all(char.isalnum() or char in "./" for char in number):
        raise Invalid(Code.TAX_CHARACTERS)
    if not MIN_LENGTH <= len(number) <= MAX_LENGTH:
        raise Invalid(Code.TAX_LENGTH, least=MIN_LENGTH, most=MAX_LENGTH)
    if not any(digit in number for digit in "123456789"):
        # "n/a" is not a number, and zeros only satisfy most check digits.
        raise Invalid(Code.TAX_NO_DIGITS)
    return number


def _validate(number: str, country: str) -> str:
    """Return the number in its compact form, by the first of the country's checks that accepts it.

    Raises stdnum's ValidationError, preferably InvalidChecksum: a wrong check digit tells more than
    that the number is of no other kind.
    """
    errors: list[ValidationError] = []
    for rank, check in enumerate(checks(country)):
        try:
            compact = check(number)
        except ValidationError as error:
            errors.append(error)
            continue
        prefix = VAT_PREFIXES.get(country, "") if rank == 0 else ""
        if prefix == "GB" and number.startswith("XI"):
            prefix = "XI"  # Northern Ireland
        has_prefix = compact == number and number.startswith(prefix)  # Romania's check keeps it
        return compact if has_prefix else prefix + compact
    raise next((error for error in errors if isinstance(error, InvalidChecksum)), errors[0])


def _to_invalid(number: str, country: str, error: ValidationError) -> Invalid:
    label, lengths = tax_label(country), _LENGTHS.get(country)
    if other := _other_vat_country(number, country):
        return Invalid(Code.TAX_OTHER_COUNTRY, country=country, other=other)
    if lengths and not (number.isdecimal() and len(number) in lengths):
        return Invalid(Code.TAX_DIGITS, label=label, lengths=lengths)
    code = Code.TAX_CHECK_DIGITS if isinstance(error, InvalidChecksum) else Code.TAX_FORMAT
    return Invalid(code, label=label, country=country)


def _other_vat_country(number: str, country: str) -> str | None:
    """Return the other country whose VAT number this is, by prefix and check digits, or None."""
    for other, prefix in VAT_PREFIXES.items():
        if other != country and number.startswith(prefix):
            try:
                checks(other)[0](number)
            except ValidationError:
                return None
            return other
    return None
