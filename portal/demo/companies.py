"""Invented companies: name, people, address, phone and a tax number with valid check digits."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from portal.demo.locales import COUNTRIES, Country
from portal.demo.timeline import seeded_random
from portal.domain import values
from portal.domain.customers import Draft
from portal.domain.values import Invalid

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVW"
"""The letters that an Irish tax number may end with."""
TRANSLITERATION = str.maketrans({
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "й": "y", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
    "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "ä": "ae", "ö": "oe", "ü": "ue",
})  # fmt: skip
DESCRIPTIONS = (
    "Came to us at a fair; wants one invoice for everything.",
    "Runs its web shop and two small databases. Nightly backups are a must.",
    "Archive of scanned papers, about 4 TB, hardly ever read.",
    "Moves from its own server room; the lease of the room ends in autumn.",
    "Three sites, one administrator. Prefers to write.",
    "Seasonal: very little in winter, everything in June.",
    "Needs its data to stay in the EU.",
    "Test systems only, for the time being.",
)


@dataclass(frozen=True)
class Company:
    """A customer's record as its partner enters it, and the contact with the cloud account."""

    draft: Draft
    contact_name: str

    @property
    def email(self) -> str:
        return self.draft.invitation_email


def companies(seed: str) -> Iterator[Company]:
    """Yield companies with unique names, without end; the same ones for the same seed."""
    rng = seeded_random(seed)
    names: set[str] = set()
    while True:
        company = _company(rng, rng.choice(COUNTRIES))
        if company.draft.name not in names:
            names.add(company.draft.name)
            yield company


def slug(text: str) -> str:
    """Return a name as the label of a domain."""
    latin = values.search_key(text.casefold().translate(TRANSLITERATION))
    return re.sub("[^a-z0-9]+", "-", latin).strip("-")


def tax_number(rng: random.Random, pattern: str, country: str) -> str:
    """Return a random number of this pattern whose check digits are valid in the country."""
    while True:
        try:
            return values.tax_number(_fill(rng, pattern), country)
        except Invalid:
            continue


def _company(rng: random.Random, country: Country) -> Company:
    # The order of the draws is part of the demonstration's content.
    locale = country.locale
    town = rng.choice(locale.place_prefixes) + rng.choice(locale.place_suffixes)
    name = locale.company_format.format(place=town, trade=rng.choice(locale.trades))
    first_name, last_name = rng.choice(locale.first_names), rng.choice(locale.last_names)
    domain = f"{slug(name)}.example"
    post_code = _fill(rng, country.post_code)
    street, number = rng.choice(locale.streets), rng.randint(1, 90)
    address = locale.address_format.format(street=street, number=number, code=post_code, town=town)
    tax_share = 1 if values.is_tax_number_required(country.code) else 0.8
    mailbox = rng.choice((f"{slug(first_name)}.{slug(last_name)}", slug(last_name), "office", "it"))
    draft = Draft(
        name=name,
        invitation_email=f"{mailbox}@{domain}",
        country=country.code,
        tin=_sometimes(rng, tax_share, tax_number(rng, country.tax_number, country.code)),
        longname=_sometimes(rng, 0.7, country.legal_name.format(name=name)),
        phone=_sometimes(rng, 0.8, _fill(rng, country.phone)),
        email=_sometimes(rng, 0.3, f"accounts@{domain}"),
        description=_sometimes(rng, 0.3, rng.choice(DESCRIPTIONS)),
        legal_address=_sometimes(rng, 0.7, address),
        post_code=post_code,
    )
    return Company(draft, f"{first_name} {last_name}")


def _sometimes(rng: random.Random, probability: float, value: str) -> str:
    """Return the value with this probability, otherwise an empty text."""
    return value if rng.random() < probability else ""


def _fill(rng: random.Random, pattern: str) -> str:
    """Replace each `#` by a digit from 1 to 9 and each `@` by one of LETTERS."""
    digits = re.sub("#", lambda _match: rng.choice("123456789"), pattern)
    return re.sub("@", lambda _match: rng.choice(LETTERS), digits)
