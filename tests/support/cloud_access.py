"""Access to a cloud in tests: the paths of its pages, and role assignments."""

from __future__ import annotations

from portal import db
from portal.domain import access
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND

OWNER, ADMIN, EDITOR, VIEWER, MEMBER = CloudRole


def access_path(cloud_id: str, path: str = "") -> str:
    return f"/console/clouds/{cloud_id}/access{path}"


def assign_role(cloud_id: str, role: CloudRole, **holder: str) -> None:
    """Assign the role without a check of permissions."""
    db.write(lambda: access.assign_cloud_role(role, cloud_id=cloud_id, by=COMMAND, **holder))
