"""The other side of a connection in the conformance suite, and calls as a worker makes them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from portal.providers.contract import (
    CALL_SECONDS,
    Access,
    Cloud,
    Done,
    Member,
    Provider,
    Role,
    Running,
)
from tests.support.processes import TIMEOUT_SECONDS

UNTIL = datetime.now(UTC) + timedelta(days=30)


class System(Protocol):
    """The other side of a connection."""

    port: int
    """Where the system listens on 127.0.0.1."""

    def connect(
        self, port: int | None = None, *, tls: bool = False, seconds: float = CALL_SECONDS
    ) -> Provider:
        """A connection to the system; with a port, what listens there stands between or instead.
        `tls`: the address begins with https. A call ends after `seconds`."""
        ...

    def signs_in(self, access: Access) -> bool:
        """Whether the system lets someone with this access into the cloud now."""
        ...

    def create_cloud(self, name: str) -> str:
        """Create a cloud by hand, without the portal; returns its external ID."""
        ...

    def occupy(self, cloud: Cloud) -> None:
        """Create by hand what has the name that the system would give to this cloud."""
        ...

    def delete_cloud(self, external_id: str) -> None:
        """Delete a cloud by hand."""
        ...

    def delete_member(self, external_id: str, member: Member) -> None:
        """Delete by hand what the provider made for the member."""
        ...


def new_cloud(name: str = "Web shop") -> Cloud:
    return Cloud(secrets.token_hex(8), name)


def new_member() -> Member:
    return Member(secrets.token_hex(8), "Nina", "nina@customer.example")


def new_order() -> str:
    return secrets.token_hex(8)


def finish(
    provider: Provider, call: Callable[..., Done | Access | Running], *args: object, **kw: object
) -> Done | Access:
    """Order it under a new ID, and ask until it has ended."""
    return finish_order(provider, new_order(), call, *args, **kw)


def finish_order(
    provider: Provider,
    order: str,
    call: Callable[..., Done | Access | Running],
    *args: object,
    **kw: object,
) -> Done | Access:
    result = call(order, *args, **kw)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while isinstance(result, Running):
        assert time.monotonic() < deadline, "it did not end"
        time.sleep(0.02)  # the wish of `retry_after` is the worker's
        result = provider.operation(order, result.operation)
    return result


def create(provider: Provider, cloud: Cloud) -> str:
    """Create the cloud; returns its external ID."""
    done = finish(provider, provider.ensure_cloud, cloud)
    assert isinstance(done, Done)
    assert done.external_id
    return done.external_id


def get_access(
    provider: Provider, external_id: str, member: Member, access_id: str = "", order: str = ""
) -> Access:
    """Get the member an access. The same access ID has the same secret, as in the portal."""
    access_id = access_id or new_order()
    access = finish_order(
        provider,
        order or new_order(),
        provider.access,
        external_id,
        member,
        access_id=access_id,
        secret=f"secret-of-{access_id}",
        until=UNTIL,
    )
    assert isinstance(access, Access)
    return access


def give_access(provider: Provider, external_id: str, member: Member) -> Access:
    """Grant the member a role and get them an access."""
    finish(provider, provider.grant, external_id, member, Role.EDITOR)
    return get_access(provider, external_id, member)


def count(provider: Provider, cloud: Cloud) -> int:
    """How many clouds of the connection are this one."""
    return sum(found.our_id == cloud.id for found in provider.everything())
