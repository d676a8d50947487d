"""Kinds of connections: which settings and credentials each has."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    BUILTIN = "builtin"
    """Nothing is carried out anywhere: what is agreed is so."""
    MANUAL = "manual"
    """An operator carries it out, and says so."""


class Field(NamedTuple):
    """A setting of a connection; with `is_secret` it is one of its credentials."""

    name: str
    is_secret: bool = False
    is_required: bool = True


class KindSpec(NamedTuple):
    """What a kind of connection has. With `asks`, the worker asks a cloud, so that the connection
    can be tested."""

    fields: tuple[Field, ...] = ()
    asks: bool = False

    @property
    def secret_names(self) -> frozenset[str]:
        """The names of the credentials."""
        return frozenset(field.name for field in self.fields if field.is_secret)


KINDS: dict[str, KindSpec] = {Kind.BUILTIN: KindSpec(), Kind.MANUAL: KindSpec()}
"""By the kind, as stored. A kind that asks a cloud has a provider in `worker/providers.py`, too."""
