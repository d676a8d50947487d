"""Kinds of cloud that the portal itself asks: each call of the contract is a session of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from portal.providers.contract import (
    CALL_SECONDS,
    Access,
    Cloud,
    Done,
    Member,
    Never,
    Preflight,
    Role,
)
from portal.providers.http_client import HttpClient

SettingsT = TypeVar("SettingsT")
SessionT = TypeVar("SessionT")


@dataclass(frozen=True)
class Calls(Generic[SessionT]):
    """What a kind does within a session, by the calls of `contract.Provider`, whose other arguments
    they take."""

    preflight: Callable[[SessionT], Preflight]
    ensure_cloud: Callable[[SessionT, Cloud], Done]
    change_cloud: Callable[[SessionT, str, Cloud], Done]
    suspend: Callable[[SessionT, str], Done]
    resume: Callable[[SessionT, str], Done]
    close: Callable[[SessionT, str], Done]
    grant: Callable[[SessionT, str, Member, Role], Done]
    revoke: Callable[..., Done]
    access: Callable[..., Access]
    withdraw: Callable[..., Done]


class SessionProvider(Generic[SettingsT, SessionT]):
    """A connection; see `contract.Provider` for what each call promises."""

    new_session: Callable[[HttpClient, SettingsT, str, float], SessionT]
    calls: Calls[SessionT]

    def __init__(
        self, http: HttpClient, settings: SettingsT, seconds: float = CALL_SECONDS
    ) -> None:
        self.http, self.settings, self.seconds = http, settings, seconds

    def session(self, order: str) -> SessionT:
        """A session for one call, which ends within `seconds`."""
        return type(self).new_session(self.http, self.settings, order, self.seconds)

    def preflight(self) -> Preflight:
        return self.calls.preflight(self.session("preflight"))

    def ensure_cloud(self, order: str, cloud: Cloud) -> Done:
        return self.calls.ensure_cloud(self.session(order), cloud)

    def change_cloud(self, order: str, external_id: str, cloud: Cloud) -> Done:
        return self.calls.change_cloud(self.session(order), external_id, cloud)

    def suspend(self, order: str, external_id: str) -> Done:
        return self.calls.suspend(self.session(order), external_id)

    def resume(self, order: str, external_id: str) -> Done:
        return self.calls.resume(self.session(order), external_id)

    def close(self, order: str, external_id: str) -> Done:
        return self.calls.close(self.session(order), external_id)

    def grant(self, order: str, external_id: str, member: Member, role: Role) -> Done:
        return self.calls.grant(self.session(order), external_id, member, role)

    def revoke(self, order: str, external_id: str, member: Member, *, stop: bool = False) -> Done:
        return self.calls.revoke(self.session(order), external_id, member, stop=stop)

    def access(
        self,
        order: str,
        external_id: str,
        member: Member,
        *,
        access_id: str,
        secret: str,
        until: datetime,
    ) -> Access:
        session, values = self.session(order), {"access_id": access_id, "secret": secret}
        return self.calls.access(session, external_id, member, **values, until=until)

    def withdraw(self, order: str, external_id: str, member: Member, *, access_id: str) -> Done:
        return self.calls.withdraw(self.session(order), external_id, member, access_id=access_id)

    def operation(self, order: str, operation: str) -> Done:
        """Calls wait for their end: none returns Running."""
        raise Never(f"There is no operation {operation}.")
