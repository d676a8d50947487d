"""E-mail addresses: how they are shown, compared and sent to."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from portal.domain.errors import Code
from portal.domain.values.invalid import Invalid
from portal.domain.values.text import BREAKS, line

ADDRESS_LIMIT = 254  # characters; RFC 5321 4.5.3.1.3, less the angle brackets
LOCAL_LIMIT = 64  # characters before the @; RFC 5321 4.5.3.1.1

# Scripts that are written together (Unicode Technical Standard 39, "highly restrictive").
_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
_NO_SCRIPT = {"COMBINING", "MODIFIER", "MIDDLE", "ZERO", "IDEOGRAPHIC", "KATAKANA-HIRAGANA"}

# Cyrillic letters drawn like Latin ones. A label of nothing else, under a Latin top-level domain,
# is what Chromium's policy for internationalised names holds to be an imitation as well.
_CYRILLIC_LOOK_ALIKES = frozenset("асԁеһіјӏорԗԛѕԝхуъьҽпгѵѡ")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """One mailbox: shown as `display`, compared by `key`, sent to at `wire`.

    `display` has the local part as typed and the domain in its own letters, `wire` the domain in
    Punycode. `key` is the wire form in lower case. Dots and what follows a plus are part of it: at
    most providers `a.b` and `ab` are two people, and whoever could make them one could accept the
    other's invitation. RFC 5321 leaves the local part's case to the host, but no provider of note
    has two mailboxes differing in case, and people do type it either way.
    """

    display: str
    key: str
    wire: str


def email(value: str) -> EmailAddress:
    """The address that was typed, alone and without a display name; 254 characters at most.

    The local part must be ASCII, the domain may be internationalised (IDNA 2008) but its labels may
    not mix alphabets. No name server is asked. Names under `.example` pass, as RFC 6761 wants;
    `.test`, `.local`, `localhost`, `.invalid`, `.onion` and `.arpa` do not, for no mail gets there.
    Raises Malformed: what `line` raises, or a code that begins with email-.
    """
    if isinstance(value, str) and any(character in BREAKS for character in value):
        # Also at the ends, where `line` would strip it: a break is how headers are smuggled in.
        raise Invalid(Code.LINE_BREAK if value.strip() else Code.REQUIRED)
    typed = line(value, limit=ADDRESS_LIMIT)
    if any(bracket in typed for bracket in "<>"):
        raise Invalid(Code.EMAIL_NAME)
    if (count := typed.count("@")) != 1:
        raise Invalid(Code.EMAIL_AT_SIGN, count=count)
    local, _, domain = typed.partition("@")
    _check_local(local)
    shown, ascii_domain = _domain(domain)
    wire = f"{local}@{ascii_domain}"
    if not _is_address(wire):
        raise Invalid(Code.EMAIL_LOCAL)
    return EmailAddress(display=f"{local}@{shown}", key=wire.casefold(), wire=wire)


def domain_of(address: EmailAddress | str) -> str:
    """The domain in its Punycode form, lower case. Raises Malformed as `email` does, for text."""
    wire = address.wire if isinstance(address, EmailAddress) else email(address).wire
    return wire.rpartition("@")[2]


def in_domains(address: EmailAddress | str, domains: tuple[str, ...]) -> bool:
    """Whether the address is at one of the domains, whatever the case, in letters or Punycode.

    An entry is one domain exactly; `*.example.com` stands for everything under it and not for
    itself. No entries: False, so ask only where there is a restriction. Raises Malformed for an
    entry that is no domain (email-host, email-reserved, email-look-alike) or as `email` does.
    """
    domain = domain_of(address)
    return any(
        domain.endswith("." + name) if under else domain == name
        for under, name in map(_entry, domains)
    )


@lru_cache(maxsize=256)
def _entry(entry: str) -> tuple[bool, str]:
    under = entry.strip().startswith("*.")
    name = line(entry, limit=ADDRESS_LIMIT).removeprefix("*.")
    return under, _domain(name)[1]


def _check_local(local: str) -> None:
    for character in local:
        if not character.isascii():
            point = f"U+{ord(character):04X}"
            raise Invalid(Code.EMAIL_LOCAL_LETTER, letter=character, character=point)
    if len(local) > LOCAL_LIMIT:
        raise Invalid(Code.EMAIL_LOCAL_LONG, limit=LOCAL_LIMIT, length=len(local))


def _domain(domain: str) -> tuple[str, str]:
    """The domain in its own letters and in Punycode."""
    # Every setting is said, so that nobody's change to the library's globals matters here.
    try:
        checked = validate_email(
            f"a@{domain}",
            strict=True,
            test_environment=False,
            globally_deliverable=True,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_domain_literal=False,
        )
    except EmailNotValidError:
        ending = domain.lower().rpartition(".")[2]
        if ending in SPECIAL_USE_DOMAIN_NAMES:
            raise Invalid(Code.EMAIL_RESERVED, ending=ending) from None
        raise Invalid(Code.EMAIL_HOST) from None
    shown, ascii_domain = checked.domain.lower(), checked.ascii_domain.lower()
    _refuse_look_alikes(shown, ascii_domain)
    return shown, ascii_domain


def _is_address(wire: str) -> bool:
    try:
        validate_email(
            wire,
            strict=True,
            test_environment=False,
            globally_deliverable=True,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
        )
    except EmailNotValidError:
        return False
    return True


def _refuse_look_alikes(shown: str, ascii_domain: str) -> None:
    labels = shown.split(".")
    latin_ending = _scripts(labels[-1]) <= {"LATIN"}
    for label, ascii_label in zip(labels, ascii_domain.split("."), strict=True):
        scripts = _scripts(label)
        mixed = len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)
        letters = {character for character in label if character.isalpha()}
        imitates = scripts == {"CYRILLIC"} and latin_ending and letters <= _CYRILLIC_LOOK_ALIKES
        if mixed or imitates:
            raise Invalid(Code.EMAIL_LOOK_ALIKE, label=label, ascii=ascii_label)


def _scripts(label: str) -> set[str]:
    """The scripts of the letters, by the first word of their Unicode names."""
    letters = (character for character in label if unicodedata.category(character)[0] in "LM")
    return {unicodedata.name(letter, "UNNAMED").split()[0] for letter in letters} - _NO_SCRIPT
