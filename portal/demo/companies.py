"""Invented firms: name, people, address, phone and a tax number whose check digits are right."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from portal.demo.locales import LANDS, Land
from portal.demo.timeline import luck
from portal.domain import values
from portal.domain.customers import Draft
from portal.domain.values import Invalid

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVW"
"""Those that end an Irish number."""
LATIN = str.maketrans({
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
class Firm:
    """What a partner knows of a firm, and the person there who has a cloud account."""

    draft: Draft
    person: str

    @property
    def email(self) -> str:
        return self.draft.invitation_email


def firms(seed: str) -> Iterator[Firm]:
    """Firms without end, the same ones for the same seed, no name twice."""
    chance = luck(seed)
    known: set[str] = set()
    while True:
        firm = _firm(chance, chance.choice(LANDS))
        if firm.draft.name not in known:
            known.add(firm.draft.name)
            yield firm


def slug(text: str) -> str:
    """A name as it stands in a domain."""
    plain = values.search_key(text.casefold().translate(LATIN))
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")


def tax_number(chance: random.Random, pattern: str, country: str) -> str:
    """A number of this pattern, drawn until its check digits match."""
    while True:
        try:
            return values.tax_number(_drawn(chance, pattern), country)
        except Invalid:
            continue


def _firm(chance: random.Random, land: Land) -> Firm:
    tongue = land.tongue
    place = chance.choice(tongue.heads) + chance.choice(tongue.tails)
    name = tongue.firm.format(place=place, trade=chance.choice(tongue.trades))
    first, last = chance.choice(tongue.first_names), chance.choice(tongue.last_names)
    domain = f"{slug(name)}.example"
    code = _drawn(chance, land.post_code)
    street, number = chance.choice(tongue.streets), chance.randint(1, 90)
    address = tongue.street.format(street=street, number=number, code=code, town=place)
    has_tin = 1 if values.tax_required(land.code) else 0.8
    local = chance.choice((f"{slug(first)}.{slug(last)}", slug(last), "office", "it"))
    draft = Draft(
        name=name,
        invitation_email=f"{local}@{domain}",
        country=land.code,
        tin=_sometimes(chance, has_tin, tax_number(chance, land.tax, land.code)),
        longname=_sometimes(chance, 0.7, land.legal.format(name=name)),
        phone=_sometimes(chance, 0.8, _drawn(chance, land.phone)),
        email=_sometimes(chance, 0.3, f"accounts@{domain}"),
        description=_sometimes(chance, 0.3, chance.choice(DESCRIPTIONS)),
        legal_address=_sometimes(chance, 0.7, address),
        post_code=code,
    )
    return Firm(draft, f"{first} {last}")


def _sometimes(chance: random.Random, share: float, value: str) -> str:
    return value if chance.random() < share else ""


def _drawn(chance: random.Random, pattern: str) -> str:
    digits = re.sub("#", lambda _sign: chance.choice("123456789"), pattern)
    return re.sub("@", lambda _sign: chance.choice(LETTERS), digits)
