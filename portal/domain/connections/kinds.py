"""Kinds of connections: which settings and credentials each has.

A kind that asks a cloud also has: its provider in `worker/providers.py`, its name, labels and hints
in `wording/kinds.py`, a sentence for each code that it raises in `wording/faults.py`. A test finds
what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from portal.domain.connections import checks
from portal.domain.errors import Code
from portal.domain.values import Invalid


class Kind(StrEnum):
    BUILTIN = "builtin"
    """Nothing is carried out anywhere: what is agreed is so."""
    MANUAL = "manual"
    """An operator carries it out, and says so."""
    WEBHOOK = "webhook"
    """The operator's own program carries it out."""
    OPENSTACK = "openstack"
    LXD = "lxd"


class Field(NamedTuple):
    """A setting of a connection; with `is_secret` it is one of its credentials. `check` returns
    the value to keep, or raises Invalid. `default` is what a form begins with."""

    name: str
    check: Callable[[str], str] = checks.line
    is_secret: bool = False
    is_required: bool = True
    has_lines: bool = False
    default: str = ""

    def parse(self, typed: str) -> str:
        """The value to keep. Raises Invalid."""
        if typed.strip():
            return self.check(typed)
        if self.is_required:
            raise Invalid(Code.REQUIRED)
        return ""


class KindSpec(NamedTuple):
    """What a kind of connection has. With `asks`, the worker asks a cloud, so that the connection
    can be tested. With `has_folders`, its clouds are divided into folders. With `has_limits`, they
    can be limited; one that asks a cloud says by its test whether it can. With `can_stop`, an open
    console outlives a revoke, which can stop all instances."""

    fields: tuple[Field, ...] = ()
    asks: bool = False
    has_folders: bool = False
    has_limits: bool = False
    can_stop: bool = False

    @property
    def secret_names(self) -> frozenset[str]:
        """The names of the credentials."""
        return frozenset(field.name for field in self.fields if field.is_secret)


CONSOLE_URL = Field("console_url", checks.console_url, is_required=False)
COMMON = (
    Field("ca_certificates", checks.certificates, is_required=False, has_lines=True),
    CONSOLE_URL,
    Field("currency", checks.currency, is_required=False),
)
"""Fields of the kinds that know their server by its name and ask what clouds cost."""
KINDS: dict[str, KindSpec] = {
    Kind.BUILTIN: KindSpec(has_folders=True),
    Kind.MANUAL: KindSpec(has_limits=True),
    Kind.WEBHOOK: KindSpec(
        (
            Field("url", checks.url),
            Field("secret", checks.webhook_secret, is_secret=True),
            *COMMON,
        ),
        asks=True,
        has_limits=True,
    ),
    Kind.OPENSTACK: KindSpec(
        (
            Field("auth_url", checks.keystone_url),
            Field("domain"),
            Field("username"),
            Field("password", checks.secret, is_secret=True),
            Field("user_domain", is_required=False),
            Field("region", is_required=False),
            Field("token_cache", checks.number(0, 86_400), default="300"),
            Field("usage_project", is_required=False),
            Field("federation_protocol", is_required=False),
            *COMMON,
        ),
        asks=True,
    ),
    Kind.LXD: KindSpec(
        (
            Field("url", checks.url),
            Field("fingerprint", checks.fingerprint),
            Field("client_certificate", checks.certificates, has_lines=True),
            Field("secret_key", checks.private_key, is_secret=True, has_lines=True),
            Field("pool", default="default"),
            Field("network", checks.network_name, is_required=False),
            CONSOLE_URL,
        ),
        asks=True,
        has_limits=True,
        can_stop=True,
    ),
}
"""By the kind, as stored."""
