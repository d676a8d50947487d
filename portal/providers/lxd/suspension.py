"""Suspension: certificates lose the project, and what runs in it is stopped."""

from __future__ import annotations

from datetime import UTC, datetime

from portal.providers.contract import Done
from portal.providers.lxd import instances, memberships, projects
from portal.providers.lxd.session import Row, Session

RAN = "user.portal.ran"
"""The names of the instances that ran before the suspension."""
GOES_ON = ("stopped instances", "volumes", "images")
FOREIGN = "sign-ins by certificates that the portal did not make"


def suspend(session: Session, external_id: str, *, closes: bool = False) -> Done:
    """Take the project from our certificates, which stay, then stop what runs in it. With `closes`
    the project is marked as closed, too."""
    project = projects.find(session, external_id)
    if project is None:
        return Done(external_id)
    memberships.detach_all(session, project)
    ran = " ".join(row["name"] for row in instances.running(session, external_id))

    def mark(config: dict[str, str]) -> None:
        if projects.SUSPENDED not in config:
            config |= {projects.SUSPENDED: "true", RAN: ran}
        if closes:
            config[projects.CLOSED] = "true"

    projects.configure(session, external_id, mark)
    instances.stop(session, external_id)
    return Done(external_id, datetime.now(UTC), _left(session, project))


def _left(session: Session, project: Row) -> tuple[str, ...]:
    """What a suspension leaves, in words."""
    foreign = memberships.foreign(project, memberships.all_certificates(session))
    return (*GOES_ON, FOREIGN) if foreign else GOES_ON


def resume(session: Session, external_id: str) -> Done:
    """Give the project back to the certificates, and start what ran."""
    project = projects.require(session, external_id)
    if projects.is_suspended(project):
        memberships.attach_all(session, project)
        instances.start(session, external_id, project["config"].get(RAN, "").split())

        def unmark(config: dict[str, str]) -> None:
            for key in (projects.SUSPENDED, RAN):
                config.pop(key, None)

        projects.configure(session, external_id, unmark)
    return Done(external_id)
