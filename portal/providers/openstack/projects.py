"""Clouds as projects. The name holds our ID and is the lock; the tag says whose they are.

Two workers that create one cloud send the same name: exactly one is answered 201, the other 409.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime

from portal.providers.contract import Cloud, Done, Later, NeedsPerson
from portal.providers.openstack.problems import Problem
from portal.providers.openstack.session import PAGE_ROWS, SOON, Row, Session, segment

NAME_LENGTH = 64
"""The longest name of a project."""
MARK = "portal:"
"""The tag of our projects is this and our ID."""
CLOSED = "portal-closed"
GOES_ON = ("servers", "volumes")
"""What a disabled project keeps: Keystone stops sign-ins only."""


def clean(name: str) -> str:
    """The name in NFC, printable, with single blanks."""
    normal = unicodedata.normalize("NFC", name)
    return " ".join("".join(c if c.isprintable() else " " for c in normal).split())


def project_name(cloud: Cloud) -> str:
    """At most 64 characters that no other cloud has: the start of its name and its ID."""
    start = clean(cloud.name)[: NAME_LENGTH - 1 - len(cloud.id)].rstrip()
    return f"{start}-{cloud.id}" if start else cloud.id


def our_id(project: Row) -> str:
    """Our ID of the cloud, from the project's tag; empty if it has none."""
    marks = [tag for tag in project.get("tags", ()) if tag.startswith(MARK)]
    return marks[0].removeprefix(MARK) if marks else ""


def ensure(session: Session, cloud: Cloud) -> Done:
    """Find the project, or create it. Raises NeedsPerson if there are two, or if the name is taken
    by a project without our tag."""
    ours = {row["id"] for row in _candidates(session, cloud) if _is(row, cloud)}
    if len(ours) > 1:
        raise NeedsPerson(Problem.CLOUD_DOUBLED, projects=", ".join(sorted(ours)))
    if ours:
        return Done(ours.pop())
    name = project_name(cloud)
    fields = {"name": name, "domain_id": session.domain_id, "tags": [MARK + cloud.id]}
    answer = session.call("POST", "/projects", {"project": fields}, allow=(409,))
    if answer.status == 201:
        return Done(answer.object("project")["id"])
    named = [row for row in _listed(session, name=name) if row["name"] == name]
    if not named:
        raise Later(answer.said, SOON)
    if not _is(named[0], cloud):
        raise NeedsPerson(Problem.NAME_TAKEN, name=name, project=named[0]["id"])
    return Done(named[0]["id"])


def _candidates(session: Session, cloud: Cloud) -> Iterator[Row]:
    """Projects that may be the cloud: by the end of their name; those renamed by hand by their tag.

    Of Keystone 30's filters only some are part of its SQL, as `iendswith` is. It looks for a tag
    among the first 1,000 projects only (`list_limit` or `max_db_limit`).
    """
    yield from _listed(session, name__iendswith=cloud.id, limit=PAGE_ROWS)
    try:
        yield from _listed(session, tags=MARK + cloud.id)
    except NeedsPerson as refusal:
        if refusal.code != Problem.LIST_CUT:
            raise


def _is(project: Row, cloud: Cloud) -> bool:
    return MARK + cloud.id in project.get("tags", ())


def _listed(session: Session, **filters: str) -> Iterator[Row]:
    """The projects of the connection's domain, whatever filters Keystone ignored."""
    domain_id = session.domain_id
    for row in session.rows("projects", domain_id=domain_id, **filters):
        is_project = "id" in row and "name" in row and not row.get("is_domain")
        if is_project and row.get("domain_id") == domain_id:
            yield row


def everything(session: Session) -> Iterator[Row]:
    """All projects of the domain, foreign ones too. Without a limit Keystone 30 cuts the list at
    1,000 rows and does not say so."""
    return _listed(session, limit=PAGE_ROWS)


def find(session: Session, external_id: str) -> Row | None:
    """The project. None only after the whole list: a domain manager is answered 403 for a project
    that is missing, and for one of another domain."""
    answer = session.call("GET", f"/projects/{segment(external_id)}", allow=(403, 404))
    project = answer.data.get("project", {})
    if project.get("id") == external_id and project.get("domain_id") == session.domain_id:
        return dict(project)
    return next((row for row in everything(session) if row["id"] == external_id), None)


def require(session: Session, external_id: str) -> Row:
    """The project. Raises NeedsPerson if it is gone."""
    project = find(session, external_id)
    if project is None:
        raise NeedsPerson(Problem.CLOUD_GONE, project=external_id)
    return project


def change(session: Session, external_id: str, cloud: Cloud) -> Done:
    """Rename the project, and tag it if it was adopted. Raises NeedsPerson if it is another
    cloud's."""
    project = require(session, external_id)
    if our_id(project) not in ("", cloud.id):
        raise NeedsPerson(Problem.CLOUD_OF_ANOTHER, project=external_id, id=our_id(project))
    tags = sorted({*project.get("tags", ()), MARK + cloud.id})
    _update(session, external_id, {"name": project_name(cloud), "tags": tags})
    return Done(external_id)


def suspend(session: Session, external_id: str) -> Done:
    """Disable the project: sign-ins are refused at once, tokens end with the services' cache."""
    ends_by = datetime.now(UTC) + session.settings.token_cache
    if find(session, external_id) is None:
        return Done(external_id)
    _update(session, external_id, {"enabled": False})
    return Done(external_id, ends_by, GOES_ON)


def resume(session: Session, external_id: str) -> Done:
    """Enable the project: old tokens and credentials work again."""
    require(session, external_id)
    _update(session, external_id, {"enabled": True})
    return Done(external_id)


def close(session: Session, external_id: str) -> Done:
    """Disable the project and tag it as closed."""
    ends_by = datetime.now(UTC) + session.settings.token_cache
    project = find(session, external_id)
    if project is None:
        return Done(external_id)
    tags = sorted({*project.get("tags", ()), CLOSED})
    _update(session, external_id, {"enabled": False, "tags": tags})
    return Done(external_id, ends_by, GOES_ON)


def _update(session: Session, external_id: str, fields: Row) -> None:
    session.call("PATCH", f"/projects/{segment(external_id)}", {"project": fields})
