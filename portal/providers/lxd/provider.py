"""LXD as a kind of cloud: the contract's calls, each with a time of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from functools import partial

from portal.providers.contract import Cloud, Found, Role, Usage
from portal.providers.lxd import accesses, memberships, preflight, projects, suspension, usage
from portal.providers.lxd.session import Row, Session, Settings
from portal.providers.session_provider import Calls, SessionProvider


class Lxd(SessionProvider[Settings, Session]):
    """A connection to one server or cluster. Lists of LXD have no pages: `http.max_bytes` bounds
    them."""

    new_session = Session
    calls = Calls(
        preflight=preflight.run,
        ensure_cloud=projects.ensure,
        change_cloud=projects.change,
        suspend=suspension.suspend,
        resume=suspension.resume,
        close=partial(suspension.suspend, closes=True),
        grant=memberships.grant,
        revoke=memberships.revoke,
        access=accesses.make,
        withdraw=accesses.withdraw,
    )

    def find(self, external_id: str) -> Found | None:
        session = self.session("find")
        project = projects.find(session, external_id)
        if project is None:
            return None
        return _found(project, memberships.all_certificates(session))

    def is_empty(self, external_id: str) -> bool:
        """Whether no instance, image, volume or network uses the project. One that is gone has
        none."""
        project = projects.find(self.session("empty"), external_id)
        return project is None or projects.is_empty(project)

    def name_there(self, cloud: Cloud) -> str:
        return projects.clean(cloud.name) or cloud.id

    def role_there(self, role: Role) -> Role | None:
        """The project keeps the role of each membership as it is."""
        return role

    def role_of(self, external_id: str, identity: tuple[str, str]) -> Role | None:
        """A certificate names nobody: an operator verifies whose a project is."""
        return None

    def everything(self) -> Iterator[Found]:
        session = self.session("everything")
        certificates = memberships.all_certificates(session)
        return iter([_found(project, certificates) for project in projects.everything(session)])

    def usage(self, external_ids: Collection[str], day: date) -> Iterator[Usage]:
        """What is given now, if the day is today: LXD keeps no past."""
        if day != datetime.now(UTC).date():
            return iter(())
        return iter(list(usage.sample(self.session("usage"), external_ids)))


def _found(project: Row, certificates: list[Row]) -> Found:
    return Found(
        project["name"],
        project["description"] or project["name"],
        our_id=projects.our_id(project),
        is_suspended=projects.is_suspended(project),
        members=memberships.roles(project, certificates),
    )
