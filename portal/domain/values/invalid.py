"""What is wrong with a value: a code and its facts."""

from __future__ import annotations

CODES: dict[str, tuple[str, ...]] = {
    "required": (),
    "not-text": (),
    "too-long": ("limit", "length"),
    "nothing-visible": (),
    "line-break": (),
    "control-character": ("character", "position"),
    "direction-character": ("character", "position"),
    "invisible-character": ("character", "position"),
    "broken-character": ("character", "position"),
    "email-at-sign": ("count",),
    "email-name": (),
    "email-local": (),
    "email-local-letter": ("letter", "character"),
    "email-local-long": ("limit", "length"),
    "email-host": (),
    "email-reserved": ("ending",),
    "email-look-alike": ("label", "ascii"),
    "phone-characters": (),
    "phone-extension": (),
    "phone-country": (),
    "phone-short": (),
    "phone-long": (),
    "phone-number": (),
    "country-unknown": ("country",),
    "tax-characters": (),
    "tax-length": ("least", "most"),
    "tax-no-digits": (),
    "tax-digits": ("label", "lengths"),
    "tax-format": ("label", "country"),
    "tax-check-digits": ("label", "country"),
    "tax-other-country": ("country", "other"),
}
"""Every code and the names of its facts, so that a catalogue of sentences can be held complete.

`character` is written as U+0000, `position` counts characters from 1; `limit`, `length`, `least`,
`most` are numbers of characters and `lengths` a tuple of them; `country` and `other` are ISO 3166-1
codes, except in `country-unknown`, where it is what was typed; `label` of a tax number is one of
TAX_LABELS. No fact is called `code` or `field`: a refusal has those names itself.
"""


class Invalid(ValueError):
    """The value has not the shape it needs. `code` is a key of CODES, `facts` fill its sentence."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
