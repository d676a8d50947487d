"""The error that a value is invalid: its codes and their facts."""

from __future__ import annotations

from portal.domain.errors import Code

CODES: dict[Code, tuple[str, ...]] = {
    Code.REQUIRED: (),
    Code.NOT_TEXT: (),
    Code.TOO_LONG: ("limit", "length"),
    Code.NOTHING_VISIBLE: (),
    Code.LINE_BREAK: (),
    Code.CONTROL_CHARACTER: ("character", "position"),
    Code.DIRECTION_CHARACTER: ("character", "position"),
    Code.INVISIBLE_CHARACTER: ("character", "position"),
    Code.BROKEN_CHARACTER: ("character", "position"),
    Code.EMAIL_AT_SIGN: ("count",),
    Code.EMAIL_NAME: (),
    Code.EMAIL_LOCAL: (),
    Code.EMAIL_LOCAL_LETTER: ("letter", "character"),
    Code.EMAIL_LOCAL_LONG: ("limit", "length"),
    Code.EMAIL_HOST: (),
    Code.EMAIL_RESERVED: ("ending",),
    Code.EMAIL_LOOK_ALIKE: ("label", "ascii"),
    Code.PHONE_CHARACTERS: (),
    Code.PHONE_EXTENSION: (),
    Code.PHONE_COUNTRY: (),
    Code.PHONE_SHORT: (),
    Code.PHONE_LONG: (),
    Code.PHONE_NUMBER: (),
    Code.COUNTRY_UNKNOWN: ("country",),
    Code.TAX_CHARACTERS: (),
    Code.TAX_LENGTH: ("least", "most"),
    Code.TAX_NO_DIGITS: (),
    Code.TAX_DIGITS: ("label", "lengths"),
    Code.TAX_FORMAT: ("label", "country"),
    Code.TAX_CHECK_DIGITS: ("label", "country"),
    Code.TAX_OTHER_COUNTRY: ("country", "other"),
    Code.NUMBER_PREFIX: ("most",),
    Code.ADDRESS_LINES: ("most",),
    Code.PICTURE_LARGE: ("most",),
    Code.PICTURE_FORMAT: (),
    Code.PICTURE_SIDE: ("least", "most"),
    Code.PICTURE_BROKEN: (),
    Code.URL_FORMAT: (),
    Code.URL_PLACEHOLDER: (),
    Code.WEBHOOK_SECRET_FORMAT: (),
    Code.CERTIFICATES_FORMAT: (),
    Code.PRIVATE_KEY_FORMAT: (),
    Code.FINGERPRINT_FORMAT: (),
    Code.CURRENCY_UNKNOWN: (),
    Code.USAGE_RATE_FORMAT: (),
    Code.NETWORK_NAME: (),
    Code.NUMBER_RANGE: ("least", "most"),
}
"""Every code and the names of its facts; a test compares it with the catalogue of sentences.

`character` is written as U+0000, `position` counts characters from 1; `limit`, `length`, `least`,
`most` are numbers: of characters, of lines in `address-lines`, of kilobytes or pixels in
`picture-…`, any in `number-range`; `lengths` is a tuple of them; `country` and `other` are ISO
3166-1 codes, except in `country-unknown`, where `country` is the input; `label` of a tax number is
one of TAX_LABELS. No fact is called `code` or `field`, which are attributes of a refusal.
"""


class Invalid(ValueError):
    """The value is malformed. `code` is a key of CODES, `facts` fill its sentence."""

    def __init__(self, code: Code, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
