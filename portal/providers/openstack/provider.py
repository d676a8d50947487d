"""OpenStack as a kind of cloud: the contract's calls, each a session of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime

from portal.providers.contract import (
    CALL_SECONDS,
    Access,
    Cloud,
    Done,
    Found,
    Member,
    NeedsPerson,
    Never,
    Preflight,
    Role,
    Usage,
)
from portal.providers.http_client import HttpClient
from portal.providers.openstack import accesses, members, preflight, projects, usage
from portal.providers.openstack.session import Row, Session, Settings


class OpenStack:
    """A connection to one domain; see `contract.Provider` for what each call promises."""

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
        return projects.suspend(self._session(order), external_id)

    def resume(self, order: str, external_id: str) -> Done:
        return projects.resume(self._session(order), external_id)

    def close(self, order: str, external_id: str) -> Done:
        return projects.close(self._session(order), external_id)

    def grant(self, order: str, external_id: str, member: Member, role: Role) -> Done:
        return members.grant(self._session(order), external_id, member, role)

    def revoke(self, order: str, external_id: str, member: Member, *, stop: bool = False) -> Done:
        """`stop` changes nothing: servers belong to the project, not to a member."""
        return members.revoke(self._session(order), external_id, member)

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
        session = self._session(order)
        return accesses.make(
            session, external_id, member, access_id=access_id, secret=secret, until=until
        )

    def withdraw(self, order: str, external_id: str, member: Member, *, access_id: str) -> Done:
        return accesses.withdraw(self._session(order), external_id, member, access_id=access_id)

    def operation(self, order: str, operation: str) -> Done:
        """Keystone answers at once: no call returns Running."""
        raise Never(f"There is no operation {operation}.")

    def find(self, external_id: str) -> Found | None:
        session = self._session("find")
        project = projects.find(session, external_id)
        if project is None:
            return None
        roles = members.by_project(session, external_id)
        return _found(project, roles)

    def is_empty(self, external_id: str) -> bool | None:
        """Keystone does not know what other services have for a project."""
        return None

    def name_there(self, cloud: Cloud) -> str:
        return projects.project_name(cloud)

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        session = self._session("role")
        if projects.find(session, external_id) is None:
            return None
        return members.role_of(session, external_id, identity)

    def everything(self) -> Iterator[Found]:
        session = self._session("everything")
        roles, usage_project = _roles(session), self.settings.usage_project
        listed = session.without_reader(projects.everything(session))
        yield from (_found(each, roles) for each in listed if each["id"] != usage_project)

    def usage(self, external_ids: Collection[str], day: date) -> Iterator[Usage]:
        session = self._session("usage")
        # Read at once: the time of who asks must not count.
        return iter(list(usage.of_day(session, external_ids, day)))


def _roles(session: Session) -> Mapping[str, Mapping[str, Role]] | None:
    """All roles; None if their list, which has no pages, is too large: `find` knows those of one
    cloud."""
    try:
        return members.by_project(session)
    except NeedsPerson as refusal:
        if refusal.code != "http-answer-too-large":
            raise
        return None


def _found(project: Row, roles: Mapping[str, Mapping[str, Role]] | None) -> Found:
    return Found(
        project["id"],
        project["name"],
        our_id=projects.our_id(project),
        is_suspended=not project["enabled"],
        members=None if roles is None else roles.get(project["id"], {}),
    )
