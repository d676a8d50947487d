"""Limits of a project, and what its default profile needs so that instances can be created."""

from __future__ import annotations

from typing import NamedTuple

from portal.providers.contract import Cloud, NeedsPerson
from portal.providers.lxd.session import Row, Session, segment


class Limit(NamedTuple):
    """`unit` follows the number. Where a project has the limit, each instance needs an amount of
    its own: `usual`, unless its owner says otherwise."""

    unit: str = ""
    usual: int = 0


LIMITS = {
    "cpu": Limit(usual=1),
    "memory": Limit("GiB", usual=1),
    "disk": Limit("GiB", usual=10),
    "instances": Limit(),
}


def of_project(cloud: Cloud) -> dict[str, str]:
    """The limits as configuration of a project; those that are not named stay. Raises NeedsPerson
    for one that is not known."""
    unknown = sorted(set(cloud.limits) - set(LIMITS))
    if unknown:
        raise NeedsPerson("lxd-limit-unknown", limit=", ".join(unknown))
    return {f"limits.{name}": _amount(name, number) for name, number in cloud.limits.items()}


def _amount(name: str, number: int) -> str:
    return f"{number}{LIMITS[name].unit}"


def complete_profile(session: Session, external_id: str, cloud: Cloud) -> None:
    """Add to the default profile of the project what new instances need: a root disk, the network,
    an amount of what is limited. What is there stays: its people may change it."""
    settings = session.settings
    usual = {
        name: _amount(name, min(limit.usual, cloud.limits[name]))
        for name, limit in LIMITS.items()
        if limit.usual and name in cloud.limits
    }

    def edit(profile: Row) -> None:
        devices = profile["devices"]
        roots = [name for name, device in devices.items() if device.get("path") == "/"]
        root = devices.setdefault(
            roots[0] if roots else "root", {"type": "disk", "path": "/", "pool": settings.pool}
        )
        if "disk" in usual:
            root.setdefault("size", usual["disk"])
        if settings.network and not any(device["type"] == "nic" for device in devices.values()):
            devices["eth0"] = {"type": "nic", "network": settings.network, "name": "eth0"}
        for name in {"cpu", "memory"} & set(usual):
            profile["config"].setdefault(f"limits.{name}", usual[name])

    session.change(f"/profiles/default?project={segment(external_id)}", edit)
