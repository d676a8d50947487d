"""E-mail addresses: the forms in which they are displayed, compared and sent to."""

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

# Scripts that may be mixed in one label (Unicode Technical Standard 39, "highly restrictive").
_MIXABLE_SCRIPTS = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
_NO_SCRIPT = {"COMBINING", "MODIFIER", "MIDDLE", "ZERO", "IDEOGRAPHIC", "KATAKANA-HIRAGANA"}

# Cyrillic letters that look like Latin ones. Like Chromium's IDN policy, we take a label of only
# these letters under a Latin top-level domain for an imitation.
_CYRILLIC_LOOK_ALIKES = frozenset("асԁеһіјӏорԗԛѕԝхуъьҽпгѵѡ")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """One mailbox: displayed as `display`, compared by `key`, sent to at `wire`.

    `display` has the local part as typed and the domain in Unicode; `wire` has the domain in
    Punycode. `key` is the wire form in lower case. It keeps dots and plus tags: at most providers
    `a.b` and `ab` are two people, and if they were equal, one could accept the other's invitation.
    RFC 5321 leaves the local part's case to the host, but no major provider has two mailboxes that
    differ only in case, and people type either.
    """

    display: str
    key: str
    wire: str


def email(value: str) -> EmailAddress:
    """Return a typed address of at most 254 characters, without a display name.

    The local part must be ASCII; the domain may be internationalised (IDNA 2008), but its labels
    may not mix scripts. DNS is not queried. Domains under `.example` pass (RFC 6761); `.test`,
    `.local`, `localhost`, `.invalid`, `.onion` and `.arpa` do not, since no mail can reach them.
    Raises Invalid as `line`, or with a code that begins with "email-".
    """
    if isinstance(value, str) and any(character in BREAKS for character in value):
        # Even at the ends, where `line` would strip it: line breaks allow header injection.
        raise Invalid(Code.LINE_BREAK if value.strip() else Code.REQUIRED)
    text = line(value, limit=ADDRESS_LIMIT)
    if any(bracket in text for bracket in "<>"):
        raise Invalid(Code.EMAIL_NAME)
    if (count := text.count("@")) != 1:
        raise Invalid(Code.EMAIL_AT_SIGN, count=count)
    local, _, domain = text.partition("@")
    _check_local(local)
    unicode_domain, ascii_domain = _normalise_domain(domain)
    wire = f"{local}@{ascii_domain}"
    if not _is_address(wire):
        raise Invalid(Code.EMAIL_LOCAL)
    return EmailAddress(display=f"{local}@{unicode_domain}", key=wire.casefold(), wire=wire)


def domain_of(address: EmailAddress | str) -> str:
    """Return the domain in Punycode, in lower case. Raises Invalid as `email` for a string."""
    wire = address.wire if isinstance(address, EmailAddress) else email(address).wire
    return wire.rpartition("@")[2]


def is_in_domains(address: EmailAddress | str, domains: tuple[str, ...]) -> bool:
    """Return whether the address is at one of the domains, in any case, in Unicode or Punycode.

    `example.com` matches that domain only, `*.example.com` only its subdomains. Without entries
    the result is False. Raises Invalid("email-host", "email-reserved", "email-look-alike") for an
    entry that is not a domain, or as `email` for the address.
    """
    domain = domain_of(address)
    return any(
        domain.endswith("." + name) if is_wildcard else domain == name
        for is_wildcard, name in map(_parse_entry, domains)
    )


@lru_cache(maxsize=256)
def _parse_entry(entry: str) -> tuple[bool, str]:
    is_wildcard = entry.strip().startswith("*.")
    name = line(entry, limit=ADDRESS_LIMIT).removeprefix("*.")
    return is_wildcard, _normalise_domain(name)[1]


def _check_local(local: str) -> None:
    for character in local:
        if not character.isascii():
            code_point = f"U+{ord(character):04X}"
            raise Invalid(Code.EMAIL_LOCAL_LETTER, letter=character, character=code_point)
    if len(local) > LOCAL_LIMIT:
        raise Invalid(Code.EMAIL_LOCAL_LONG, limit=LOCAL_LIMIT, length=len(local))


def _normalise_domain(domain: str) -> tuple[str, str]:
    """Return the domain in Unicode and in Punycode."""
    # Every option is passed, so that changes of the library's global defaults have no effect.
    try:
        validated = validate_email(
            f"a@{domain}",
            strict=True,
            test_environment=False,
            globally_deliverable=True,
            check_deliverability=False,
            allow_smtputf8=False,
            allow_domain_literal=False,
        )
    except EmailNotValidError:
        top_level = domain.lower().rpartition(".")[2]
        if top_level in SPECIAL_USE_DOMAIN_NAMES:
            raise Invalid(Code.EMAIL_RESERVED, ending=top_level) from None
        raise Invalid(Code.EMAIL_HOST) from None
    unicode_domain, ascii_domain = validated.domain.lower(), validated.ascii_domain.lower()
    _refuse_look_alikes(unicode_domain, ascii_domain)
    return unicode_domain, ascii_domain


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


def _refuse_look_alikes(unicode_domain: str, ascii_domain: str) -> None:
    labels = unicode_domain.split(".")
    is_top_level_latin = _scripts(labels[-1]) <= {"LATIN"}
    for label, ascii_label in zip(labels, ascii_domain.split("."), strict=True):
        scripts = _scripts(label)
        is_mixed = len(scripts) > 1 and not any(scripts <= allowed for allowed in _MIXABLE_SCRIPTS)
        letters = {character for character in label if character.isalpha()}
        is_imitation = scripts == {"CYRILLIC"} and letters <= _CYRILLIC_LOOK_ALIKES
        if is_mixed or (is_imitation and is_top_level_latin):
            raise Invalid(Code.EMAIL_LOOK_ALIKE, label=label, ascii=ascii_label)


def _scripts(label: str) -> set[str]:
    """Return the scripts of the letters: the first words of their Unicode names."""
    letters = (character for character in label if unicodedata.category(character)[0] in "LM")
    return {unicodedata.name(letter, "UNNAMED").split()[0] for letter in letters} - _NO_SCRIPT
