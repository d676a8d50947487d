"""The test of a connection: each right is tried on a project that is removed again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from portal.providers.contract import Ability, Cloud, Member, NeedsPerson, Preflight, Role
from portal.providers.lxd import accesses, memberships, projects, suspension, usage
from portal.providers.lxd.session import Session, segment

NAME = "portal-preflight"
EXTENSIONS = ("certificate_project", "project_usage", "projects_networks_restricted_access")
"""Of LXD's API; 5.0 has them."""
ABILITIES = frozenset({Ability.SUSPEND, Ability.ACCESS, Ability.LIMITS, Ability.USAGE_SAMPLE})


def run(session: Session) -> Preflight:
    """Try all rights. Raises NeedsPerson if LXD does not trust the connection's certificate."""
    server = session.call("GET", "").row
    if server.get("auth") != "trusted":
        raise NeedsPerson("lxd-not-trusted")
    extensions = server.get("api_extensions") or ()
    missing = [f"API extension ({name})" for name in EXTENSIONS if name not in extensions]
    missing += _missing_resources(session)
    if not missing:
        missing = _missing_rights(session)
    return Preflight(ABILITIES if not missing else frozenset(), tuple(missing), timedelta(0))


def _missing_resources(session: Session) -> list[str]:
    """The storage pool and the network of the settings, if LXD does not have them."""
    settings, missing = session.settings, []
    path = f"/storage-pools/{segment(settings.pool)}"
    if session.call("GET", path, allow=(404,)).status == 404:
        missing.append(f"storage pool ({settings.pool})")
    if settings.network:
        answer = session.call("GET", f"/networks/{segment(settings.network)}", allow=(404,))
        if answer.status == 404 or not answer.row.get("managed"):
            missing.append(f"managed network ({settings.network})")
    return missing


def _missing_rights(session: Session) -> list[str]:
    """What can't be done with a project and a membership of it; the first one, since all others
    need it."""
    number = secrets.token_hex(8)
    cloud = Cloud(f"{NAME}-{number}", NAME, {"cpu": 1, "memory": 1, "disk": 1, "instances": 1})
    member, until = Member(number), datetime.now(UTC) + timedelta(days=1)

    def give_access() -> None:
        memberships.grant(session, cloud.id, member, Role.EDITOR)
        accesses.make(session, cloud.id, member, access_id=f"{NAME}-{number}", until=until)

    steps: dict[str, Callable[[], object]] = {
        "list projects": lambda: _remove_leftovers(session),
        "create projects": lambda: projects.ensure(session, cloud),
        "change projects": lambda: projects.change(session, cloud.id, cloud),
        "add certificates": give_access,
        "change certificates and list instances": lambda: suspension.suspend(session, cloud.id),
        "remove certificates": lambda: memberships.revoke(session, cloud.id, member),
        "read what projects use": lambda: list(usage.sample(session, [cloud.id])),
        "delete projects": lambda: session.call("DELETE", projects.path(cloud.id)),
    }
    for right, act in steps.items():
        try:
            act()
        except NeedsPerson as refusal:
            with suppress(NeedsPerson):
                _remove_leftovers(session)
            said = refusal.facts.get("said", "")
            return [f"{right} ({said})" if said else right]
    return []


def _remove_leftovers(session: Session) -> None:
    """Remove what a test left that was killed."""
    for project in projects.everything(session):
        name = project["name"]
        if name.startswith(f"{NAME}-") and projects.our_id(project) == name:
            for member_id in memberships.by_member(project):
                memberships.revoke(session, name, Member(member_id))
            session.call("DELETE", projects.path(name), allow=(404,))
