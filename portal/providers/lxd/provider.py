"""LXD as a kind of cloud: the contract's calls, each with a time of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime

from portal.providers.contract import (
    CALL_SECONDS,
    Access,
    Cloud,
    Done,
    Found,
    Member,
    Never,
    Preflight,
    Role,
    Usage,
)
from portal.providers.http_client import HttpClient
from portal.providers.lxd import accesses, memberships, preflight, projects, suspension, usage
from portal.providers.lxd.session import Row, Session, Settings


class Lxd:
    """A connection to one server or cluster; see `contract.Provider` for what each call promises.
    Lists of LXD have no pages: `http.max_bytes` bounds them."""

    def __init__(self, http: HttpClient, settings: Settings, seconds: float = CALL_SECONDS) -> None:
        self.http, self.settings, self.seconds = http, settings, seconds

    def _session(self, order: str) -> Session:
        return Session(self.http, self.settings, order, self.seconds)

    def preflight(self) -> Preflight:
        return preflight.run(self._session("preflight"))

    def ensure_cloud(self, order: str, cloud: Cloud) -> Done:
        return projects.ensure(self._session(order), cloud)

    def change_cloud(self, order: str, external_id: str, cloud: Cloud) -> Done:
        return projects.change(self._session(order), external_id, cloud)

    def suspend(self, order: str, external_id: str) -> Done:
        return suspension.suspend(self._session(order), external_id)

    def resume(self, order: str, external_id: str) -> Done:
        return suspension.resume(self._session(order), external_id)

    def close(self, order: str, external_id: str) -> Done:
        return suspension.suspend(self._session(order), external_id, closes=True)

    def grant(self, order: str, external_id: str, member: Member, role: Role) -> Done:
        return memberships.grant(self._session(order), external_id, member, role)

    def revoke(self, order: str, external_id: str, member: Member, *, stop: bool = False) -> Done:
        """With `stop` all instances of the project are stopped: they belong to nobody in
        particular."""
        return memberships.revoke(self._session(order), external_id, member, stop=stop)

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
        """`secret` is not used: the private key is made here."""
        session = self._session(order)
        return accesses.make(session, external_id, member, access_id=access_id, until=until)

    def withdraw(self, order: str, external_id: str, member: Member, *, access_id: str) -> Done:
        return accesses.withdraw(self._session(order), external_id, member, access_id=access_id)

    def operation(self, order: str, operation: str) -> Done:
        """Calls wait for LXD's operations: none returns Running."""
        raise Never(f"There is no operation {operation}.")

    def find(self, external_id: str) -> Found | None:
        session = self._session("find")
        project = projects.find(session, external_id)
        if project is None:
            return None
        return _found(project, memberships.all_certificates(session))

    def is_empty(self, external_id: str) -> bool:
        """Whether no instance, image, volume or network uses the project. One that is gone has
        none."""
        project = projects.find(self._session("empty"), external_id)
        return project is None or projects.is_empty(project)

    def name_there(self, cloud: Cloud) -> str:
        return projects.clean(cloud.name) or cloud.id

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        """A certificate names nobody: an operator verifies whose a project is."""
        return None

    def everything(self) -> Iterator[Found]:
        session = self._session("everything")
        certificates = memberships.all_certificates(session)
        return iter([_found(project, certificates) for project in projects.everything(session)])

    def usage(self, external_ids: Collection[str], day: date) -> Iterator[Usage]:
        """What is given now, if the day is today: LXD keeps no past."""
        if day != datetime.now(UTC).date():
            return iter(())
        return iter(list(usage.sample(self._session("usage"), external_ids)))


def _found(project: Row, certificates: list[Row]) -> Found:
    return Found(
        project["name"],
        project["description"] or project["name"],
        our_id=projects.our_id(project),
        is_suspended=projects.is_suspended(project),
        members=memberships.roles(project, certificates),
    )
