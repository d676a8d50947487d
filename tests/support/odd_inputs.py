"""Odd inputs for fields: invisible characters, unusual but valid names, invalid addresses."""

from __future__ import annotations

import re

INVISIBLE = {
    "control": "Ann\x07Lee",
    "NUL": "Ann\x00Lee",
    "escape": "Ann\x1b[31mLee",
    "C1 control": "Ann\x85Lee",
    "bidi override": "Ann\u202eeeL",
    "bidi isolate": "\u2066Ann\u2069",
    "zero width": "Ann\u200bLee",
    "soft hyphen": "Ann\u00adLee",
    "line separator": "Ann\u2028Lee",
    "nothing visible": "\u3164",
    "noncharacter": "Ann\uffffLee",
}
"""Texts that a one-line field refuses because they contain invisible characters."""

UNUSUAL_NAMES = {
    "emoji": ("Ann 🚀👩‍🚀", None),
    "right to left": ("محمد بن سلمان", None),
    "Hebrew": ("שלום בע״מ", None),
    "HTML": ("<script>alert('x')</script>", None),
    "attributes": ('"><img src=x onerror=alert(1)>', None),
    "template": ("{{ 7 * 7 }}{% raw %}", None),
    "SQL": ("Robert'); DROP TABLE customers;--", None),
    "format": ("%(name)s %s {0}", None),
    "spaces around": ("  Ann \u00a0 Lee\t", "Ann Lee"),
    "not composed": ("Zoe\u0308", "Zoë"),
    "one sign": ("X", None),
}
"""Texts that are valid names, with the stored value if it is another."""

BAD_ADDRESSES = {
    "no at": ("ann.lee", "exactly one @"),
    "two at": ("ann@lee@client.example", "exactly one @"),
    "no domain": ("ann@", "not a domain"),
    "no name": ("@client.example", "before the @"),
    "a name with it": ("Ann <ann@client.example>", "address alone"),
    "space inside": ("ann lee@client.example", "before the @"),
    "two dots": ("ann..lee@client.example", "before the @"),
    "line break": ("ann@client.example\r\nBcc: all@evil.example", "one line"),
    "line break at the end": ("ann@client.example\r\n", "one line"),
    "a lone LF": ("ann@client.example\nBcc: all@evil.example", "one line"),
    "NUL": ("ann\x00@client.example", "not accepted"),
    "control": ("ann\x07@client.example", "not accepted"),
    "bidi": ("ann\u202e@client.example", "not accepted"),
    "zero width": ("ann\u200b@client.example", "not accepted"),
    "emoji": ("ann🚀@client.example", "Latin letters"),
    "right to left": ("محمد@client.example", "Latin letters"),
    "look-alike before the at": ("аnn@client.example", "Latin letters"),  # Cyrillic а
    "look-alike domain": ("ann@сlient.example", "look alike"),  # Cyrillic с
    "HTML": ("<b>ann</b>@client.example", "address alone"),
    "quoted": ('"ann lee"@client.example', "before the @"),
    "an IP address": ("ann@[127.0.0.1]", "not a domain"),
    "no dot": ("ann@localhost", "can’t receive mail"),
    "reserved": ("ann@client.test", "can’t receive mail"),
    "10,000 characters": ("a" * 10_000 + "@client.example", "at most 254"),
    "a long first part": ("a" * 65 + "@client.example", "at most 64"),
    "several": ("ann@client.example, bob@client.example", "exactly one @"),
}
"""Invalid addresses, with a part of the error message."""

LONG = "x" * 10_000


def rendered(text: str) -> str:
    """The text as a page can show it: HTML has no control characters and one kind of newline."""
    return re.sub("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\uffff]", "\ufffd", text).replace("\r\n", "\n")
