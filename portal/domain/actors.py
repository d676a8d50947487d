"""Actors: a signed-in user, or a named system actor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """A signed-in user, or a named system actor (worker, operator command)."""

    id: str
    email: str = ""
    email_key: str = ""
    name: str = ""
    language: str = "en"
    time_zone: str | None = None
    is_operator: bool = False
    is_system: bool = False
    session_id: str = ""


WORKER = Actor(id="worker", is_system=True)
COMMAND = Actor(id="command", is_system=True)
NEWCOMER = Actor(id="newcomer", is_system=True)
"""A person with a verified address who has no account yet."""
