"""OpenStack as a kind of cloud: the contract's calls, each a session of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from portal.providers.contract import Cloud, Found, NeedsPerson, Role, Usage
from portal.providers.openstack import accesses, members, preflight, projects, usage
from portal.providers.openstack.session import Row, Session, Settings
from portal.providers.session_provider import Calls, SessionProvider


class OpenStack(SessionProvider[Settings, Session]):
    """A connection to one domain."""

    new_session = Session
    calls = Calls(
        preflight=preflight.run,
        ensure_cloud=projects.ensure,
        change_cloud=projects.change,
        suspend=projects.suspend,
        resume=projects.resume,
        close=projects.close,
        grant=members.grant,
        revoke=members.revoke,
        access=accesses.make,
        withdraw=accesses.withdraw,
    )

    def find(self, external_id: str) -> Found | None:
        session = self.session("find")
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

    def role_there(self, role: Role) -> Role | None:
        """Keystone has fewer roles."""
        return members.AS_OURS.get(members.ROLES.get(role, ""))

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        session = self.session("role")
        if projects.find(session, external_id) is None:
            return None
        return members.role_of(session, external_id, identity)

    def everything(self) -> Iterator[Found]:
        session = self.session("everything")
        roles, usage_project = _roles(session), self.settings.usage_project
        listed = session.without_reader(projects.everything(session))
        yield from (_found(each, roles) for each in listed if each["id"] != usage_project)

    def usage(self, external_ids: Collection[str], day: date) -> Iterator[Usage]:
        session = self.session("usage")
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
