"""Keys of the audit log: only who has the key can write a line that verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from portal import db

Keys = Mapping[str, bytes]
"""Keys by their ID, the newest last."""


class KeyMissing(db.Unavailable):
    """A chain is keyed with a key that this process does not have: it can't be continued, so the
    change is not made."""

    def __init__(self, key_id: str) -> None:
        super().__init__(db.Reason.KEY_MISSING)
        self.key_id = key_id


_read: Callable[[], Keys] = dict
_keys: Keys = {}


def configure(read: Callable[[], Keys]) -> None:
    """Set where the process reads its keys from: none, if the chains are plain."""
    global _read  # noqa: PLW0603 - a process serves one installation
    _read = read
    reload()


def reload() -> None:
    """Read the keys again: a new one may have been added."""
    global _keys  # noqa: PLW0603 - a process serves one installation
    _keys = _read()


def newest_id() -> str | None:
    """The ID of the newest key; None without a key."""
    return next(reversed(list(_keys)), None)


def find(key_id: str) -> bytes | None:
    """The key with this ID; None if this process does not have it."""
    return _keys.get(key_id)
