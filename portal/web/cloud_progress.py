"""Progress of clouds in lists: a page follows it, and says which connections are down."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from flask import request

from portal.domain import clouds
from portal.web.pages import is_partial


def followed(cloud_ids: Collection[str]) -> dict[str, Any]:
    """Return the template's context of a list of clouds: the `progress` of each by its ID, its
    `clouds_stamp`, the connections that are `down` (name, and since when), whether the page
    `follows` all this, and whether it `is_polled`. The caller has checked that the user sees the
    clouds."""
    progress = clouds.progress_for(cloud_ids)
    down = sorted({(it.place.name, it.down_since) for it in progress.values() if it.down_since})
    return {
        "progress": progress,
        "down": down,
        "clouds_stamp": hashlib.sha256(repr(progress).encode()).hexdigest()[:16],
        "follows": bool(down) or any(it.tasks for it in progress.values()),
        "is_polled": "poll" in request.args,
    }


def is_shown(context: dict[str, Any]) -> bool:
    """Whether the page that asks shows this already."""
    return is_partial() and request.args.get("seen") == context["clouds_stamp"]
