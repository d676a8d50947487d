"""CloudKitty as its administrator sees it: metered usage goes in, who may see it is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from portal.providers.openstack import OpenStack
from tests.clouds.domains import Admin, Domain


class Rating:
    """A real CloudKitty."""

    def __init__(self, admin: Admin, url: str) -> None:
        self.admin, self.url = admin, url
        service = {"type": "rating", "name": "cloudkitty"}
        service_id = admin.call("POST", "/services", {"service": service})["service"]["id"]
        endpoint = {"interface": "public", "service_id": service_id, "url": url}
        self.endpoint_id = admin.call("POST", "/endpoints", {"endpoint": endpoint})["endpoint"][
            "id"
        ]
        admin.call("POST", "/roles", {"role": {"name": "rating"}})

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def move(self, url: str) -> None:
        """Let the catalogue say that CloudKitty is there."""
        path = f"/endpoints/{self.endpoint_id}"
        self.admin.call("PATCH", path, {"endpoint": {"url": url}})

    def forget_role(self) -> None:
        """Delete the role, as before the guide was followed."""
        self.admin.call("DELETE", f"/roles/{self.admin.role('rating')}")

    def connect(self, domain: Domain, *, role: str = "rating") -> OpenStack:
        """A connection whose user has the role on a project of its own."""
        project_id = domain.create_project("portal-usage")
        role_id = self.admin.role(role)
        path = f"/projects/{project_id}/users/{domain.manager_id}/roles/{role_id}"
        self.admin.call("PUT", path)
        return domain.connection(usage_project=project_id)

    def meter(self, day: date, *points: tuple[str, str, str, str], hour: int = 0) -> None:
        """Add what volumes used in an hour of the UTC day, or replace it. A point is project,
        volume, GiB and cost."""
        begin = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        period = {
            "begin": begin.isoformat(),
            "end": (begin + timedelta(hours=1)).isoformat(),
        }
        usage = {"volume.size": [_point(*point) for point in points]}
        body = {"dataframes": [{"period": period, "usage": usage}]}
        self.admin.session.post(f"{self.url}/v2/dataframes", json=body)


def _point(project_id: str, volume: str, quantity: str, cost: str) -> dict[str, Any]:
    return {
        "vol": {"unit": "GiB", "qty": quantity},
        "rating": {"price": cost},
        "groupby": {"project_id": project_id, "id": volume},
        "metadata": {},
    }
