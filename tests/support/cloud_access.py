"""Access to a cloud in tests: the paths of its pages, role assignments, and the verbs of people."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, cloud_access, values
from portal.domain.access import CloudRole
from portal.domain.actors import COMMAND
from portal.domain.cloud_access import Member
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from tests.support.world import DORA, actor, all_rows, giver, user

OWNER, ADMIN, EDITOR, VIEWER, MEMBER = CloudRole


def access_path(cloud_id: str, path: str = "") -> str:
    return f"/console/clouds/{cloud_id}/access{path}"


def assign_role(cloud_id: str, role: CloudRole, **holder: str) -> None:
    """Assign the role without a check of permissions."""
    db.write(lambda: access.assign_cloud_role(role, cloud_id=cloud_id, by=COMMAND, **holder))


WAIT = 20
"""Seconds that a role given by hand takes in a local run."""


def grant(cloud_id: str, role: CloudRole, *, to: str, by: str = DORA) -> None:
    """To an address, or to a partner's account by its ID."""
    whom = values.email(to) if "@" in to else to
    db.write(
        lambda: cloud_access.grant(db.lock(Cloud, cloud_id), by=giver(by, role), role=role, to=whom)
    )


def change(cloud_id: str, role: CloudRole, *, of: str, by: str = DORA) -> None:
    holder = holder_id(of)
    db.write(
        lambda: cloud_access.change(
            db.lock(Cloud, cloud_id), by=giver(by, role), role=role, of=holder
        )
    )


def revoke(cloud_id: str, *, of: str, by: str = DORA, stop: bool = False) -> None:
    who, holder = actor(by), holder_id(of)
    db.write(lambda: cloud_access.revoke(db.lock(Cloud, cloud_id), by=who, of=holder, stop=stop))


def revoke_partner(cloud_id: str, partner_id: str, *, by: str = DORA) -> None:
    who = actor(by)
    db.write(lambda: cloud_access.revoke_partner(db.lock(Cloud, cloud_id), by=who, of=partner_id))


def holder_id(who: str) -> str:
    return user(who).id if "@" in who else who


def give(cloud_id: str, role: CloudRole, *, to: str) -> None:
    """At once, by an operator."""
    holder = {"user_id": user(to).id} if "@" in to else {"partner_id": to}
    assign_role(cloud_id, role, **holder)


def roles(cloud_id: str, email: str) -> set[CloudRole]:
    """In effect now."""
    return db.read(lambda: set(access.roles_on_cloud(actor(email), cloud_id)))


def shown(cloud_id: str, who: str, *, reader: str = DORA) -> Member | None:
    """What the list says of somebody."""

    def question() -> Member | None:
        found = db.session.get_one(Cloud, cloud_id)
        holders = cloud_access.members_of(found, reader=actor(reader))
        return next((one for one in holders if one.id == holder_id(who)), None)

    return db.read(question)


def refusal(verb: Callable[..., object], *args: object, **named: object) -> str:
    """The code with which this is refused; nothing may have been written."""
    before = all_rows()
    with pytest.raises(Refused) as refused:
        verb(*args, **named)
    assert all_rows() == before
    return refused.value.code
