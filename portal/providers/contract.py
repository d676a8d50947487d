"""The contract: what the portal asks of every kind of cloud, as plain values.

Every call is idempotent by `order`, the ID of the job that makes it: called again with the same
order it returns the same result and does nothing twice. Every call ends within CALL_SECONDS by the
wall clock. What is already as asked, and what is gone already, is a result and no error.

Raises Later if it may succeed later, NeedsPerson if an operator has to decide or act, Never if it
can't succeed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

CALL_SECONDS = 60


class Later(Exception):
    """The cloud can't do it now. `retry_after` is its wish, if it said one."""

    def __init__(self, words: str, retry_after: timedelta | None = None) -> None:
        super().__init__(words)
        self.retry_after = retry_after


class NeedsPerson(Exception):
    """An operator has to decide or act first. `code` has a sentence in the wording."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


class Never(Exception):
    """The cloud refuses it for good, in its words."""


class Role(StrEnum):
    """A person's role on a cloud, as the portal has it; weakest first."""

    MEMBER = "member"
    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"


class Ability(StrEnum):
    """What a connection may offer beside creating, renaming and closing clouds."""

    SUSPEND = "suspend"
    ACCESS = "access"
    LIMITS = "limits"
    FEDERATION = "federation"
    USAGE_HISTORY = "usage-history"
    """Usage of any past day."""
    USAGE_SAMPLE = "usage-sample"
    """Only what is used now."""


class Preflight(NamedTuple):
    """What a test of the connection found. `missing` names each missing right or setting."""

    abilities: frozenset[Ability]
    missing: tuple[str, ...] = ()
    token_cache: timedelta = timedelta(minutes=5)
    """How long services accept a token after its access was revoked."""


@dataclass(frozen=True)
class Cloud:
    """A cloud as the portal wants it to be. `limits` are of `cpu`, `memory` and `disk` (both in
    GiB) and `instances`; None takes one off, and one that is not named stays."""

    id: str
    name: str
    limits: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A membership: a person on one cloud, by an opaque ID. Name and address are only for show:
    nobody is ever looked up by them."""

    id: str
    name: str = ""
    email: str = ""
    federated: tuple[str, str] | None = None
    """The person's identity at the cloud (provider, subject), which an operator mapped."""


class Done(NamedTuple):
    """It is as ordered. `external_id` is the cloud's own ID of what was ensured."""

    external_id: str = ""
    ends_by: datetime | None = None
    """When the last effect of what was taken away ends."""
    left: tuple[str, ...] = ()
    """What goes on existing and costing, in words."""


class Running(NamedTuple):
    """It goes on at the cloud: ask `operation` again after the wait."""

    operation: str
    retry_after: timedelta = timedelta(seconds=5)


class How(StrEnum):
    """In what form a person gets an access."""

    CLOUDS_YAML = "clouds.yaml"
    TOKEN = "token"  # noqa: S105 - a form, no secret
    LINK = "link"
    TEXT = "text"


class Access(NamedTuple):
    """What a person signs in with. `text` is secret, but for a link."""

    how: How
    text: str
    expires: datetime | None = None


class Found(NamedTuple):
    """A cloud as the connection has it. `our_id` is empty if the portal did not make it."""

    external_id: str
    name: str
    our_id: str = ""
    is_suspended: bool = False
    members: Mapping[str, Role] | None = None
    """Roles by the ID of the membership; those of others by the cloud's own ID. None: unknown."""


class Usage(NamedTuple):
    """One line of what a cloud used in a UTC day; all lines of a day replace those before."""

    external_id: str
    resource_id: str
    kind: str
    quantity: Decimal
    unit: str
    cost: Decimal | None = None
    """In the connection's currency, if the cloud rates its usage."""


class Provider(Protocol):
    """A connection to a cloud of one kind."""

    def preflight(self) -> Preflight:
        """Test the connection by doing: create and remove `portal-preflight-…`."""
        ...

    def ensure_cloud(self, order: str, cloud: Cloud) -> Done | Running:
        """Create the cloud unless it exists; `Done.external_id` is its ID at the connection."""
        ...

    def change_cloud(self, order: str, external_id: str, cloud: Cloud) -> Done | Running:
        """Give the cloud this name and these limits. One that the portal did not create becomes
        this cloud: it is adopted. Raises NeedsPerson if it is another cloud of the portal."""
        ...

    def suspend(self, order: str, external_id: str) -> Done | Running:
        """Refuse sign-ins to the cloud; `Done.left` says what goes on."""
        ...

    def resume(self, order: str, external_id: str) -> Done | Running:
        """Undo `suspend`."""
        ...

    def close(self, order: str, external_id: str) -> Done | Running:
        """Disable the cloud and mark it as closed. Nothing in it is deleted."""
        ...

    def grant(self, order: str, external_id: str, member: Member, role: Role) -> Done | Running:
        """Give the member exactly this role; other roles of theirs on the cloud end."""
        ...

    def revoke(
        self, order: str, external_id: str, member: Member, *, stop: bool = False
    ) -> Done | Running:
        """Take all access from the member, for good: a later grant revives no old secret or token.
        With `stop`, what the member has running is stopped, too."""
        ...

    def access(
        self,
        order: str,
        external_id: str,
        member: Member,
        *,
        access_id: str,
        secret: str,
        until: datetime,
    ) -> Access | Running:
        """Make a secret to sign in with. The same access ID gives the same secret, or ends the
        earlier one."""
        ...

    def withdraw(
        self, order: str, external_id: str, member: Member, *, access_id: str
    ) -> Done | Running:
        """End one access; the member's role and other accesses stay."""
        ...

    def operation(self, order: str, operation: str) -> Done | Access | Running:
        """What has become of the operation that `Running` named."""
        ...

    def find(self, external_id: str) -> Found | None:
        """The cloud with this ID; None only after a list that was read to its end."""
        ...

    def is_empty(self, external_id: str) -> bool | None:
        """Whether nothing is in the cloud that could cost or be lost. None: it can't be said, which
        counts as in use."""
        ...

    def name_there(self, cloud: Cloud) -> str:
        """The name that `Found` has if nobody renamed the cloud there. Asks nobody."""
        ...

    def role_there(self, role: Role) -> Role | None:
        """The role that `Found` reports of a member who was granted this one. None: it reports
        whatever it was told, so roles are not compared. Asks nobody."""
        ...

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        """The role of a person, by their identity there (provider, subject), on a cloud that the
        portal did not create: OWNER if they may give roles on it. None without a role, or if there
        is no such cloud or identity."""
        ...

    def everything(self) -> Iterator[Found]:
        """All clouds of the connection, foreign ones too."""
        ...

    def usage(self, external_ids: Collection[str], day: date) -> Iterator[Usage]:
        """The usage of these clouds in a whole UTC day; rows of other clouds are left out."""
        ...
