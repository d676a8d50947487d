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


def set_on(config: dict[str, str], cloud: Cloud) -> None:
    """Set the limits in the configuration of a project; those that are not named stay. Raises
    NeedsPerson for one that is not known."""
    unknown = sorted(set(cloud.limits) - set(LIMITS))
    if unknown:
        raise NeedsPerson("lxd-limit-unknown", limit=", ".join(unknown))
    for name, number in cloud.limits.items():
        if number is None:
            config.pop(f"limits.{name}", None)
        else:
            config[f"limits.{name}"] = _amount(name, number)


def _amount(name: str, number: int) -> str:
    return f"{number}{LIMITS[name].unit}"


def complete_profile(session: Session, external_id: str, cloud: Cloud) -> None:
    """Add to the default profile of the project what new instances need: a root disk, the network,
    an amount of what is limited. What is there stays: its people may change it."""
    settings = session.settings
    usual = {
        name: _amount(name, min(LIMITS[name].usual, number))
        for name, number in cloud.limits.items()
        if LIMITS[name].usual and number is not None
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
