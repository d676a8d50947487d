"""Usage: what a project's instances are given now, as LXD counts it for limits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal

from portal.providers.contract import NeedsPerson, Usage
from portal.providers.lxd import projects
from portal.providers.lxd.session import Session

GIB = Decimal(2**30)
QUANTUM = Decimal("1e-10")
RESOURCES = {
    "cpu": (Decimal(1), "vCPU"),
    "memory": (GIB, "GiB"),
    "disk": (GIB, "GiB"),
    "instances": (Decimal(1), "instance"),
}
"""For each resource of LXD how many of it are one of the unit."""


def sample(session: Session, external_ids: Collection[str]) -> Iterator[Usage]:
    """What is given now, a line a resource; nothing for projects that are gone."""
    for external_id in external_ids:
        path = f"{projects.path(external_id)}/state"
        answer = session.call("GET", path, allow=(404,))
        if answer.status == 404:
            continue
        resources = answer.row.get("resources")
        if not isinstance(resources, dict):
            raise NeedsPerson("lxd-not-lxd", said=f"no resources at {path}")
        for kind, (divisor, unit) in RESOURCES.items():
            used = Decimal(resources.get(kind, {}).get("Usage", 0))
            if used > 0:
                quantity = (used / divisor).quantize(QUANTUM)
                yield Usage(external_id, external_id, kind, quantity, unit)
