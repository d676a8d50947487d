"""Clouds as projects. The name is our ID and the lock; a key of the configuration says whose.

The configuration holds what the portal has to know again: memberships, suspension, what ran.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from urllib.parse import urlsplit

from portal.providers.contract import Cloud, Done, Later, NeedsPerson
from portal.providers.lxd import limits
from portal.providers.lxd.session import SOON, Row, Session, segment

MARK = "user.portal.id"
SUSPENDED = "user.portal.suspended"
CLOSED = "user.portal.closed"
NO_NETWORK = "/"
"""No network has this name. Without a list of allowed networks, people of a project may create,
change and delete those of the server."""


def clean(name: str) -> str:
    """The name in NFC, printable, with single blanks."""
    normal = unicodedata.normalize("NFC", name)
    return " ".join("".join(c if c.isprintable() else " " for c in normal).split())


def path(external_id: str) -> str:
    return f"/projects/{segment(external_id)}"


def our_id(project: Row) -> str:
    """Our ID of the cloud; empty if the portal did not make the project."""
    return str(project["config"].get(MARK, ""))


def is_suspended(project: Row) -> bool:
    return SUSPENDED in project["config"]


def ensure(session: Session, cloud: Cloud) -> Done:
    """Find the project, or create it. Raises NeedsPerson if its name is taken by another one."""
    config = {
        MARK: cloud.id,
        "features.images": "true",
        "features.profiles": "true",
        "features.storage.volumes": "true",
        "restricted": "true",
        "restricted.networks.access": session.settings.network or NO_NETWORK,
    }
    limits.set_on(config, cloud)
    fields = {"name": cloud.id, "description": clean(cloud.name), "config": config}
    answer = session.call("POST", "/projects", fields, allow=(409,))
    if answer.status == 409:
        project = find(session, cloud.id)
        if project is None:
            raise Later(answer.said, SOON)
        if our_id(project) != cloud.id:
            raise NeedsPerson("lxd-name-taken", project=cloud.id)
    limits.complete_profile(session, cloud.id, cloud)
    return Done(cloud.id)


def is_empty(project: Row) -> bool:
    """Whether the project has nothing but profiles, by the paths of all that is in it."""
    return all(urlsplit(used).path.startswith("/1.0/profiles/") for used in project["used_by"])


def everything(session: Session) -> list[Row]:
    """All projects of the server, foreign ones too."""
    return session.rows("/projects")


def find(session: Session, external_id: str) -> Row | None:
    """The project. None only after the whole list."""
    answer = session.call("GET", path(external_id), allow=(404,))
    project = answer.data
    if isinstance(project, dict) and project.get("name") == external_id:
        return project
    return next((row for row in everything(session) if row["name"] == external_id), None)


def require(session: Session, external_id: str) -> Row:
    """The project. Raises NeedsPerson if it is gone."""
    project = find(session, external_id)
    if project is None:
        raise NeedsPerson("lxd-cloud-gone", project=external_id)
    return project


def configure(session: Session, external_id: str, edit: Callable[[dict[str, str]], None]) -> None:
    """Change the configuration of the project."""
    session.change(path(external_id), lambda project: edit(project["config"]))


def change(session: Session, external_id: str, cloud: Cloud) -> Done:
    """Rename the project, limit it, and mark it if it was adopted. Raises NeedsPerson if it is
    another cloud's, or if more is in use than the limits allow."""
    project = require(session, external_id)
    if our_id(project) not in ("", cloud.id):
        raise NeedsPerson("lxd-cloud-of-another", project=external_id, id=our_id(project))

    def edit(row: Row) -> None:
        row["description"] = clean(cloud.name)
        row["config"][MARK] = cloud.id
        limits.set_on(row["config"], cloud)

    # A limit below what is in use is a server error to LXD.
    said = session.change(path(external_id), edit, allow=(400, 500))
    if said:
        raise NeedsPerson("lxd-change-refused", project=external_id, said=said)
    if project["config"].get("features.profiles") == "true":  # else its profiles are another's
        limits.complete_profile(session, external_id, cloud)
    return Done(external_id)
