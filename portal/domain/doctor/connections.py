"""Checks of connections: their credentials can be decrypted."""

from __future__ import annotations

from collections.abc import Iterator

from portal.domain import connections
from portal.domain.doctor.check import Problem, check


@check("connections")
def credentials_unreadable() -> Iterator[Problem]:
    """Credentials that no key of CREDENTIALS_KEY_FILE decrypts, or those of another connection."""
    for connection in connections.unreadable_connections():
        sentence = "No key of CREDENTIALS_KEY_FILE decrypts the credentials of this connection."
        yield Problem(connection.id, sentence)
