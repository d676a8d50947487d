"""People of a cloud: its members, and what its connection has carried out of their roles."""

from __future__ import annotations

from typing import Any, NamedTuple

from portal import web
from portal.domain import access, cloud_access, clouds, memberships
from portal.domain.cloud_access import Member
from portal.domain.clouds import Cloud
from portal.domain.memberships import Progress


class CloudThere(NamedTuple):
    """What roles depend on at the connection of a cloud."""

    can_stop: bool
    is_suspended: bool


def people_of(cloud: Cloud) -> dict[str, Any]:
    """Return the template's context of the members of a cloud, for its owners, and where a
    connection carries out roles, of what it has carried out."""
    members = cloud_access.members_of(cloud, reader=web.actor())
    if not memberships.is_carried_out(cloud):
        return {"members": members, "partners": partners_of(members)}
    holding, losing = memberships.memberships_of(cloud)
    staff = {
        member.id: [holding[user_id] for user_id in access.staff_ids(member.id) & holding.keys()]
        for member in members
        if member.is_partner
    }
    return {
        "members": members,
        "partners": partners_of(members),
        "holding": holding,
        "losing": losing,
        "staff": staff,
        "cloud_there": _there(cloud),
    }


def partners_of(members: list[Member]) -> dict[str, str]:
    """Return the partners that have access by their account or their staff: ID → name."""
    return {member.partner_id: member.partner_name or "" for member in members if member.partner_id}


def standing_of(cloud: Cloud, user_id: str | None) -> dict[str, Any]:
    """Return the template's context of a person's membership of the cloud, where a connection
    carries out roles."""
    if not memberships.is_carried_out(cloud):
        return {}
    return {"standing": memberships.standing_of(cloud, user_id), "cloud_there": _there(cloud)}


def is_changing(people: dict[str, Any]) -> bool:
    """Whether the connection is about to carry out something of `people_of`."""
    standings = [*people.get("holding", {}).values(), *people.get("losing", [])]
    standings.append(people.get("standing"))
    states = (Progress.WAITING, Progress.ENDING)
    return any(one.membership.progress in states for one in standings if one)


def _there(cloud: Cloud) -> CloudThere:
    connection = clouds.pending_tasks(cloud).connection
    return CloudThere(connection.can_stop, is_suspended=bool(cloud.is_suspended_there))
