"""IDs of 20 characters: a prefix, the time and chance."""

from __future__ import annotations

import secrets

from portal.db.time import now

ALPHABET = "0123456789abcdefghijklmnopqrstuv"


PREFIXES = {
    "acc": "role assignment",
    "aje": "user",
    "b1g": "cloud, folder",
    "cst": "customer",
    "dn2": "billing account",
    "fbk": "feedback on the guide",
    "imp": "import",
    "lnk": "link of a cloud to an account",
    "not": "note on a customer",
    "ntc": "notification",
    "out": "outbox entry",
    "viw": "saved view",
}
"""THE table of ID prefixes, and what each identifies."""


def new_id(prefix: str) -> str:
    """Return `prefix` and 17 characters of [0-9a-v]: 9 of the millisecond, 8 random; IDs sort by
    creation. Raises ValueError for a prefix that is not in PREFIXES."""
    if prefix not in PREFIXES:
        raise ValueError(f"no such prefix: {prefix}")
    millis = int(now().timestamp() * 1000)
    stamp = "".join(ALPHABET[millis >> shift & 31] for shift in range(40, -5, -5))
    return prefix + stamp + "".join(secrets.choice(ALPHABET) for _ in range(8))
