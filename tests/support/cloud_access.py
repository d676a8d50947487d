"""Access control in tests: its addresses, and roles as they were given long ago."""

from __future__ import annotations

from portal import db
from portal.domain import access
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND

OWNER, ADMIN, EDITOR, VIEWER, MEMBER = CloudRole


def access_path(cloud_id: str, path: str = "") -> str:
    return f"/console/clouds/{cloud_id}/access{path}"


def assign_role(cloud_id: str, role: CloudRole, **holder: str) -> None:
    db.write(lambda: access.assign_cloud_role(role, cloud_id=cloud_id, by=COMMAND, **holder))
