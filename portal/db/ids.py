"""IDs of 20 characters: a prefix, the time of creation, a random part."""

from __future__ import annotations

import secrets

from portal.db.time import now

ALPHABET = "0123456789abcdefghijklmnopqrstuv"

PREFIXES = {
    "acc": "assignment",
    "acs": "access",
    "aje": "user",
    "b1g": "cloud",  # and folder
    "clm": "claim",
    "con": "connection",
    "cst": "customer",
    "dn2": "account",
    "drf": "drift",
    "dlv": "delivery",
    "fbk": "feedback",
    "imp": "import",
    "job": "job",
    "lnk": "link",
    "lot": "lot",
    "mem": "membership",
    "mis": "look-up",
    "not": "note",
    "ntc": "notification",
    "out": "mail",
    "pst": "posting",
    "src": "source",
    "stm": "statement",
    "uky": "usage-key",
    "viw": "view",
}
"""THE table of ID prefixes: what each one identifies."""


def new_id(prefix: str) -> str:
    """A new ID: `prefix` and 17 characters of [0-9a-v], 9 for the millisecond and 8 random. IDs of
    one prefix sort by creation. Raises ValueError for a prefix that is not in PREFIXES."""
    if prefix not in PREFIXES:
        raise ValueError(f"no such prefix: {prefix}")
    milliseconds = int(now().timestamp() * 1000)
    stamp = "".join(ALPHABET[milliseconds >> shift & 31] for shift in range(40, -5, -5))
    return prefix + stamp + "".join(secrets.choice(ALPHABET) for _ in range(8))
