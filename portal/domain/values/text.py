"""Lines and paragraphs of text: normalisation, visible characters, search keys, quoting."""

from __future__ import annotations

import re
import unicodedata

from portal.domain.errors import Code
from portal.domain.values.invalid import Invalid

BREAKS = "\n\r\v\f\x85\u2028\u2029"
"""Line breaks (Unicode Standard 5.8). Word and Excel write VT for a soft break."""

_BREAK = re.compile(f"\r\n|[{BREAKS}]")
_SPACES = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Letters and a symbol that are blank: a name made of them looks empty.
_FILLERS = re.compile(r"[\u115f\u1160\u2800\u3164\uffa0]")

# Arabic signs that enclose the digits after them: format characters that are visible.
_VISIBLE_FORMAT = re.compile(r"[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]")

# Flags of regions (England, Scotland, Wales) are written with tag characters.
_REGION_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")

# Scripts in which the joiners ZWNJ and ZWJ change the spelling: Arabic, Syriac, N'Ko and their
# neighbours, the scripts of India, Myanmar, Khmer, Mongolian. Persian needs ZWNJ inside words,
# Malayalam ends words with ZWJ; so the rule looks at the character before the joiner.
_JOINER = "\u200c\u200d"
_JOINED_SCRIPT = re.compile(r"[\u0600-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua8ff\uaa60-\uaa7f]")
_EMOJI_BEFORE = re.compile("[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e007f]")

_MAX_COMPOSITION = 4
"""NFC composes at most four characters into one, such as U+1F82. A text longer than the limit times
this is too long in any case, and is not composed: that takes quadratic time on many marks."""


def line(value: str, *, limit: int = 200) -> str:
    """Return one line of text in NFC, white space collapsed and stripped.

    `limit` is the maximum number of characters (code points) of the result. Emoji, right-to-left
    text and HTML are accepted; templates escape them. Invisible characters are refused, since they
    allow spoofing (Unicode Technical Report 36). Raises Invalid("required", "not-text", "too-long",
    "nothing-visible", "line-break", "control-character", "direction-character",
    "invisible-character", "broken-character").
    """
    text = require_text(value)
    if _BREAK.search(text):
        raise Invalid(Code.LINE_BREAK)
    return _require_visible(_compose(_SPACES.sub(" ", text), limit))


def paragraph(value: str, *, limit: int = 2000) -> str:
    r"""Return text of several lines: each as `line`, breaks as \n, no two blank lines in a row.

    `limit` counts breaks as well. A tab, as in text pasted from tables, becomes a space. Raises
    Invalid as `line`, except for "line-break".
    """
    lines = _BREAK.sub("\n", require_text(value)).replace("\t", " ").split("\n")
    text = "\n".join(_SPACES.sub(" ", text_line).strip() for text_line in lines)
    return _require_visible(_compose(re.sub("\n{3,}", "\n\n", text), limit))


_HOST = r"(?:(?:[\w-]+[.。．｡])+[^\W\d_][\w-]+|\d+(?:\.\d+){3})"
_WEB_ADDRESS = re.compile(rf"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.|\b{_HOST}(?::\d+)?[/?#])\S*", re.I)
_HOST_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_]\w)")
MAX_QUOTE_LENGTH = 60


def quote(text: str) -> str:
    """Return a name that a user chose in the form for mails to others, without links: nobody may
    advertise a web page through our mails.

    Web addresses become "…", hosts such as Booking.com get a zero-width space so that mail programs
    don't link them, and the text is cut to MAX_QUOTE_LENGTH. Never raises.
    """
    plain = " ".join(_WEB_ADDRESS.sub("…", text).split())
    short = plain if len(plain) <= MAX_QUOTE_LENGTH else plain[: MAX_QUOTE_LENGTH - 1] + "…"
    return _HOST_DOT.sub(".\u200b", short)


def require_text(value: object) -> str:
    """Return the text stripped. Raises Invalid("not-text", "required")."""
    if not isinstance(value, str):
        raise Invalid(Code.NOT_TEXT)
    if not (text := value.strip()):
        raise Invalid(Code.REQUIRED)
    return text


def without_format(value: object) -> str:
    """Return the text without format characters, for phone and tax numbers.

    Numbers copied from a phone's contacts are enclosed in direction marks. Raises
    Invalid("not-text", "required").
    """
    return "".join(char for char in require_text(value) if unicodedata.category(char) != "Cf")


def _compose(text: str, limit: int) -> str:
    """Return the text in NFC. Raises Invalid("too-long")."""
    if len(text) <= limit * _MAX_COMPOSITION:
        text = unicodedata.normalize("NFC", text)
    if len(text) > limit:
        raise Invalid(Code.TOO_LONG, limit=limit, length=len(text))
    return text


def _require_visible(text: str) -> str:
    """Return the text if each character is visible or needed, and one is visible. Raises
    Invalid."""
    in_flag = {index for flag in _REGION_FLAG.finditer(text) for index in range(*flag.span())}
    is_visible = False
    for index, character in enumerate(text):
        category = unicodedata.category(character)
        code = None if index in in_flag else _refusal_code(text, index, category)
        if code:
            code_point = f"U+{ord(character):04X}"
            raise Invalid(code, character=code_point, position=index + 1)
        # Unassigned characters count as visible: an older Python does not know the newest emoji.
        is_visible = is_visible or category[0] in "LNPS" or category in ("Co", "Cn")
    if not is_visible:
        raise Invalid(Code.NOTHING_VISIBLE)
    return text


REPLACEMENT = "\ufffd"
"""The replacement character, left by a failed decoding."""


def _refusal_code(text: str, index: int, category: str) -> Code | None:
    character = text[index]
    if category == "Cc":
        return None if character == "\n" else Code.CONTROL_CHARACTER
    if category == "Cs" or character == REPLACEMENT or _is_noncharacter(ord(character)):
        return Code.BROKEN_CHARACTER
    if _DIRECTION.match(character):
        return Code.DIRECTION_CHARACTER
    if character in _JOINER:
        return None if _is_joining(text, index) else Code.INVISIBLE_CHARACTER
    if (category == "Cf" and not _VISIBLE_FORMAT.match(character)) or _FILLERS.match(character):
        return Code.INVISIBLE_CHARACTER
    return None


def _is_noncharacter(code_point: int) -> bool:
    return code_point & 0xFFFE == 0xFFFE or 0xFDD0 <= code_point <= 0xFDEF


def _is_joining(text: str, index: int) -> bool:
    """Return whether the joiner at `index` changes how its neighbours are written."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if _JOINED_SCRIPT.match(before):
        return True
    if text[index] != "\u200d" or not before or not after:
        return False
    symbols = ("So", "Sm", "Cn")
    is_after_emoji = _EMOJI_BEFORE.match(before) or unicodedata.category(before) in symbols
    return bool(is_after_emoji) and unicodedata.category(after) in symbols


# Letters whose stroke or ligature Unicode does not decompose; variants of quotes and dashes.
_PLAIN = str.maketrans({
    "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ð": "d", "þ": "th",
    "æ": "ae", "œ": "oe", "‘": "'", "’": "'", "ʼ": "'", "‐": "-", "–": "-", "—": "-", "−": "-",
})  # fmt: skip

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SELECTORS = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def search_key(text: str) -> str:
    """Return the form in which spellings of a name are searched and compared; may be empty.

    Case, width and compatibility forms are folded; Latin letters lose their marks (é, ł, ø, ß → e,
    l, o, ss); Cyrillic ё becomes е, but й stays; marks of other scripts stay. Variants of quotes
    and dashes become one, invisible characters are removed, white space is collapsed. Idempotent;
    never raises.
    """
    spaced = _CONTROLS.sub(" ", text)
    visible = "".join(char for char in spaced if unicodedata.category(char) not in ("Cf", "Cs"))
    folded = unicodedata.normalize("NFKD", visible).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold().translate(_PLAIN)
    unmarked = unicodedata.normalize("NFC", _strip_marks(_SELECTORS.sub("", folded)))
    return " ".join(unmarked.split())


def _strip_marks(text: str) -> str:
    characters: list[str] = []
    base = ""
    for character in text:
        if not unicodedata.combining(character):
            base = character
        elif _is_latin(base) or (base == "е" and character == "\u0308"):
            continue
        characters.append(character)
    return "".join(characters)


def _is_latin(character: str) -> bool:
    if character.isascii():
        return character.isalpha()
    return unicodedata.name(character, "").startswith("LATIN ")
