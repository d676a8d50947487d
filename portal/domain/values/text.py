"""Lines, paragraphs and the key they are found by."""

from __future__ import annotations

import re
import unicodedata

from portal.domain.errors import Code
from portal.domain.values.invalid import Invalid

BREAKS = "\n\r\v\f\x85\u2028\u2029"
"""What ends a line (Unicode Standard 5.8). Word and Excel leave VT behind for a soft break."""

_A_BREAK = re.compile(f"\r\n|[{BREAKS}]")
_BLANKS = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Letters and a symbol that take room but show nothing: a name of them looks empty.
_FILLERS = re.compile(r"[\u115f\u1160\u2800\u3164\uffa0]")

# The Arabic signs that enclose the digits after them: format characters, yet visible.
_VISIBLE_FORMAT = re.compile(r"[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]")

# A flag of a region (England, Scotland, Wales) is spelled in tag characters.
_REGION_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")

# Scripts in whose spelling the joiners ZWNJ and ZWJ make a difference: Arabic, Syriac, N'Ko and
# their neighbours, the scripts of India, Myanmar, Khmer, Mongolian. Persian needs ZWNJ inside
# words, Malayalam ends words with ZWJ; so the rule is about what stands before.
_JOINER = "\u200c\u200d"
_JOINED_SCRIPT = re.compile(r"[\u0600-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua8ff\uaa60-\uaa7f]")
_EMOJI_BEFORE = re.compile("[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e007f]")

_SHRINKS_AT_MOST = 4
"""NFC joins at most four characters into one, e.g. U+1F82; so a longer text needs no composing,
which takes quadratic time on a heap of marks."""


def line(value: str, *, limit: int = 200) -> str:
    """One line of text by a person: NFC, white space collapsed and stripped.

    `limit` counts characters (code points) of the result. Emoji, right-to-left text and HTML are
    text like any other: they are escaped where they are shown. Refused is what can't be seen and so
    serves spoofing (Unicode Technical Report 36). Raises Malformed: required, not-text, too-long,
    nothing-visible, line-break, control-, direction-, invisible- or broken-character.
    """
    text = require_text(value)
    if _A_BREAK.search(text):
        raise Invalid(Code.LINE_BREAK)
    return _visible(_composed(_BLANKS.sub(" ", text), limit))


def paragraph(value: str, *, limit: int = 2000) -> str:
    r"""Text of several lines: as `line`, with breaks as \n and at most one blank line running.

    `limit` counts characters of the result, breaks included. A tab, which is pasted from tables, is
    a blank here. Raises what `line` raises, except line-break.
    """
    lines = _A_BREAK.sub("\n", require_text(value)).replace("\t", " ").split("\n")
    text = "\n".join(_BLANKS.sub(" ", one).strip() for one in lines)
    return _visible(_composed(re.sub("\n{3,}", "\n\n", text), limit))


_HOST = r"(?:(?:[\w-]+[.。．｡])+[^\W\d_][\w-]+|\d+(?:\.\d+){3})"
_WEB_ADDRESS = re.compile(rf"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.|\b{_HOST}(?::\d+)?[/?#])\S*", re.I)
_IN_A_HOST = re.compile(r"(?<=\w)\.(?=[^\W\d_]\w)")
MAX_QUOTE_LENGTH = 100


def quote(text: str) -> str:
    """A name that somebody chose, as our mails to others quote it: short, without addresses of web
    pages, and with a space of no width where mail programs would see a host (Booking.com) and make
    a link of it; so that nobody sends their own in our name. Never raises."""
    plain = " ".join(_WEB_ADDRESS.sub("…", text).split())
    short = plain if len(plain) <= MAX_QUOTE_LENGTH else plain[: MAX_QUOTE_LENGTH - 1] + "…"
    return _IN_A_HOST.sub(".\u200b", short)


def require_text(value: object) -> str:
    """The value stripped, when it is text and not empty. Raises Malformed: not-text, required."""
    if not isinstance(value, str):
        raise Invalid(Code.NOT_TEXT)
    if not (text := value.strip()):
        raise Invalid(Code.REQUIRED)
    return text


def without_format(value: object) -> str:
    """The value without format characters, for what is kept as digits and capitals alone.

    A number copied from a phone's contacts comes wrapped in direction marks, and nothing of them
    stays in the result. Raises Malformed: not-text, required.
    """
    return "".join(sign for sign in require_text(value) if unicodedata.category(sign) != "Cf")


def _composed(text: str, limit: int) -> str:
    """The text in NFC. Raises Malformed: too-long."""
    if len(text) <= limit * _SHRINKS_AT_MOST:
        text = unicodedata.normalize("NFC", text)
    if len(text) > limit:
        raise Invalid(Code.TOO_LONG, limit=limit, length=len(text))
    return text


def _visible(text: str) -> str:
    """The text, when every character in it shows or is known to be needed."""
    flags = {at for flag in _REGION_FLAG.finditer(text) for at in range(*flag.span())}
    shows = False
    for at, character in enumerate(text):
        category = unicodedata.category(character)
        code = None if at in flags else _fault(text, at, category)
        if code:
            where = {"character": f"U+{ord(character):04X}", "position": at + 1}
            raise Invalid(code, **where)
        # Unassigned ones count as visible: this year's emoji are unknown to an older Python.
        shows = shows or category[0] in "LNPS" or category in ("Co", "Cn")
    if not shows:
        raise Invalid(Code.NOTHING_VISIBLE)
    return text


REPLACEMENT = "\ufffd"
"""What stands for a character that was lost on its way."""


def _fault(text: str, at: int, category: str) -> Code | None:
    character = text[at]
    if category == "Cc":
        return None if character == "\n" else Code.CONTROL_CHARACTER
    if category == "Cs" or character == REPLACEMENT or _is_noncharacter(ord(character)):
        return Code.BROKEN_CHARACTER
    if _DIRECTION.match(character):
        return Code.DIRECTION_CHARACTER
    if character in _JOINER:
        return None if _joins(text, at) else Code.INVISIBLE_CHARACTER
    if (category == "Cf" and not _VISIBLE_FORMAT.match(character)) or _FILLERS.match(character):
        return Code.INVISIBLE_CHARACTER
    return None


def _is_noncharacter(point: int) -> bool:
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF


def _joins(text: str, at: int) -> bool:
    """Whether a joiner changes how its neighbours are written, rather than hiding between them."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if _JOINED_SCRIPT.match(before):
        return True
    if text[at] != "\u200d" or not before or not after:
        return False
    symbols = ("So", "Sm", "Cn")
    emoji_before = _EMOJI_BEFORE.match(before) or unicodedata.category(before) in symbols
    return bool(emoji_before) and unicodedata.category(after) in symbols


# Letters whose stroke or ligature Unicode does not take apart, and punctuation that keyboards vary.
_PLAIN = str.maketrans({
    "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ð": "d", "þ": "th",
    "æ": "ae", "œ": "oe", "‘": "'", "’": "'", "ʼ": "'", "‐": "-", "–": "-", "—": "-", "−": "-",
})  # fmt: skip

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SELECTORS = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def search_key(text: str) -> str:
    """The form in which two spellings of a name are found to be the same; '' for nothing.

    Case, width and compatibility forms fold; Latin letters lose their marks (é, ł, ø, ß → e, l, o,
    ss); Cyrillic ё becomes е, but й stays й; marks of other scripts stay. Quotes and dashes of one
    kind become one, invisible characters go, white space collapses. Idempotent; never raises.
    """
    spaced = _CONTROLS.sub(" ", text)
    kept = "".join(sign for sign in spaced if unicodedata.category(sign) not in ("Cf", "Cs"))
    folded = unicodedata.normalize("NFKD", kept).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold().translate(_PLAIN)
    bare = unicodedata.normalize("NFC", _without_marks(_SELECTORS.sub("", folded)))
    return " ".join(bare.split())


def _without_marks(text: str) -> str:
    kept: list[str] = []
    base = ""
    for character in text:
        if not unicodedata.combining(character):
            base = character
        elif _is_latin(base) or (base == "е" and character == "\u0308"):
            continue
        kept.append(character)
    return "".join(kept)


def _is_latin(character: str) -> bool:
    if character.isascii():
        return character.isalpha()
    return unicodedata.name(character, "").startswith("LATIN ")
