"""The filter of the customers’ list as its URL has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask import g, url_for
from flask_babel import gettext as _

from portal.domain import customers
from portal.domain.customers import CustomerRow, Filter, Manager, Status

STATUSES = list(Status)


def filter_of(given: Mapping[str, str]) -> Filter:
    """The filter that a URL's parameters ask for; what is none of them is passed over."""
    status, days = given.get("status", ""), given.get("waiting", "")
    return Filter(
        search=given.get("q", "").strip()[:200],
        status=Status(status) if status in set(Status) else None,
        manager=given.get("manager", "")[:20],
        waiting_days=int(days) if re.fullmatch("[0-9]{1,4}", days) else None,
        oldest_first=given.get("sort") == "oldest",
        after=given.get("after", "")[:20],
    )


def parameters(wanted: Filter) -> dict[str, str]:
    """A filter as its URL has it, from the first page on: what `filter_of` reads."""
    kept = {
        "q": wanted.search,
        "status": wanted.status or "",
        "manager": wanted.manager,
        "waiting": "" if wanted.waiting_days is None else str(wanted.waiting_days),
        "sort": "oldest" if wanted.oldest_first else "",
    }
    return {name: value for name, value in kept.items() if value}


def list_url(account_id: str, wanted: Filter, view: str = "index", **changes: Any) -> str:
    """The list, or a view of the same customers, with the same filter but for `changes`."""
    shown = {**parameters(wanted), **changes}
    return url_for(f"partner.customers.{view}", account_id=account_id, **shown)


def changes_url(rows: Iterable[CustomerRow], wanted: Filter) -> str:
    """Where the list asks what has become of its rows, each named with the status that it shows;
    empty where none of them waits."""
    shown = {row.id: row.status for row in rows}
    if Status.WAITING not in shown.values():
        return ""
    named = ".".join(f"{ident}-{STATUSES.index(status)}" for ident, status in shown.items())
    asked = {"account_id": g.partner.id, **parameters(wanted), "shown": named, "poll": 1}
    return url_for("partner.customers.changes", **asked)


def manager_choices() -> dict[str, str]:
    """What the list can be filtered by: values of the URL, and what people read."""
    found = {"": _("anybody"), customers.ME: _("me"), customers.NOBODY: _("nobody")}
    return found | {one.id: manager_label(one) for one in customers.managers_of(g.partner)}


def manager_label(manager: Manager) -> str:
    """The name, and that they left where they did."""
    if manager.is_staff:
        return manager.name
    return str(_("%(name)s (no longer on the staff)", name=manager.name))
