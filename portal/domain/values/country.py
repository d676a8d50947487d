"""Countries: the codes of ISO 3166-1 and their names."""

from __future__ import annotations

from functools import cache

from babel import Locale

from portal.domain.errors import Code
from portal.domain.values.invalid import Invalid
from portal.domain.values.text import require_text, search_key

_ASSIGNED = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""

CODES = frozenset(_ASSIGNED.split())
"""The 249 officially assigned alpha-2 codes of ISO 3166-1, as in iso3166.tab of the IANA time zone
database. Babel's own list has more: the EU, Kosovo's XK, the unknown ZZ."""


def country(code: str) -> str:
    """Return the ISO 3166-1 alpha-2 code in upper case.

    Raises Invalid("required", "not-text", "country-unknown").
    """
    text = require_text(code)
    upper = text.upper() if text.isascii() else text  # "ſ".upper() is an ASCII S
    if upper not in CODES:
        raise Invalid(Code.COUNTRY_UNKNOWN, country=text[:20])
    return upper


def countries(locale: str | Locale) -> list[tuple[str, str]]:
    """Return code and name of every country, sorted by name in the language of `locale` ("pt_BR").

    The order ignores marks (Å sorts as A, ё as е), since ICU's collation is not at hand. Raises
    babel's UnknownLocaleError.
    """
    return list(_names(str(locale)))


@cache
def _names(locale: str) -> tuple[tuple[str, str], ...]:
    names = Locale.parse(locale, sep="-" if "-" in locale else "_").territories
    pairs = ((code, names.get(code, code)) for code in CODES)
    return tuple(sorted(pairs, key=lambda pair: (search_key(pair[1]), pair[0])))
