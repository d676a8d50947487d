"""The business says no: a code and its facts; the surfaces know the sentence."""

from __future__ import annotations

from typing import Any

from portal.domain.actions import Action


class Refused(Exception):
    """A rule stands against it. `field` names the input it is about, where there is one."""

    def __init__(self, code: str, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.facts = facts


class Forbidden(Refused):
    """The actor's role does not allow this action."""

    def __init__(self, action: Action) -> None:
        super().__init__("role-missing", action=action)
